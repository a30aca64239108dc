#include "pkgtool/cover.h"

#include <gtest/gtest.h>

namespace romdelta::pkgtool {
namespace {

TEST(Cover, OfNothingIsValid) { EXPECT_TRUE(is_valid_cover({}, 0, 0)); }

TEST(Cover, MayTouchBothEndsAndLeaveGaps) {
  EXPECT_TRUE(is_valid_cover({{0, 90, 10}, {10, 0, 5}, {40, 20, 60}}, 100, 100));
}

TEST(Cover, MayUseTheSameSourceTwice) {
  EXPECT_TRUE(is_valid_cover({{0, 5, 10}, {10, 5, 10}}, 15, 20));
}

TEST(Cover, IsInvalidWithAnEmptyMatch) { EXPECT_FALSE(is_valid_cover({{3, 3, 0}}, 10, 10)); }

TEST(Cover, IsInvalidWhenMatchesOverlapInTheTarget) {
  EXPECT_FALSE(is_valid_cover({{0, 0, 10}, {9, 0, 10}}, 100, 100));
}

TEST(Cover, IsInvalidOutOfOrder) {
  EXPECT_FALSE(is_valid_cover({{50, 0, 10}, {0, 0, 10}}, 100, 100));
}

TEST(Cover, IsInvalidBeyondAnImage) {
  EXPECT_TRUE(is_valid_cover({{0, 0, 10}}, 10, 10));
  EXPECT_FALSE(is_valid_cover({{0, 0, 11}}, 10, 100));
  EXPECT_FALSE(is_valid_cover({{0, 0, 11}}, 100, 10));
  EXPECT_FALSE(is_valid_cover({{0, 11, 1}}, 10, 100));
}

TEST(Cover, IsInvalidWhereASumWraps) {
  const std::uint64_t huge = ~std::uint64_t{0};
  EXPECT_FALSE(is_valid_cover({{huge, 0, 2}}, 100, 100));
  EXPECT_FALSE(is_valid_cover({{0, huge, 2}}, 100, 100));
  EXPECT_FALSE(is_valid_cover({{0, 0, huge}}, 100, 100));
}

}  // namespace
}  // namespace romdelta::pkgtool
