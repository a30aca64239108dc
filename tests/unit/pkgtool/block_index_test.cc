#include "pkgtool/block_index.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

TEST(BlockIndex, FindsEveryAlignedBlockOfNoise) {
  Random random = test::seeded_random();
  const Bytes text = random_bytes(&random, 5001);
  const BlockIndex index(text);
  std::size_t found = 0;
  for (std::size_t at = 0; at + 12 <= text.size(); at += 4) {
    const LongestMatch match = index.find(ByteSpan(text).subspan(at, 12));
    if (match.bytes == 0) continue;
    ++found;
    EXPECT_EQ(match.source_offset, at);
    EXPECT_EQ(match.bytes, 12u);
  }
  // Blocks of one slot hide each other.
  EXPECT_GT(found, 1248u / 2);
}

TEST(BlockIndex, FindsOnlyWhatIsThere) {
  Random random = test::seeded_random();
  const Bytes text = make_image(4000, 5);
  const BlockIndex index(text);
  for (int i = 0; i < 2000; ++i) {
    const Bytes wanted = i % 2 == 0 ? random_bytes(&random, test::pick(&random, 0, 40))
                                    : make_image(test::pick(&random, 0, 300), 5);
    const LongestMatch match = index.find(wanted);
    if (match.bytes == 0) continue;
    ASSERT_GE(match.bytes, 12u);
    ASSERT_LE(match.bytes, wanted.size());
    ASSERT_LE(match.source_offset + match.bytes, text.size());
    ASSERT_TRUE(std::equal(wanted.begin(),
                           wanted.begin() + static_cast<std::ptrdiff_t>(match.bytes),
                           text.begin() + static_cast<std::ptrdiff_t>(match.source_offset)));
  }
}

TEST(BlockIndex, ExtendsAMatchToItsEnd) {
  Random random(6);
  const Bytes text = random_bytes(&random, 1000);
  const BlockIndex index(text);
  const LongestMatch match = index.find(ByteSpan(text).subspan(400));
  EXPECT_EQ(match.source_offset, 400u);
  EXPECT_EQ(match.bytes, 600u);
}

TEST(BlockIndex, OfEqualBlocksKnowsTheFirst) {
  Bytes text(400, 7);
  const LongestMatch match = BlockIndex(text).find(Bytes(50, 7));
  EXPECT_EQ(match.source_offset, 0u);
  EXPECT_EQ(match.bytes, 50u);
}

TEST(BlockIndex, FindsNothingInShortTexts) {
  for (std::size_t count = 0; count < 12; ++count) {
    const Bytes text(count, 1);
    EXPECT_EQ(BlockIndex(text).find(Bytes(100, 1)).bytes, 0u) << count;
  }
  const Bytes text(12, 1);
  EXPECT_EQ(BlockIndex(text).find(Bytes(100, 1)).bytes, 12u);
  EXPECT_EQ(BlockIndex(text).find(Bytes(11, 1)).bytes, 0u);
  EXPECT_EQ(BlockIndex(text).find({}).bytes, 0u);
}

}  // namespace
}  // namespace romdelta::pkgtool
