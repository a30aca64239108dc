#include "pkgtool/packager.h"

#include <gtest/gtest.h>

#include "format/journal_record.h"
#include "pkgtool/replay.h"
#include "tests/support/linked_image.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

Exit build_exit(const BuildRequest& request) {
  return exit_of([&] { (void)build_package(request, no_progress); });
}

TEST(Packager, DescribesBothImages) {
  const Bytes source = make_image(20000, 1);
  const Bytes target = revise(source, 21000, 2);
  const UnsignedPackage package = build_package(request_of(source, target), no_progress);
  const Manifest& manifest = package.manifest;
  EXPECT_EQ(manifest.package_id.view(), "com.example.app");
  ASSERT_EQ(manifest.source_count, 1u);
  EXPECT_EQ(manifest.sources[0].version.view(), "1.0");
  EXPECT_EQ(manifest.sources[0].bytes, source.size());
  EXPECT_EQ(manifest.sources[0].digest, digest_of(DigestDomain::image, source));
  EXPECT_EQ(manifest.target.version.view(), "2.0");
  EXPECT_EQ(manifest.target.bytes, target.size());
  EXPECT_EQ(manifest.target.digest, digest_of(DigestDomain::image, target));
  EXPECT_EQ(manifest.payload_bytes, package.payload.size());
  EXPECT_EQ(manifest.layout, Layout::ab);
}

TEST(Packager, SignedPartIsWhatTheFileBeginsWith) {
  const Bytes target = make_image(5000, 3);
  const UnsignedPackage package = build_package(request_of({}, target), no_progress);
  const Bytes file = signed_by_test_key(package);
  PackageHead head;
  const PublicKey key = test::test_key(1).public_key;
  ASSERT_EQ(
      verify_head(ByteSpan(file).first(std::min<std::size_t>(file.size(), 4096)), {&key, 1}, &head),
      Status::ok);
  EXPECT_EQ(head.manifest_digest, package.digest());
  EXPECT_EQ(head.file_bytes(), file.size());
}

// Two revisions of linked code: functions grew, and every reference followed.
class PackagerOfLinkedCode : public ::testing::Test {
 protected:
  static Bytes revision(std::vector<std::size_t> grown_words) {
    return test::link_image({.function_count = 400, .grown_words = std::move(grown_words)});
  }

  BuildRequest request() const {
    BuildRequest request = request_of(source_, target_);
    request.codec = Codec::context;
    return request;
  }

  Bytes source_ = revision({});
  Bytes target_ = revision({0, 3, 0, 0, 8, 0, 1, 0, 0, 5});
};

TEST_F(PackagerOfLinkedCode, IsSmallerWithAMap) {
  BuildRequest without = request();
  without.use_map = false;
  const UnsignedPackage mapped = build_package(request(), no_progress);
  const UnsignedPackage plain = build_package(without, no_progress);
  EXPECT_TRUE(mapped.manifest.map.present());
  EXPECT_FALSE(plain.manifest.map.present());
  EXPECT_LT(2 * mapped.payload.size(), plain.payload.size());
}

TEST_F(PackagerOfLinkedCode, LeavesTheMapOutWhereItLeavesNoRoomForChunks) {
  BuildRequest small = request();
  small.encoder.erase_block_bytes = 512;
  // What a package without map needs at least, and a little.
  small.use_map = false;
  small.encoder.ram_bytes_max = 1 << 20;
  Manifest least = build_package(small, no_progress).manifest;
  least.chunk_stored_bytes_max = 1024;
  least.group_bytes = 4608;
  small.use_map = true;
  small.encoder.ram_bytes_max = arena_bytes_needed(least);
  const UnsignedPackage package = build_package(small, no_progress);
  EXPECT_FALSE(package.manifest.map.present());
  EXPECT_LE(package.manifest.budgets.ram_bytes, small.encoder.ram_bytes_max);
}

