#include "pkgtool/cover_planner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

class CoverPlanner : public ::testing::TestWithParam<PlanCosts> {
 protected:
  Cover plan(ByteSpan source, ByteSpan target) const {
    return plan(source, target, find_matches(source, target, no_progress));
  }
  Cover plan(ByteSpan source, ByteSpan target, const Matches& matches) const {
    const Cover cover = plan_cover(source, target, matches, GetParam(), no_progress);
    EXPECT_TRUE(is_valid_cover(cover, source.size(), target.size()));
    return cover;
  }
};

INSTANTIATE_TEST_SUITE_P(Costs, CoverPlanner, ::testing::ValuesIn(plan_costs));

TEST_P(CoverPlanner, CoversNothingOfAnEmptyImage) {
  const Bytes image = make_image(100, 1);
  EXPECT_TRUE(plan({}, image).empty());
  EXPECT_TRUE(plan(image, {}).empty());
}

TEST_P(CoverPlanner, CoversAnEqualImageWithOneMatch) {
  const Bytes image = make_image(5000, 2);
  EXPECT_EQ(plan(image, image), (Cover{{0, 0, 5000}}));
}

TEST_P(CoverPlanner, SendsStrangersAsLiterals) {
  Random random(3);
  const Bytes source = random_bytes(&random, 4000);
  const Bytes target = random_bytes(&random, 4000);
  EXPECT_TRUE(plan(source, target).empty());
}

TEST_P(CoverPlanner, AlignsAcrossAnInsertion) {
  Random random(4);
  const Bytes source = random_bytes(&random, 4000);
  Bytes target(source.begin(), source.begin() + 1500);
  const Bytes inserted = random_bytes(&random, 100);
  target.insert(target.end(), inserted.begin(), inserted.end());
  target.insert(target.end(), source.begin() + 1500, source.end());
  const Cover cover = plan(source, target);
  ASSERT_EQ(cover.size(), 2u);
  EXPECT_EQ(cover[0].source_offset, 0u);
  EXPECT_NEAR(static_cast<double>(cover[0].bytes), 1500, 4);
  EXPECT_EQ(cover[1].target_offset - cover[1].source_offset, 100u);
  EXPECT_EQ(cover[1].target_offset + cover[1].bytes, target.size());
}

// Words that all change by the same amount, and somewhere else their new values by chance: the
// longest match leads there, the cheapest way does not.
TEST_P(CoverPlanner, StaysWithAnAlignmentWhoseChangesAreFamiliar) {
  Random random(5);
  Bytes source = random_bytes(&random, 8000);
  Bytes target = source;
  for (std::size_t i = 0; i < 4000; i += 16) {
    // The same word in many places, changed in the same way.
    const std::uint8_t before[] = {0x10, 0x20, 0x30, 0x94};
    std::copy(std::begin(before), std::end(before),
              source.begin() + static_cast<std::ptrdiff_t>(i));
    std::copy(std::begin(before), std::end(before),
              target.begin() + static_cast<std::ptrdiff_t>(i));
    target[i] = 0x18;
  }
  for (std::size_t i = 0; i < 10; ++i) {
    const auto from = target.begin() + static_cast<std::ptrdiff_t>(400 * i);
    std::copy(from, from + 14, source.begin() + static_cast<std::ptrdiff_t>(5000 + 100 * i));
  }
  std::copy(source.begin() + 4000, source.end(), target.begin() + 4000);
  EXPECT_EQ(plan(source, target), (Cover{{0, 0, 8000}}));
}

TEST_P(CoverPlanner, NeverReadsOutsideTheSource) {
  const Bytes image = make_image(300, 6);
  // Seeds whose alignments lead out of the source on both sides.
  Matches matches;
  matches.seeds = {{0, 250}, {10, 299}, {200, 0}, {250, 10}};
  (void)plan(image, image, matches);
  const Bytes shorter = make_image(60, 6);
  (void)plan(shorter, image, matches);
}

TEST_P(CoverPlanner, IsValidForRandomImages) {
  Random random = test::seeded_random();
  for (int round = 0; round < 60; ++round) {
    const Bytes source = make_image(test::pick(&random, 0, 5000), random());
    const Bytes target = revise(source, test::pick(&random, 0, 5000), random());
    (void)plan(source, target);
  }
}

TEST(Matches, SeedsLieInTargetOrderAndIncludeTheCover) {
  const Bytes source = make_image(20'000, 8);
  const Bytes target = revise(source, 21'000, 9);
  const Matches matches = find_matches(source, target, no_progress);
  EXPECT_TRUE(std::ranges::is_sorted(matches.seeds, {}, &Seed::target_offset));
  for (const Match& match : matches.cover) {
    EXPECT_TRUE(std::ranges::any_of(matches.seeds, [&](const Seed& seed) {
      return seed.target_offset == match.target_offset && seed.source_offset == match.source_offset;
    }));
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
