// RangeDecoder: bits out of a range coder's bytes. docs/format.md section 7.5.
#pragma once

#include "format/bytes.h"

namespace romdelta {

class RangeDecoder {
 public:
  explicit RangeDecoder(ByteSpan bytes) : bytes_(bytes) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
  }

  // The next bit, which is 1 with `chance` of 65,536 (1 to 65,535). Takes the same arguments as the
  // encoder, so that both run the same models; the second has no meaning here.
  bool code(std::uint32_t chance, bool /*bit*/) {
    const std::uint32_t bound = (range_ >> 16) * chance;
    const bool bit = code_ < bound;
    // Without a branch: which way it went is what nobody could know.
    const std::uint32_t is_0 = std::uint32_t{bit} - 1;
    code_ -= bound & is_0;
    range_ = bound + ((range_ - 2 * bound) & is_0);
    while (range_ < 1u << 24) {
      range_ <<= 8;
      code_ = code_ << 8 | next();
    }
    return bit;
  }

  // False once more was wanted than there is: everything since then was made up.
  bool ok() const { return !overrun_; }
  // True when every byte was used and none was missing.
  bool done() const { return !overrun_ && at_ == bytes_.size(); }

 private:
  std::uint8_t next() {
    if (at_ < bytes_.size()) return bytes_[at_++];
    overrun_ = true;
    return 0;
  }

  ByteSpan bytes_;
  std::size_t at_ = 0;
  std::uint32_t range_ = 0xffffffff;
  std::uint32_t code_ = 0;
  bool overrun_ = false;
};

}  // namespace romdelta
