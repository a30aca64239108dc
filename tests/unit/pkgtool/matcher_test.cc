#include "pkgtool/matcher.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

Cover match_of(ByteSpan source, ByteSpan target) {
  const Cover cover = match_images(source, target, no_progress);
  EXPECT_TRUE(is_valid_cover(cover, source.size(), target.size()));
  return cover;
}

std::uint64_t covered_bytes(const Cover& cover) {
  std::uint64_t total = 0;
  for (const Match& match : cover) total += match.bytes;
  return total;
}

Bytes join(std::initializer_list<ByteSpan> parts) {
  Bytes result;
  for (const ByteSpan part : parts) result.insert(result.end(), part.begin(), part.end());
  return result;
}

TEST(Matcher, FindsNothingInAnEmptyImage) {
  const Bytes image = make_image(100, 1);
  EXPECT_TRUE(match_of({}, image).empty());
  EXPECT_TRUE(match_of(image, {}).empty());
  EXPECT_TRUE(match_of({}, {}).empty());
}

TEST(Matcher, CoversAnEqualImageWithOneMatch) {
  const Bytes image = make_image(5000, 2);
  EXPECT_EQ(match_of(image, image), (Cover{{0, 0, 5000}}));
}

TEST(Matcher, AlignsAcrossAnInsertion) {
  Random random(3);
  const Bytes image = random_bytes(&random, 4000);
  const Bytes inserted = random_bytes(&random, 100);
  const ByteSpan all(image);
  const Bytes target = join({all.first(1500), inserted, all.subspan(1500)});
  const Cover cover = match_of(image, target);
  ASSERT_EQ(cover.size(), 2u);
  // Chance may extend a match by a byte or two into the inserted bytes.
  EXPECT_EQ(cover[0].target_offset, 0u);
  EXPECT_EQ(cover[0].source_offset, 0u);
  EXPECT_NEAR(static_cast<double>(cover[0].bytes), 1500, 8);
  EXPECT_EQ(cover[1].target_offset - cover[1].source_offset, 100u);
  EXPECT_EQ(cover[1].target_offset + cover[1].bytes, target.size());
}

TEST(Matcher, AlignsAcrossARemoval) {
  Random random(4);
  const Bytes image = random_bytes(&random, 4000);
  const ByteSpan all(image);
  const Bytes target = join({all.first(1000), all.subspan(1200)});
  const Cover cover = match_of(image, target);
  ASSERT_EQ(cover.size(), 2u);
  EXPECT_EQ(cover[1].source_offset - cover[1].target_offset, 200u);
  EXPECT_EQ(covered_bytes(cover), target.size());
}

TEST(Matcher, FollowsBlocksThatChangedPlaces) {
  Random random(5);
  const Bytes image = random_bytes(&random, 3000);
  const ByteSpan all(image);
  const Bytes target = join({all.subspan(2000), all.first(1000), all.subspan(1000, 1000)});
  const Cover cover = match_of(image, target);
  EXPECT_EQ(covered_bytes(cover), target.size());
  ASSERT_EQ(cover.size(), 2u);
  EXPECT_EQ(cover[0], (Match{0, 2000, 1000}));
  EXPECT_EQ(cover[1], (Match{1000, 0, 2000}));
}

TEST(Matcher, KeepsAnAlignmentOverScatteredChanges) {
  Random random(6);
  const Bytes image = random_bytes(&random, 4000);
  Bytes target = image;
  for (std::size_t i = 10; i < target.size(); i += 40) target[i] ^= 0x55;
  EXPECT_EQ(match_of(image, target), (Cover{{0, 0, 4000}}));
}

TEST(Matcher, LeavesNewBytesToLiterals) {
  Random random(7);
  const Bytes image = random_bytes(&random, 2000);
  const Bytes target = random_bytes(&random, 2000);
  EXPECT_LT(covered_bytes(match_of(image, target)), 100u);
}

TEST(Matcher, CoverIsValidForAnyPair) {
  Random random = test::seeded_random();
  for (int i = 0; i < 40; ++i) {
    const Bytes source = make_image(test::pick(&random, 1, 3000), random());
    const Bytes target = revise(source, test::pick(&random, 1, 3000), random());
    match_of(source, target);
    match_of(target, source);
  }
}

TEST(Matcher, SaysWhatItDoes) {
  const Bytes image = make_image(2 << 20, 8);
  std::set<std::string> stages;
  (void)match_images(image, image, [&](const char* stage, std::uint64_t done, std::uint64_t total) {
    stages.insert(stage);
    EXPECT_LE(done, total);
  });
  EXPECT_EQ(stages, (std::set<std::string>{"index", "match"}));
}

}  // namespace
}  // namespace romdelta::pkgtool