// docs/format.md section 4.3.
TEST(Packager, BudgetsFollowTheFormulas) {
  const Bytes source = make_image(150000, 4);
  const Bytes target = revise(source, 170001, 5);
  for (const std::uint32_t block : {512u, 4096u, 65536u}) {
    BuildRequest request = request_of(source, target);
    request.encoder.erase_block_bytes = block;
    request.encoder.ram_bytes_max = 320 << 10;
    const Manifest manifest = build_package(request, no_progress).manifest;
    const std::uint64_t group = manifest.group_bytes;
    EXPECT_EQ(manifest.erase_block_bytes, block);
    EXPECT_EQ(manifest.budgets.ram_bytes, arena_bytes_needed(manifest));
    EXPECT_EQ(manifest.budgets.scratch_bytes, 0u);
    EXPECT_EQ(manifest.budgets.flash_write_bytes, (target.size() + group - 1) / group * group);
    EXPECT_EQ(manifest.budgets.erase_count, (target.size() + block - 1) / block);
    EXPECT_EQ(manifest.budgets.journal_bytes,
              (manifest.chunk_count + 1) * std::uint64_t{JournalRecord::bytes});
    EXPECT_LE(manifest.budgets.redo_bytes, target.size());
  }
}

TEST(Packager, BudgetsOfAnEmptyTargetAreAlmostNothing) {
  const Bytes source = make_image(1000, 6);
  BuildRequest request = request_of(source, {});
  const Manifest manifest = build_package(request, no_progress).manifest;
  EXPECT_EQ(manifest.chunk_count, 0u);
  EXPECT_EQ(manifest.budgets.flash_write_bytes, 0u);
  EXPECT_EQ(manifest.budgets.erase_count, 0u);
  EXPECT_EQ(manifest.budgets.redo_bytes, 0u);
  EXPECT_EQ(manifest.budgets.journal_bytes, 2 * std::uint64_t{JournalRecord::bytes});
}

TEST(Packager, InstallationKeepsTheBudgets) {
  Random random = test::seeded_random();
  const PublicKey key = test::test_key(1).public_key;
  for (int i = 0; i < 6; ++i) {
    const Bytes source = make_image(test::pick(&random, 1, 200000), random());
    const Bytes target = revise(source, test::pick(&random, 0, 200000), random());
    BuildRequest request = request_of(source, target);
    request.encoder.ram_bytes_max = test::pick(&random, 256 << 10, 600 << 10);
    request.encoder.erase_block_bytes = 512u << test::pick(&random, 0, 6);
    const UnsignedPackage package = build_package(request, no_progress);
    const ReplayResult result =
        replay(signed_by_test_key(package), ByteSpan(source), {&key, 1}, {});
    ASSERT_EQ(result.status, Status::ok);
    EXPECT_EQ(result.target, target);
    const Budgets& budgets = package.manifest.budgets;
    EXPECT_LE(result.arena_used_bytes, budgets.ram_bytes);
    EXPECT_LE(result.flash_write_bytes, budgets.flash_write_bytes);
    EXPECT_LE(result.erase_count, budgets.erase_count);
    EXPECT_LE(result.journal_bytes, budgets.journal_bytes);
  }
}

TEST(Packager, FallsBackToAFullPackage) {
  Random random(7);
  const Bytes source = random_bytes(&random, 5000);
  const Bytes target = random_bytes(&random, 5000);
  BuildRequest request = request_of(source, target);
  request.full_if_smaller = true;
  const UnsignedPackage package = build_package(request, no_progress);
  EXPECT_TRUE(package.manifest.is_full());
  const UnsignedPackage full = build_package(request_of({}, target), no_progress);
  EXPECT_EQ(package.signed_part, full.signed_part);
  EXPECT_EQ(package.payload, full.payload);
}

TEST(Packager, KeepsTheDeltaWhereItIsSmaller) {
  Random random(8);
  const Bytes source = random_bytes(&random, 50000);
  Bytes target = source;
  target[100] ^= 1;
  BuildRequest request = request_of(source, target);
  request.full_if_smaller = true;
  const UnsignedPackage delta = build_package(request, no_progress);
  EXPECT_FALSE(delta.manifest.is_full());
  EXPECT_LT(delta.payload.size(), 500u);
}

