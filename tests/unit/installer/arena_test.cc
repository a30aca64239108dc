#include "installer/arena.h"

#include <gtest/gtest.h>

#include "tests/support/bytes.h"

namespace romdelta::test {
namespace {

TEST(Arena, BeginsEveryAllocationOnALine) {
  Bytes memory(256);
  Arena arena(memory);
  MutableByteSpan first;
  MutableByteSpan second;
  ASSERT_TRUE(arena.allocate(1, &first));
  ASSERT_TRUE(arena.allocate(65, &second));
  EXPECT_EQ(first.data(), memory.data());
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(second.data(), memory.data() + 64);
  EXPECT_EQ(second.size(), 65u);
  EXPECT_EQ(arena.used_bytes(), 192u);
}

TEST(Arena, GivesItsLastByteAndNoMore) {
  Bytes memory(100);
  Arena arena(memory);
  MutableByteSpan span;
  ASSERT_TRUE(arena.allocate(64, &span));
  EXPECT_FALSE(arena.allocate(37, &span));
  EXPECT_EQ(arena.used_bytes(), 64u);
  ASSERT_TRUE(arena.allocate(36, &span));
  EXPECT_EQ(&span.back(), &memory.back());
  EXPECT_EQ(arena.used_bytes(), arena.size_bytes());
  EXPECT_FALSE(arena.allocate(1, &span));
  EXPECT_TRUE(arena.allocate(0, &span));
}

TEST(Arena, RefusesHugeCountsWithoutChange) {
  Bytes memory(100);
  Arena arena(memory);
  MutableByteSpan span(memory.data(), 3);
  EXPECT_FALSE(arena.allocate(~std::uint64_t{0}, &span));
  EXPECT_FALSE(arena.allocate(101, &span));
  EXPECT_EQ(span.size(), 3u);
  EXPECT_EQ(arena.used_bytes(), 0u);
}

TEST(Arena, GivesObjectsAsTheirConstructorsLeaveThem) {
  struct Counter {
    std::uint64_t value = 7;
  };
  alignas(8) std::uint8_t memory[128];
  std::fill(std::begin(memory), std::end(memory), std::uint8_t{0xff});
  Arena arena(memory);
  std::span<Counter> counters;
  std::span<std::uint32_t> numbers;
  ASSERT_TRUE(arena.allocate_objects(3, &counters));
  ASSERT_TRUE(arena.allocate_objects(16, &numbers));
  ASSERT_EQ(counters.size(), 3u);
  for (const Counter& counter : counters) EXPECT_EQ(counter.value, 7u);
  ASSERT_EQ(numbers.size(), 16u);
  for (const std::uint32_t number : numbers) EXPECT_EQ(number, 0u);
  EXPECT_EQ(reinterpret_cast<std::uint8_t*>(numbers.data()), memory + Arena::line_bytes);
  EXPECT_FALSE(arena.allocate_objects(1, &counters));
  EXPECT_FALSE(arena.allocate_objects(~std::uint64_t{0} / 8 + 2, &counters));
  EXPECT_EQ(counters.size(), 3u);
}

TEST(Arena, WithoutMemoryHasNoRoom) {
  Arena arena;
  MutableByteSpan span;
  EXPECT_FALSE(arena.allocate(1, &span));
  EXPECT_EQ(arena.size_bytes(), 0u);
}

}  // namespace
}  // namespace romdelta::test
