#include "installer/rebaser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/support/random_map.h"

namespace romdelta::test {
namespace {

// Rewrites [begin, end) of the source with no more of the source in reach than is required; the
// buffers are exactly as large as they must be, so that a sanitizer sees a step outside.
Bytes window(ByteSpan source, const AddressMap& map, std::size_t begin, std::size_t end) {
  const std::size_t around = begin - std::min(begin, Rebaser::margin_bytes);
  const std::size_t behind = std::min(source.size(), end + Rebaser::margin_bytes);
  const Bytes known = to_bytes(source.subspan(around, behind - around));
  Bytes out = to_bytes(source.subspan(begin, end - begin));
  Rebaser(map).rewrite(known, around, out, begin);
  return out;
}

Bytes in_windows(ByteSpan source, const AddressMap& map, Random* random, std::size_t bytes_max) {
  Bytes result;
  while (result.size() < source.size()) {
    const std::size_t end =
        std::min<std::size_t>(source.size(), result.size() + pick(random, 1, bytes_max));
    append(&result, window(source, map, result.size(), end));
  }
  return result;
}

// Where two images differ, for the message of a failure.
std::size_t first_difference(ByteSpan a, ByteSpan b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

std::size_t differences(ByteSpan a, ByteSpan b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 1 : 0;
  return count;
}

TEST(Rebaser, RewritesAsTheReferenceDoes) {
  Random random = seeded_random();
  std::size_t rewritten = 0;
  for (int run = 0; run < 600; ++run) {
    const std::size_t bytes = pick(&random, 0, pick(&random, 0, 3) == 0 ? 40 : 3000);
    const ReferenceMap map = random_map(&random, bytes);
    const Bytes source = random_code(&random, bytes, 0, map.base);
    const Bytes expected = reference_rebase(source, map);
    const Bytes result = window(source, map.map(), 0, source.size());
    ASSERT_EQ(result, expected) << "run " << run << ", first difference at "
                                << first_difference(result, expected) << " of " << bytes;
    rewritten += differences(source, expected);
  }
  EXPECT_GT(rewritten, 10'000u);
}

TEST(Rebaser, RewritesCodeOfEachKindAsTheReferenceDoes) {
  Random random = seeded_random();
  for (std::uint32_t rule = rules::a64; rule < rules::code_end; ++rule) {
    std::size_t rewritten = 0;
    for (const std::uint64_t base : {0ull, 0x08000000ull, 0x80000001ull, ~0ull - 2048}) {
      const ReferenceMap map = plain_map(
          rule, base, {{0, 0}, {1000, 24}, {4000, 0u - 4096}, {10000, AddressMap::no_shift}});
      const Bytes source = random_code(&random, 12000, rule, base);
      const Bytes expected = reference_rebase(source, map);
      EXPECT_EQ(window(source, map.map(), 0, source.size()), expected) << rule << ' ' << base;
      rewritten += differences(source, expected);
    }
    EXPECT_GT(rewritten, 300u) << rule;
  }
}

TEST(Rebaser, GivesTheSameInWindowsOfAnySize) {
  Random random = seeded_random();
  for (int run = 0; run < 150; ++run) {
    const std::size_t bytes = pick(&random, 1, 2000);
    const ReferenceMap map = random_map(&random, bytes);
    const Bytes source = random_code(&random, bytes, 0, map.base);
    const Bytes expected = reference_rebase(source, map);
    for (const std::size_t most : {1u, 3u, 17u, 64u, 700u}) {
      const Bytes result = in_windows(source, map.map(), &random, most);
      ASSERT_EQ(result, expected) << "run " << run << ", windows up to " << most
                                  << ", first difference at " << first_difference(result, expected)
                                  << " of " << bytes;
    }
  }
}

TEST(Rebaser, NeedsNoMoreThanTheMarginOfTheSource) {
  Random random = seeded_random();
  for (int run = 0; run < 200; ++run) {
    const ReferenceMap map = random_map(&random, 1200);
    Bytes source = random_code(&random, 1200, 0, map.base);
    const Bytes before = window(source, map.map(), 500, 600);
    for (std::size_t i = 0; i < source.size(); ++i) {
      if (i < 500 - Rebaser::margin_bytes || i >= 600 + Rebaser::margin_bytes) source[i] ^= 0x5a;
    }
    ASSERT_EQ(window(source, map.map(), 500, 600), before) << "run " << run;
    const Bytes whole = reference_rebase(source, map);
    ASSERT_TRUE(std::equal(before.begin(), before.end(), whole.begin() + 500)) << "run " << run;
  }
}

TEST(Rebaser, LeavesASourceAloneThatHasNoReferences) {
  Random random = seeded_random();
  const Bytes source = random_code(&random, 2000, 0, 0);
  ReferenceMap map = plain_map(rules::a64 | rules::absolute32, 0, {{0, 16}});
  ASSERT_NE(window(source, map.map(), 0, source.size()), source);
  map.segments = {{0, AddressMap::no_address}};
  EXPECT_EQ(window(source, map.map(), 0, source.size()), source);
  map = plain_map(rules::a64 | rules::absolute32, 0, {{0, 0}});
  EXPECT_EQ(window(source, map.map(), 0, source.size()), source);
  map = plain_map(rules::a64 | rules::absolute32, 0, {{0, AddressMap::no_shift}});
  EXPECT_EQ(window(source, map.map(), 0, source.size()), source);
  map = plain_map(rules::none, 0, {{0, 16}});
  EXPECT_EQ(window(source, map.map(), 0, source.size()), source);
}

TEST(Rebaser, WritesReferencesThatOverlapInTheOrderOfTheFormat) {
  // A pointer and a distance in one word: the distance counts. The step of a table between two
  // words makes them parts, of which the later one comes last.
  const Bytes source = {0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00};
  ReferenceMap map =
      plain_map(rules::absolute32 | rules::relative32, 0, {{0, 0}, {0x100, 0x10}, {0x104, 0x20}});
  const Bytes expected = {0x10, 0x01, 0x00, 0x00, 0x20, 0x01, 0x00, 0x00};
  EXPECT_EQ(window(source, map.map(), 0, 8), expected);
  EXPECT_EQ(reference_rebase(source, map), expected);
}

TEST(Rebaser, TakesNothingFromAnEmptySource) {
  const ReferenceMap map = plain_map(rules::x86, 0, {{0, 16}});
  EXPECT_TRUE(window({}, map.map(), 0, 0).empty());
  EXPECT_TRUE(reference_rebase({}, map).empty());
}

}  // namespace
}  // namespace romdelta::test
