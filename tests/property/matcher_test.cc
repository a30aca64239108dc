// Images on which a careless matcher needs quadratic time. None of these tests looks at a clock: a
// matcher that needs it does not finish before CTest's limit.
#include "pkgtool/matcher.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/property/images.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kMiB = 1 << 20;

// The target bytes that a cover does not reach, and those that it gets wrong.
struct Misses {
  std::uint64_t literal = 0;
  std::uint64_t different = 0;
};

// Fails the test when the cover is not valid.
Misses match(ByteSpan source, ByteSpan target) {
  const pkgtool::Cover cover = pkgtool::match_images(source, target, {});
  EXPECT_TRUE(pkgtool::is_valid_cover(cover, source.size(), target.size()));
  Misses misses;
  misses.literal = target.size();
  for (const pkgtool::Match& match : cover) {
    misses.literal -= match.bytes;
    for (std::uint64_t i = 0; i < match.bytes; ++i) {
      if (source[match.source_offset + i] != target[match.target_offset + i]) ++misses.different;
    }
  }
  return misses;
}

Bytes with_changes(Bytes image, std::size_t count, Random* random) {
  for (std::size_t i = 0; i < count; ++i) {
    image[pick(random, 0, image.size() - 1)] ^= static_cast<std::uint8_t>(pick(random, 1, 255));
  }
  return image;
}

TEST(Matcher, CoversAnImageOfZerosWithAFewChanges) {
  Random random = seeded_random();
  const Bytes source(8 * kMiB, 0);
  const Misses misses = match(source, with_changes(source, 50, &random));
  EXPECT_LE(misses.literal + misses.different, 50u);
}

TEST(Matcher, CoversChangesOnBothSidesOfAnImageOfOnes) {
  Random random = seeded_random();
  const Bytes blank(4 * kMiB, 0xff);
  const Bytes source = with_changes(blank, 200, &random);
  const Misses misses = match(source, with_changes(blank, 200, &random));
  EXPECT_LE(misses.literal + misses.different, 4000u);
}

TEST(Matcher, CoversALongRunThatGrows) {
  const Bytes source(2 * kMiB, 0);
  const Misses misses = match(source, Bytes(4 * kMiB, 0));
  EXPECT_LE(misses.literal + misses.different, 64u);
}

TEST(Matcher, FinishesWithRunsOfTwoKinds) {
  // Every position begins a run that the source has nearly everywhere, of another length.
  const Bytes source = concat({Bytes(kMiB, 0), Bytes(kMiB, 0xff)});
  const Bytes target = concat({Bytes(kMiB, 0xff), Bytes(kMiB, 0)});
  const Misses misses = match(source, target);
  EXPECT_LE(misses.literal + misses.different, 64u);
}

TEST(Matcher, FinishesWithPeriodsThatDoNotFit) {
  for (const std::size_t period : {1u, 2u, 3u, 7u, 64u, 255u, 4096u}) {
    Random random(period);
    const Bytes unit = random_bytes(&random, period);
    Bytes source(kMiB);
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = unit[i % period];
    // The same period with one byte less in each hundred repetitions, so that it never fits long.
    Bytes target;
    for (std::size_t i = 0; target.size() < kMiB; ++i) {
      if (i % (period * 100) != 0) target.push_back(unit[i % period]);
    }
    const Misses misses = match(source, target);
    EXPECT_LE(misses.literal + misses.different, target.size() / 8) << period;
  }
}

TEST(Matcher, FinishesWhereEveryMatchIsShort) {
  // Two letters in no order: matches of about 20 bytes everywhere, hardly a longer one.
  Random random = seeded_random();
  const auto coin = [&] { return static_cast<std::uint8_t>(random() & 1); };
  Bytes source(kMiB);
  Bytes target(kMiB);
  std::generate(source.begin(), source.end(), coin);
  std::generate(target.begin(), target.end(), coin);
  const Misses misses = match(source, target);
  EXPECT_LE(misses.literal + misses.different, target.size());
}

TEST(Matcher, FinishesWithTheFibonacciWord) {
  // Full of repetitions at every scale: the worst case of many string algorithms.
  Bytes before = {0};
  Bytes word = {0, 1};
  while (word.size() < 2 * kMiB) {
    Bytes next = concat({word, before});
    before = std::move(word);
    word = std::move(next);
  }
  const ByteSpan source = ByteSpan(word).first(kMiB);
  const ByteSpan target = ByteSpan(word).subspan(kMiB / 3, kMiB);
  const Misses misses = match(source, target);
  EXPECT_LE(misses.literal + misses.different, target.size() / 8);
}

TEST(Matcher, FinishesWhereAlmostEveryByteDiffersByChance) {
  // Every sixteenth byte agrees under one alignment: no run is long enough to be followed, and
  // none short enough to be left alone at once.
  Random random = seeded_random();
  const Bytes source = random_bytes(&random, kMiB);
  Bytes target = source;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (i % 16 == 15) target[i] ^= 0x55;
  }
  const Misses misses = match(source, target);
  EXPECT_LE(misses.literal + misses.different, target.size() / 16 + 64);
}

TEST(Matcher, FinishesWithBlocksInReverse) {
  Random random = seeded_random();
  const Bytes source = random_bytes(&random, kMiB);
  Bytes target;
  constexpr std::size_t kBlock = 64;
  for (std::size_t end = source.size(); end != 0; end -= kBlock) {
    append(&target, ByteSpan(source).subspan(end - kBlock, kBlock));
  }
  const Misses misses = match(source, target);
  EXPECT_LE(misses.literal + misses.different, target.size() / 16);
}

}  // namespace
}  // namespace romdelta::test
