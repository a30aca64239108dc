// GrainSet: which grains of the source around one group, a bit each. docs/format.md section 7.12.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace romdelta {

// A view of the caller's words.
class GrainSet {
 public:
  GrainSet() = default;
  // `words` has room for `grain_count` bits.
  GrainSet(std::span<std::uint32_t> words, std::uint32_t grain_count)
      : words_(words), grain_count_(grain_count) {}

  std::uint32_t grain_count() const { return grain_count_; }
  std::span<std::uint32_t> words() const { return words_; }

  void clear() const {
    for (std::uint32_t& word : words_) word = 0;
  }
  // Requires: index < grain_count(), here and below.
  void insert(std::uint32_t index) const { words_[index / 32] |= 1u << index % 32; }
  void erase(std::uint32_t index) const { words_[index / 32] &= ~(1u << index % 32); }
  bool contains(std::uint32_t index) const { return (words_[index / 32] >> index % 32 & 1) != 0; }

  bool empty() const {
    for (const std::uint32_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }
  // How many there are, and how many of them before `index` (at most grain_count()).
  std::uint32_t count() const { return rank(grain_count_); }
  std::uint32_t rank(std::uint32_t index) const {
    std::uint32_t total = 0;
    for (std::uint32_t i = 0; i < index / 32; ++i) {
      total += static_cast<std::uint32_t>(std::popcount(words_[i]));
    }
    if (index % 32 != 0) {
      total +=
          static_cast<std::uint32_t>(std::popcount(words_[index / 32] & ((1u << index % 32) - 1)));
    }
    return total;
  }

 private:
  std::span<std::uint32_t> words_;
  std::uint32_t grain_count_ = 0;
};

}  // namespace romdelta
