#include "pkgtool/address_map_builder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pkgtool/context_encoder.h"
#include "pkgtool/map_encoder.h"
#include "pkgtool/matcher.h"
#include "pkgtool/replay.h"
#include "tests/support/linked_image.h"
#include "tests/support/random_map.h"
#include "tests/support/reference_context.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

using test::link_image;
using test::LinkPlan;

constexpr std::size_t kStepCountMax = limits::map_step_count_max;

BuiltMap map_of(ByteSpan source, ByteSpan target, std::size_t step_count_max = kStepCountMax) {
  return find_address_map(source, target, step_count_max, 1, no_progress);
}

// The bytes of the target that no exact copy from `from` explains.
std::uint64_t strange_bytes(ByteSpan from, ByteSpan target) {
  std::uint64_t strange = target.size();
  for (const Match& match : find_matches(from, target, no_progress).cover) {
    for (std::uint64_t i = 0; i < match.bytes; ++i) {
      if (from[match.source_offset + i] == target[match.target_offset + i]) --strange;
    }
  }
  return strange;
}

test::ReferenceMap reference_of(const BuiltMap& map) {
  return {map.base, map.segments, map.regions, map.anchors, map.shifts};
}

void expect_valid(const BuiltMap& map) {
  const EncodedMap encoded = encode_map(map.map());
  EXPECT_EQ(encoded.identity.step_count, map.step_count());
  EXPECT_EQ(encoded.identity.bytes, encoded.bytes.size());
  EXPECT_EQ(encoded.identity.digest, digest_of(DigestDomain::map, encoded.bytes));
  test::ReferenceMap read;
  ASSERT_TRUE(test::reference_decode_map(encoded.bytes, map.step_count(), &read));
  EXPECT_EQ(read, reference_of(map));
}

TEST(AddressMapBuilder, FindsWhereFunctionsOfARawImageMoved) {
  LinkPlan plan;
  const Bytes source = link_image(plan);
  plan.grown_words = {0, 0, 0, 5, 0, 0, 0, 0, 0, 11, 0, 0, 300};
  const Bytes target = link_image(plan);
  const BuiltMap map = map_of(source, target);
  ASSERT_FALSE(map.empty());
  EXPECT_GT(map.gain_bits, 0);
  EXPECT_EQ(map.base, plan.base);
  expect_valid(map);
  const Bytes rewritten = rebase_image(source, map.map(), 1);
  EXPECT_EQ(rewritten, test::reference_rebase(source, reference_of(map)));
  // What the functions grew by is new whatever moved.
  const std::uint64_t grown = target.size() - source.size();
  EXPECT_LE(strange_bytes(rewritten, target) - grown, 100u);
  EXPECT_GE(strange_bytes(source, target) - grown, 2000u);
}

