// Every kernel table that this CPU can run against plain loops: all lengths 0 to 300, all
// alignments 0 to 63, and not one byte outside.
#include "installer/simd/kernels.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kLengths = 301;
constexpr std::size_t kAlignments = 64;
constexpr std::uint8_t kGuard = 0xc3;

std::vector<const Kernels*> tables() {
  std::vector<const Kernels*> result;
  for (const Kernels* const* table = available_kernels(); *table != nullptr; ++table) {
    result.push_back(*table);
  }
  return result;
}

// Memory between two pages that cannot be touched: an access outside ends the test.
class FencedMemory {
 public:
  FencedMemory() : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    void* memory =
        ::mmap(nullptr, 3 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::uint8_t*>(memory);
    if (::mprotect(base_, page_, PROT_NONE) != 0 ||
        ::mprotect(base_ + 2 * page_, page_, PROT_NONE) != 0) {
      throw std::bad_alloc();
    }
  }
  ~FencedMemory() { ::munmap(base_, 3 * page_); }
  FencedMemory(const FencedMemory&) = delete;
  FencedMemory& operator=(const FencedMemory&) = delete;

  std::uint8_t* at_front() { return base_ + page_; }
  std::uint8_t* at_back(std::size_t count) { return base_ + 2 * page_ - count; }

 private:
  std::size_t page_;
  std::uint8_t* base_;
};

class KernelsTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels = *GetParam();
  Random random = seeded_random();
};

TEST_P(KernelsTest, AddsLikeAPlainLoopAtEveryLengthAndAlignment) {
  const Bytes difference = random_bytes(&random, kLengths + kAlignments);
  const Bytes before = random_bytes(&random, kLengths + kAlignments);
  alignas(64) std::uint8_t target[kAlignments + kLengths + kAlignments];
  for (std::size_t count = 0; count < kLengths; ++count) {
    for (std::size_t shift = 0; shift < kAlignments; ++shift) {
      // The difference is shifted the other way, so that the two alignments vary on their own.
      const std::uint8_t* added = difference.data() + (kAlignments - 1 - shift);
      std::fill(std::begin(target), std::end(target), kGuard);
      std::copy_n(before.begin(), count, target + shift);
      kernels.add_bytes(target + shift, added, count);
      for (std::size_t i = 0; i < count; ++i) {
        const auto expected = static_cast<std::uint8_t>(before[i] + added[i]);
        ASSERT_EQ(target[shift + i], expected) << count << " " << shift << " " << i;
      }
      const auto is_guard = [](std::uint8_t byte) { return byte == kGuard; };
      ASSERT_TRUE(std::all_of(target, target + shift, is_guard));
      ASSERT_TRUE(std::all_of(target + shift + count, std::end(target), is_guard));
    }
  }
}

TEST_P(KernelsTest, FindsLikeAPlainLoopAtEveryLengthAndAlignment) {
  alignas(64) std::uint8_t bytes[kAlignments + kLengths];
  for (std::size_t count = 0; count < kLengths; ++count) {
    for (std::size_t shift = 0; shift < kAlignments; ++shift) {
      const auto wanted = static_cast<std::uint8_t>(random());
      const auto other = static_cast<std::uint8_t>(wanted + pick(&random, 1, 255));
      std::uint8_t* const range = bytes + shift;
      // One byte in place `hit`, or none in the range; all around it would be a hit as well.
      const std::size_t hit = pick(&random, 0, count);
      std::fill(std::begin(bytes), std::end(bytes), wanted);
      std::fill_n(range, count, other);
      if (hit < count) range[hit] = wanted;
      ASSERT_EQ(kernels.find_byte(range, count, wanted), hit) << count << " " << shift;
      ASSERT_EQ(kernels.find_not(range, count, other), hit) << count << " " << shift;
    }
  }
}

TEST_P(KernelsTest, FindsTheFirstOfSeveral) {
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes = random_bytes(&random, pick(&random, 0, 300));
    for (std::uint8_t& byte : bytes) byte &= 7;
    const auto value = static_cast<std::uint8_t>(pick(&random, 0, 7));
    const auto found = std::find(bytes.begin(), bytes.end(), value) - bytes.begin();
    ASSERT_EQ(kernels.find_byte(bytes.data(), bytes.size(), value),
              static_cast<std::size_t>(found));
    std::fill_n(bytes.begin(), bytes.size() / 2, value);
    const auto differs =
        std::find_if(bytes.begin(), bytes.end(), [&](std::uint8_t byte) { return byte != value; });
    ASSERT_EQ(kernels.find_not(bytes.data(), bytes.size(), value),
              static_cast<std::size_t>(differs - bytes.begin()));
  }
}

TEST_P(KernelsTest, ComparesLikeAPlainLoopAtEveryLengthAndAlignment) {
  const Bytes content = random_bytes(&random, kAlignments + kLengths);
  alignas(64) std::uint8_t a[kAlignments + kLengths];
  for (std::size_t count = 0; count < kLengths; ++count) {
    for (std::size_t shift = 0; shift < kAlignments; ++shift) {
      // What lies outside the range differs, so that reading it would show.
      std::fill(std::begin(a), std::end(a), kGuard);
      const std::uint8_t* b = content.data() + (kAlignments - 1 - shift);
      std::copy_n(b, count, a + shift);
      ASSERT_EQ(kernels.mismatch(a + shift, b, count), count) << count << " " << shift;
      if (count == 0) continue;
      const std::size_t hit = pick(&random, 0, count - 1);
      a[shift + hit] ^= static_cast<std::uint8_t>(pick(&random, 1, 255));
      a[shift + count - 1] ^= hit == count - 1 ? 0 : 1;
      ASSERT_EQ(kernels.mismatch(a + shift, b, count), hit) << count << " " << shift;
    }
  }
}

TEST_P(KernelsTest, TouchesNothingOutsideItsRange) {
  FencedMemory first;
  FencedMemory second;
  for (std::size_t count = 0; count < kLengths; ++count) {
    for (const bool back : {false, true}) {
      std::uint8_t* a = back ? first.at_back(count) : first.at_front();
      std::uint8_t* b = back ? second.at_back(count) : second.at_front();
      std::fill_n(a, count, std::uint8_t{1});
      std::fill_n(b, count, std::uint8_t{1});
      EXPECT_EQ(kernels.find_byte(a, count, 0), count);
      EXPECT_EQ(kernels.find_not(a, count, 1), count);
      EXPECT_EQ(kernels.mismatch(a, b, count), count);
      kernels.add_bytes(a, b, count);
      EXPECT_EQ(kernels.find_not(a, count, 2), count);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Available, KernelsTest, ::testing::ValuesIn(tables()),
                         [](const auto& table) { return std::string(table.param->name); });

TEST(Kernels, ListsEachTableOnceWithScalarFirstAndTheBestLast) {
  const std::vector<const Kernels*> all = tables();
  ASSERT_FALSE(all.empty());
  EXPECT_STREQ(all.front()->name, "scalar");
  EXPECT_EQ(&best_kernels(), all.back());
  std::set<std::string> names;
  for (const Kernels* table : all) {
    names.insert(table->name);
    EXPECT_EQ(kernels_by_name(table->name), table);
  }
  EXPECT_EQ(names.size(), all.size());
  EXPECT_EQ(kernels_by_name("none"), nullptr);
}

}  // namespace
}  // namespace romdelta::test
