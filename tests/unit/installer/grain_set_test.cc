#include "installer/grain_set.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

TEST(GrainSet, IsEmptyUntilSomethingIsInserted) {
  std::vector<std::uint32_t> words(3);
  const GrainSet set(words, 70);
  EXPECT_EQ(set.grain_count(), 70u);
  EXPECT_EQ(set.words().size(), 3u);
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.count(), 0u);
  set.insert(69);
  EXPECT_FALSE(set.empty());
  EXPECT_TRUE(set.contains(69));
  EXPECT_FALSE(set.contains(68));
  EXPECT_EQ(set.count(), 1u);
  set.erase(69);
  EXPECT_TRUE(set.empty());
}

TEST(GrainSet, OfNothingIsEmpty) {
  const GrainSet set;
  EXPECT_EQ(set.grain_count(), 0u);
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.count(), 0u);
}

TEST(GrainSet, ForgetsAllWhenItIsCleared) {
  std::vector<std::uint32_t> words(2, 0xffffffff);
  const GrainSet set(words, 64);
  EXPECT_EQ(set.count(), 64u);
  set.clear();
  EXPECT_TRUE(set.empty());
}

TEST(GrainSet, CountsLikeASet) {
  Random random = seeded_random();
  for (int round = 0; round < 100; ++round) {
    const auto grains = static_cast<std::uint32_t>(pick(&random, 1, 200));
    std::vector<std::uint32_t> words((grains + 31) / 32);
    const GrainSet set(words, grains);
    std::set<std::uint32_t> expected;
    for (int change = 0; change < 200; ++change) {
      const auto index = static_cast<std::uint32_t>(pick(&random, 0, grains - 1));
      if (pick(&random, 0, 2) == 0) {
        set.erase(index);
        expected.erase(index);
      } else {
        set.insert(index);
        expected.insert(index);
      }
      ASSERT_EQ(set.contains(index), expected.contains(index));
    }
    ASSERT_EQ(set.count(), expected.size());
    ASSERT_EQ(set.empty(), expected.empty());
    std::uint32_t rank = 0;
    for (std::uint32_t index = 0; index <= grains; ++index) {
      ASSERT_EQ(set.rank(index), rank) << index;
      rank += expected.contains(index) ? 1 : 0;
    }
  }
}

}  // namespace
}  // namespace romdelta::test