TEST(AddressMapBuilder, FindsNothingBetweenStrangers) {
  Random random(7);
  const Bytes source = random_bytes(&random, 30'000);
  EXPECT_TRUE(map_of(source, random_bytes(&random, 30'000)).empty());
  LinkPlan plan;
  const Bytes code = link_image(plan);
  plan.seed = 2;
  EXPECT_TRUE(map_of(code, link_image(plan)).empty());
}

TEST(AddressMapBuilder, FindsNothingInImagesWithoutReferences) {
  const Bytes source = make_image(40'000, 8);
  EXPECT_TRUE(map_of(source, source).empty());
  EXPECT_TRUE(map_of({}, source).empty());
  EXPECT_TRUE(map_of(source, {}).empty());
  EXPECT_TRUE(map_of({}, {}).empty());
  EXPECT_TRUE(map_of(link_image({}), link_image({})).empty());
}

TEST(AddressMapBuilder, KeepsTheNumberOfStepsThatItIsGiven) {
  LinkPlan plan;
  plan.function_count = 400;
  const Bytes source = link_image(plan);
  Random random(9);
  for (int i = 0; i < 400; ++i) {
    plan.grown_words.push_back(test::pick(&random, 0, 3) == 0 ? test::pick(&random, 1, 9) : 0);
  }
  const Bytes target = link_image(plan);
  const std::size_t most = map_of(source, target).step_count();
  ASSERT_GT(most, 50u);
  for (const std::size_t step_count_max : {std::size_t{0}, std::size_t{1}, std::size_t{4},
                                           std::size_t{20}, most / 2, most - 1, most}) {
    const BuiltMap map = map_of(source, target, step_count_max);
    EXPECT_LE(map.step_count(), step_count_max);
    if (!map.empty()) expect_valid(map);
  }
}

TEST(AddressMapBuilder, DoesNotDependOnThreads) {
  LinkPlan plan;
  plan.function_count = 3000;
  const Bytes source = link_image(plan);
  plan.grown_words = {1, 0, 7};
  const Bytes target = link_image(plan);
  const BuiltMap one = find_address_map(source, target, kStepCountMax, 1, no_progress);
  const BuiltMap four = find_address_map(source, target, kStepCountMax, 4, no_progress);
  EXPECT_EQ(reference_of(one), reference_of(four));
  EXPECT_EQ(rebase_image(source, one.map(), 1), rebase_image(source, one.map(), 4));
}

TEST(AddressMapBuilder, RewritesAnImageInPiecesAsAWhole) {
  Random random(11);
  const test::ReferenceMap map = test::random_map(&random, 300'000);
  const Bytes source = test::random_code(&random, 300'000, 0, map.base);
  EXPECT_EQ(rebase_image(source, map.map(), 2), test::reference_rebase(source, map));
}

TEST(MapEncoder, OfNoShiftsMakesNoBytes) {
  const std::vector<MapStep> steps = {{0, 0}};
  AddressMap map;
  map.segments = steps;
  EXPECT_TRUE(encode_map(map).bytes.empty());
  EXPECT_FALSE(encode_map(map).identity.present());
}

TEST(MapEncoder, WritesWhatTheFormatSays) {
  Random random = test::seeded_random();
  for (int run = 0; run < 100; ++run) {
    const test::ReferenceMap map = test::random_map(&random, 50'000);
    const EncodedMap encoded = encode_map(map.map());
    test::ReferenceMap read;
    ASSERT_TRUE(test::reference_decode_map(encoded.bytes, map.step_count(), &read));
    EXPECT_EQ(read, map);
  }
}

TEST(PackageWithMap, AppliesItsChunksToTheRewrittenSource) {
  LinkPlan plan;
  const Bytes source = link_image(plan);
  plan.grown_words = {0, 3, 0, 0, 0, 20};
  const Bytes target = link_image(plan);
  const BuiltMap map = map_of(source, target);
  const Bytes rewritten = rebase_image(source, map.map(), 1);
  const Cover cover = match_images(rewritten, target, no_progress);
  for (const unsigned unit_bytes : {2u, 4u}) {
    const ContextChunk chunk =
        encode_context_chunk(rewritten, target, cover, {0, target.size()}, unit_bytes);
    Bytes made;
    ASSERT_TRUE(test::reference_context_patch(
        chunk.bytes, test::reference_rebase(source, reference_of(map)), target.size(), &made));
    EXPECT_EQ(made, target);
  }
}

TEST(PackageWithMap, InstallsAndIsSmaller) {
  LinkPlan plan;
  plan.function_count = 600;
  const Bytes source = link_image(plan);
  plan.grown_words = {0, 3, 0, 0, 0, 20};
  const Bytes target = link_image(plan);
  BuildRequest request = request_of(source, target);
  request.codec = Codec::context;
  const UnsignedPackage with = build_package(request, no_progress);
  ASSERT_TRUE(with.manifest.map.present());
  EXPECT_EQ(with.manifest.budgets.ram_bytes, arena_bytes_needed(with.manifest));
  const PublicKey key = test::test_key(1).public_key;
  const ReplayResult result = replay(signed_by_test_key(with), ByteSpan(source), {&key, 1}, {});
  ASSERT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.target, target);
  EXPECT_LE(result.arena_used_bytes, with.manifest.budgets.ram_bytes);
  request.use_map = false;
  const UnsignedPackage without = build_package(request, no_progress);
  EXPECT_FALSE(without.manifest.map.present());
  EXPECT_LT(with.payload.size(), without.payload.size() * 2 / 3);
}

}  // namespace
}  // namespace romdelta::pkgtool