TEST(Packager, NeverMakesADeltaLargerThanTheFullPackage) {
  Random random = test::seeded_random();
  for (int i = 0; i < 15; ++i) {
    const Bytes source = make_image(test::pick(&random, 1, 8000), random());
    const Bytes target = make_image(test::pick(&random, 1, 8000), random());
    BuildRequest request = request_of(source, target);
    request.full_if_smaller = true;
    const UnsignedPackage package = build_package(request, no_progress);
    const UnsignedPackage full = build_package(request_of({}, target), no_progress);
    EXPECT_LE(package.signed_part.size() + package.payload.size(),
              full.signed_part.size() + full.payload.size());
  }
}

TEST(Packager, SameRequestSameBytes) {
  const Bytes source = make_image(30000, 9);
  const Bytes target = revise(source, 31000, 10);
  BuildRequest request = request_of(source, target);
  const Bytes first = package_of(request);
  request.encoder.thread_count = 5;
  EXPECT_EQ(package_of(request), first);
}

TEST(Packager, PutsTheDeviceIntoTheManifest) {
  const Bytes target = make_image(100, 11);
  BuildRequest request = request_of({}, target);
  ASSERT_TRUE(request.device.vendor.assign("example"));
  request.device.has_hardware_range = true;
  request.device.hardware_min = 2;
  request.device.hardware_max = 5;
  request.order.security_counter = 42;
  const Manifest manifest = build_package(request, no_progress).manifest;
  EXPECT_EQ(manifest.device.vendor.view(), "example");
  EXPECT_TRUE(manifest.device.model.empty());
  EXPECT_EQ(manifest.device.hardware_min, 2u);
  EXPECT_EQ(manifest.device.hardware_max, 5u);
  EXPECT_EQ(manifest.order.security_counter, 42u);
}

TEST(Packager, RefusesNamesThatTheFormatDoesNotAllow) {
  const Bytes image = make_image(100, 12);
  for (const std::string& id : {std::string(), std::string("Upper"), std::string("-minus"),
                                std::string("sp ace"), std::string(65, 'a')}) {
    BuildRequest request = request_of(image, image);
    request.package_id = id;
    EXPECT_EQ(build_exit(request), Exit::usage) << "'" << id << "'";
  }
  for (const std::string& version :
       {std::string(), std::string("1/2"), std::string("1 2"), std::string(49, '1')}) {
    BuildRequest request = request_of(image, image);
    request.target_version = version;
    EXPECT_EQ(build_exit(request), Exit::usage) << "'" << version << "'";
    request = request_of(image, image);
    request.source->version = version;
    EXPECT_EQ(build_exit(request), Exit::usage) << "'" << version << "'";
  }
}

TEST(Packager, AcceptsTheLongestNames) {
  const Bytes image = make_image(100, 13);
  BuildRequest request = request_of(image, image);
  request.package_id = std::string(limits::package_id_bytes_max, 'a');
  request.target_version = std::string(limits::version_bytes_max, '1');
  request.source->version = std::string(limits::version_bytes_max, '2');
  EXPECT_EQ(build_exit(request), Exit::done);
}

TEST(Packager, RefusesImpossibleEraseBlocks) {
  const Bytes image = make_image(100, 14);
  for (const std::uint32_t block : {0u, limits::erase_block_bytes_max + 1}) {
    BuildRequest request = request_of({}, image);
    request.encoder.erase_block_bytes = block;
    EXPECT_EQ(build_exit(request), Exit::usage);
  }
}

TEST(Packager, AssemblesAnyNumberOfSignatures) {
  const Bytes target = make_image(1000, 15);
  const UnsignedPackage package = build_package(request_of({}, target), no_progress);
  SignatureList signatures;
  std::size_t before = assemble(package, signatures).size();
  for (std::uint8_t number = 1; number <= limits::signature_count_max; ++number) {
    ASSERT_TRUE(signatures.insert(test::sign(test::test_key(number), package.digest())));
    const Bytes file = assemble(package, signatures);
    EXPECT_EQ(file.size(), before + signature_entry_bytes);
    before = file.size();
    const PublicKey key = test::test_key(number).public_key;
    EXPECT_EQ(replay(file, std::nullopt, {&key, 1}, {}).status, Status::ok);
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
