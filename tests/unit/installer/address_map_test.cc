#include "installer/address_map.h"

#include <gtest/gtest.h>

#include "tests/support/random_map.h"

namespace romdelta::test {
namespace {

TEST(AddressMap, HasAddressesUpToTheLastStepThatHasOne) {
  EXPECT_EQ(AddressMap().address_end(), 0u);
  EXPECT_TRUE(AddressMap().empty());
  const std::vector<MapStep> steps = {{0, 4}, {100, AddressMap::no_shift}, {200, 8}};
  AddressMap map;
  map.shifts = std::span(steps).first(1);
  EXPECT_FALSE(map.empty());
  EXPECT_EQ(map.address_end(), std::uint64_t{1} << 32);
  map.shifts = std::span(steps).first(2);
  EXPECT_EQ(map.address_end(), 100u);
  map.shifts = steps;
  EXPECT_EQ(map.address_end(), std::uint64_t{1} << 32);
}

TEST(MapCursor, FindsTheStepThatAKeyLiesIn) {
  const std::vector<MapStep> steps = {{10, 1}, {11, 2}, {0xffffffff, 3}};
  MapCursor cursor(steps);
  EXPECT_EQ(cursor.find(0), nullptr);
  EXPECT_EQ(cursor.end(1000), 10u);
  EXPECT_EQ(cursor.end(5), 5u);
  EXPECT_EQ(cursor.find(10), &steps[0]);
  EXPECT_EQ(cursor.end(1000), 11u);
  EXPECT_EQ(cursor.find(0xfffffffe), &steps[1]);
  EXPECT_EQ(cursor.find(0xffffffff), &steps[2]);
  EXPECT_EQ(cursor.find(std::uint64_t{1} << 40), &steps[2]);
  EXPECT_EQ(cursor.end(std::uint64_t{1} << 40), std::uint64_t{1} << 40);
  EXPECT_EQ(cursor.find(9), nullptr);
}

TEST(MapCursor, FindsNothingInAnEmptyTable) {
  MapCursor cursor({});
  EXPECT_EQ(cursor.find(0), nullptr);
  EXPECT_EQ(cursor.find(~std::uint64_t{0}), nullptr);
  EXPECT_EQ(cursor.end(7), 7u);
}

TEST(MapCursor, FindsTheSameWhateverItFoundBefore) {
  Random random = seeded_random();
  const std::vector<MapStep> steps = random_map(&random, 1000).shifts;
  MapCursor cursor(steps);
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t key = pick(&random, 0, i % 10 == 0 ? 0xffffffff : 6000);
    const MapStep* expected = nullptr;
    for (const MapStep& step : steps) {
      if (step.begin <= key) expected = &step;
    }
    ASSERT_EQ(cursor.find(key), expected) << key;
  }
}

}  // namespace
}  // namespace romdelta::test
