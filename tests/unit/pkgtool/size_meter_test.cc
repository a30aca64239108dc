#include "pkgtool/size_meter.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

struct Metered {
  Bytes target;
  Spending all;
};

Metered meter(ByteSpan package, ByteSpan source) {
  const VerifyResult verified = verify_package(package, std::nullopt);
  SizeAccount account({verified.head->manifest.target.bytes});
  Metered result;
  result.target = meter_package(package, verified, source, &account);
  result.all = account.structure();
  result.all += account.rounded()[0];
  return result;
}

// Nothing that a source has.
Bytes noise(std::size_t count) {
  Random random(7);
  return random_bytes(&random, count);
}

class SizeMeterTest : public ::testing::TestWithParam<Codec> {
 protected:
  Bytes package_to(ByteSpan target, std::uint64_t ram_bytes_max = 1 << 20) const {
    BuildRequest request = request_of(source_, target);
    request.codec = GetParam();
    request.encoder.ram_bytes_max = ram_bytes_max;
    return package_of(request);
  }
  static std::uint64_t payload_bytes(ByteSpan package) {
    return verify_package(package, std::nullopt).head->manifest.payload_bytes;
  }

  Bytes source_ = make_image(200'000, 1);
};

TEST_P(SizeMeterTest, MakesTheTargetAndAddsUp) {
  const Bytes target = revise(source_, 210'000, 2);
  const Bytes package = package_to(target);
  const Metered result = meter(package, source_);
  EXPECT_EQ(result.target, target);
  EXPECT_EQ(result.all.payload_bytes(), payload_bytes(package));
  EXPECT_EQ(result.all.of(Stream::tree_nodes), 48u);
  EXPECT_GT(result.all.of(Stream::chunk_headers), 0u);
}

TEST_P(SizeMeterTest, AddsUpOverManyChunks) {
  const Bytes target = noise(600'000);
  const Bytes package = package_to(target, 300 << 10);
  ASSERT_GT(verify_package(package, std::nullopt).chunks.size(), 1u);
  const Metered result = meter(package, source_);
  EXPECT_EQ(result.all.payload_bytes(), payload_bytes(package));
  EXPECT_GT(result.all.of(Stream::literals), payload_bytes(package) / 2);
}

TEST_P(SizeMeterTest, CountsBytesThatChanged) {
  Bytes target = source_;
  for (const std::size_t at : {1000u, 50'000u, 50'003u, 180'000u}) target[at] ^= 0x55;
  const Metered result = meter(package_to(target), source_);
  EXPECT_EQ(result.all.changed_bytes, 4u);
  EXPECT_EQ(result.all.new_bytes, 0u);
  EXPECT_EQ(result.all.of(Stream::literals), 0u);
}

TEST_P(SizeMeterTest, CountsBytesThatAreNew) {
  Bytes target = source_;
  const Bytes added = noise(5000);
  target.insert(target.begin() + 100'000, added.begin(), added.end());
  const Metered result = meter(package_to(target), source_);
  EXPECT_NEAR(static_cast<double>(result.all.new_bytes), 5000, 200);
  EXPECT_NEAR(static_cast<double>(result.all.of(Stream::literals)), 5000, 400);
}

TEST_P(SizeMeterTest, RefusesAnotherSource) {
  const Bytes package = package_to(revise(source_, 210'000, 2));
  EXPECT_EQ(exit_of([&] { (void)meter(package, make_image(200'000, 9)); }), Exit::bad_input);
  EXPECT_EQ(exit_of([&] { (void)meter(package, {}); }), Exit::bad_input);
}

TEST_P(SizeMeterTest, AnEmptyTargetTakesNothing) {
  const Metered result = meter(package_to({}), source_);
  EXPECT_EQ(result.all.payload_bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Codecs, SizeMeterTest, ::testing::Values(Codec::zstd, Codec::context),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace romdelta::pkgtool
