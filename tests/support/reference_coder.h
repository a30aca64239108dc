// The range coder and the numbers of docs/format.md sections 7.5 to 7.7, as they stand there: what
// the reference implementations of chunks and of address maps share. No line of it is the engine's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/support/bytes.h"

namespace romdelta::test::reference {

using Chances = std::vector<std::int64_t>;

// Any broken rule ends the decoding.
struct Malformed {};
inline void fail_unless(bool good) {
  if (!good) throw Malformed();
}

inline std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// Section 7.6: a chance that adapts.
inline void update(std::int64_t* c, bool bit) {
  constexpr std::int64_t rates[] = {32768, 21845, 16384, 13107, 10923, 9362, 8192, 6554};
  const std::int64_t uses = *c % 8;
  const std::int64_t now = *c - uses;
  const std::int64_t step = floor_div(((bit ? 65528 : 0) - now) * rates[uses], 65536);
  *c = now + floor_div(step + 4, 8) * 8 + std::min<std::int64_t>(uses + 1, 7);
}

// Section 7.5.
class Bits {
 public:
  explicit Bits(ByteSpan bytes) : bytes_(bytes) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
  }
  bool bit(std::int64_t chance) {
    const std::uint32_t bound = (range_ >> 16) * static_cast<std::uint32_t>(chance);
    const bool result = code_ < bound;
    if (!result) code_ -= bound;
    range_ = result ? bound : range_ - bound;
    while (range_ < 1u << 24) {
      range_ <<= 8;
      code_ = code_ << 8 | next();
    }
    return result;
  }
  bool direct(std::int64_t* c) {
    const bool result = bit(*c / 8 * 8 + 7);
    update(c, result);
    return result;
  }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::uint8_t next() {
    fail_unless(at_ < bytes_.size());
    return bytes_[at_++];
  }
  ByteSpan bytes_;
  std::size_t at_ = 0;
  std::uint32_t range_ = 0xffffffff;
  std::uint32_t code_ = 0;
};

// Section 7.7: numbers of one kind.
class Numbers {
 public:
  std::uint64_t next(Bits* bits) {
    std::size_t node = 1;
    for (int i = 0; i < 6; ++i) node = 2 * node + bits->direct(&size_[node]);
    const std::size_t count = node - 64;
    std::uint64_t n = 1;
    for (std::size_t i = count; i-- != 0;) {
      n = 2 * n + (count - i <= 3 ? bits->direct(&mantissa_[8 * count + n]) : bits->bit(32768));
    }
    return n - 1;
  }

 private:
  Chances size_ = Chances(64, 32768);
  Chances mantissa_ = Chances(512, 32768);
};

}  // namespace romdelta::test::reference
