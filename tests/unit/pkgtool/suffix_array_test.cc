#include "pkgtool/suffix_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::size_t shared_bytes(ByteSpan a, ByteSpan b) {
  std::size_t count = 0;
  while (count < a.size() && count < b.size() && a[count] == b[count]) ++count;
  return count;
}

// The length that find() has to reach: every place tried.
std::size_t longest_by_hand(ByteSpan text, ByteSpan wanted) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    longest = std::max(longest, shared_bytes(text.subspan(i), wanted));
  }
  return longest < 2 ? 0 : longest;
}

void expect_longest(const SuffixArray& array, ByteSpan text, ByteSpan wanted) {
  const LongestMatch match = array.find(wanted);
  ASSERT_EQ(match.bytes, longest_by_hand(text, wanted));
  if (match.bytes == 0) return;
  ASSERT_LE(match.source_offset + match.bytes, text.size());
  EXPECT_EQ(shared_bytes(text.subspan(match.source_offset), wanted), match.bytes);
}

TEST(SuffixArray, FindsWhatIsThere) {
  const Bytes text = bytes_of("the quick brown fox");
  const SuffixArray array(text);
  const LongestMatch match = array.find(bytes_of("brown bear"));
  EXPECT_EQ(match.source_offset, 10u);
  EXPECT_EQ(match.bytes, 6u);
}

TEST(SuffixArray, FindsNothingShorterThanTwoBytes) {
  const Bytes text = bytes_of("abc");
  const SuffixArray array(text);
  EXPECT_EQ(array.find(bytes_of("ax")).bytes, 0u);
  EXPECT_EQ(array.find(bytes_of("a")).bytes, 0u);
  EXPECT_EQ(array.find({}).bytes, 0u);
  EXPECT_EQ(array.find(bytes_of("xy")).bytes, 0u);
  EXPECT_EQ(array.find(bytes_of("ab")).bytes, 2u);
}

TEST(SuffixArray, WorksOnTheSmallestTexts) {
  for (const std::string_view text : {"", "a", "ab"}) {
    const Bytes bytes = bytes_of(text);
    const SuffixArray array(bytes);
    for (const std::string_view wanted : {"a", "ab", "abc", "ba", "bb"}) {
      expect_longest(array, bytes, bytes_of(wanted));
    }
  }
}

TEST(SuffixArray, FindsTheEndsOfTheText) {
  const Bytes text = bytes_of("header-body-trailer");
  const SuffixArray array(text);
  EXPECT_EQ(array.find(bytes_of("header-")).source_offset, 0u);
  const LongestMatch end = array.find(bytes_of("trailer and more"));
  EXPECT_EQ(end.source_offset, 12u);
  EXPECT_EQ(end.bytes, 7u);
  EXPECT_EQ(array.find(text).bytes, text.size());
}

TEST(SuffixArray, ComparesBytesWithoutSign) {
  const Bytes text = {0x00, 0xff, 0x80, 0x7f, 0xff, 0xff, 0x00, 0x00};
  const SuffixArray array(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    expect_longest(array, text, ByteSpan(text).subspan(i));
  }
}

TEST(SuffixArray, IsRightOnRunsOfOneByte) {
  const Bytes text(1000, 0xff);
  const SuffixArray array(text);
  Bytes wanted(500, 0xff);
  expect_longest(array, text, wanted);
  wanted.push_back(0);
  expect_longest(array, text, wanted);
  expect_longest(array, text, Bytes(2000, 0xff));
}

TEST(SuffixArray, IsAsGoodAsTryingEveryPlace) {
  Random random = test::seeded_random();
  for (const unsigned alphabet : {2u, 4u, 256u}) {
    Bytes text = random_bytes(&random, 700);
    for (std::uint8_t& byte : text) byte = static_cast<std::uint8_t>(byte % alphabet);
    const SuffixArray array(text);
    for (int i = 0; i < 300; ++i) {
      Bytes wanted = random_bytes(&random, test::pick(&random, 0, 40));
      for (std::uint8_t& byte : wanted) byte = static_cast<std::uint8_t>(byte % alphabet);
      const std::size_t from = test::pick(&random, 0, text.size() - 1);
      const std::size_t count =
          test::pick(&random, 0, std::min<std::size_t>(30, text.size() - from));
      wanted.insert(wanted.begin(), text.begin() + static_cast<std::ptrdiff_t>(from),
                    text.begin() + static_cast<std::ptrdiff_t>(from + count));
      expect_longest(array, text, wanted);
    }
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
