#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "installer/cli/key_text.h"
#include "pkgtool/replay.h"
#include "tests/golden/description.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

namespace fs = std::filesystem;

// Every format version with its packages: a file that is missing or new fails the test.
struct Version {
  const char* directory;
  std::vector<std::string> packages;
};
const std::vector<Version>& versions() {
  static const std::vector<Version> all = {
      {"v1",
       {"chunks", "context", "deep", "delta", "empty", "filtered", "full", "in-place",
        "in-place-full", "map", "stored", "two-keys", "unchanged"}},
  };
  return all;
}

Bytes read_file(const fs::path& path) { return to_bytes(cli::read_text(path.string())); }

struct Golden {
  explicit Golden(fs::path path) : stem(std::move(path)) {
    package = read_file(with(".pku"));
    target = read_file(with(".target"));
    description = cli::read_text(with(".txt").string());
    if (fs::exists(with(".source"))) source = read_file(with(".source"));
  }
  fs::path with(const char* suffix) const { return stem.string() + suffix; }

  fs::path stem;
  Bytes package;
  std::optional<Bytes> source;
  Bytes target;
  std::string description;
};

std::vector<Golden> all_golden() {
  std::vector<Golden> golden;
  for (const Version& version : versions()) {
    for (const std::string& name : version.packages) {
      golden.emplace_back(fs::path(ROMDELTA_GOLDEN_DIR) / version.directory / name);
    }
  }
  return golden;
}

PublicKey golden_key(const char* name) {
  const fs::path path = fs::path(ROMDELTA_GOLDEN_DIR) / name;
  return cli::parse_public_key(cli::read_text(path.string()), path.string());
}

TEST(Golden, DirectoryHoldsExactlyWhatIsTested) {
  for (const Version& version : versions()) {
    std::vector<std::string> found;
    for (const auto& entry :
         fs::directory_iterator(fs::path(ROMDELTA_GOLDEN_DIR) / version.directory)) {
      if (entry.path().extension() == ".pku") found.push_back(entry.path().stem().string());
    }
    std::ranges::sort(found);
    EXPECT_EQ(found, version.packages) << version.directory;
  }
}

TEST(Golden, KeysAreTheSeededTestKeys) {
  const PublicKey one = golden_key("one.pub");
  EXPECT_EQ(one.value, test_key(1).public_key.value);
  EXPECT_EQ(one.id, test_key(1).public_key.id);
  EXPECT_EQ(golden_key("two.pub").value, test_key(2).public_key.value);
}

TEST(Golden, PackagesSayWhatTheySaidWhenTheyWereMade) {
  const PublicKey key = golden_key("one.pub");
  for (const Golden& golden : all_golden()) {
    PackageHead head;
    ASSERT_EQ(verify_head(golden.package, {&key, 1}, &head), Status::ok) << golden.stem;
    EXPECT_EQ(describe(head), golden.description) << golden.stem;
    EXPECT_EQ(head.file_bytes(), golden.package.size()) << golden.stem;
    EXPECT_EQ(head.manifest.is_full(), !golden.source.has_value()) << golden.stem;
    const Bytes again =
        written_by([&](ByteWriter* writer) { encode_signed_part(head.manifest, writer); });
    EXPECT_TRUE(std::ranges::equal(again, ByteSpan(golden.package).first(again.size())))
        << golden.stem;
  }
}

TEST(Golden, PackagesInstallWithinTheBudgetsThatTheyDeclare) {
  const PublicKey key = golden_key("one.pub");
  for (const Golden& golden : all_golden()) {
    std::optional<ByteSpan> source;
    if (golden.source) source = *golden.source;
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1} << 20}) {
      pkgtool::ReplayOptions options;
      options.piece_bytes = piece;
      const pkgtool::ReplayResult result =
          pkgtool::replay(golden.package, source, {&key, 1}, options);
      ASSERT_EQ(result.status, Status::ok) << golden.stem;
      EXPECT_EQ(result.target, golden.target) << golden.stem;
      const Budgets& budgets = result.head->manifest.budgets;
      EXPECT_LE(result.arena_used_bytes, budgets.ram_bytes) << golden.stem;
      EXPECT_LE(result.flash_write_bytes, budgets.flash_write_bytes) << golden.stem;
      EXPECT_LE(result.erase_count, budgets.erase_count) << golden.stem;
      EXPECT_LE(result.journal_bytes, budgets.journal_bytes) << golden.stem;
    }
  }
}

TEST(Golden, PackagesInstallOnFlashAndOnDisk) {
  for (const Golden& golden : all_golden()) {
    for (const FlashGeometry& geometry : {nor_geometry, disk_geometry}) {
      DeviceShape shape;
      shape.slots = geometry;
      shape.scratch_bytes = 64 * 1024;
      TestDevice device(shape);
      device.provision(golden.source.value_or(Bytes()), "1.0");
      ASSERT_EQ(run_session(&device, golden.package).status, Status::ok) << golden.stem;
      EXPECT_EQ(device.active_image(), golden.target) << golden.stem;
      EXPECT_EQ(device.installed().version.view(), "2.0") << golden.stem;
    }
  }
}

TEST(Golden, PackageWithTwoSignaturesIsGoodForEitherKey) {
  const Golden golden(fs::path(ROMDELTA_GOLDEN_DIR) / "v1" / "two-keys");
  for (const char* name : {"one.pub", "two.pub"}) {
    const PublicKey key = golden_key(name);
    TestDevice device;
    device.device.trusted_keys = {&key, 1};
    device.provision(*golden.source, "1.0");
    EXPECT_EQ(run_session(&device, golden.package).status, Status::ok) << name;
    EXPECT_EQ(device.active_image(), golden.target) << name;
  }
}

}  // namespace
}  // namespace romdelta::test
