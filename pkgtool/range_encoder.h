// RangeEncoder: the counterpart of installer/range_decoder.h. docs/format.md section 7.5.
#pragma once

#include <cstdint>

#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

class RangeEncoder {
 public:
  // Appends to `*bytes`, which outlives the encoder.
  explicit RangeEncoder(Bytes* bytes) : bytes_(*bytes) {}

  // Requires: `chance` (that the bit is 1, of 65,536) is 1 to 65,535. Returns `bit`.
  bool code(std::uint32_t chance, bool bit) {
    const std::uint32_t bound = (range_ >> 16) * chance;
    if (bit) {
      range_ = bound;
    } else {
      low_ += bound;
      range_ -= bound;
    }
    while (range_ < 1u << 24) {
      range_ <<= 8;
      shift();
    }
    return bit;
  }

  // After the last bit.
  void finish() {
    for (int i = 0; i < 5; ++i) shift();
  }

 private:
  // Moves the highest byte of low_ out. A byte of 0xff waits, because a carry may still come.
  void shift() {
    const auto carry = static_cast<std::uint8_t>(low_ >> 32);
    if (low_ < 0xff000000u || carry != 0) {
      // The first byte is always 0, and not stored.
      if (has_held_) bytes_.push_back(static_cast<std::uint8_t>(held_ + carry));
      bytes_.insert(bytes_.end(), waiting_, static_cast<std::uint8_t>(0xff + carry));
      waiting_ = 0;
      held_ = static_cast<std::uint8_t>(low_ >> 24);
      has_held_ = true;
    } else {
      ++waiting_;
    }
    low_ = (low_ & 0x00ffffff) << 8;
  }

  Bytes& bytes_;
  std::uint64_t low_ = 0;
  std::uint32_t range_ = 0xffffffff;
  std::uint8_t held_ = 0;
  bool has_held_ = false;
  std::uint64_t waiting_ = 0;
};

}  // namespace romdelta::pkgtool
