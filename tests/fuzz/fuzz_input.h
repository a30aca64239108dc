// What the fuzz targets share: taking the input apart, and saying what is wrong before stopping.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "format/status.h"
#include "tests/support/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace romdelta::test {

// Stops with the sentence that does not hold: libFuzzer keeps the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  std::abort();
}
inline void require(Status status, const char* what) {
  if (status == Status::ok) return;
  std::fprintf(stderr, "fuzz: %s: %s\n", what, to_string(status));
  std::abort();
}

// Numbers and buffers from the front of the input; zeros when it is used up.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}

  bool empty() const { return bytes_.empty(); }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint64_t u64() { return number(8); }
  // A copy of its own, so that a sanitizer sees where it ends.
  Bytes take(std::size_t count) {
    const ByteSpan front = bytes_.first(count < bytes_.size() ? count : bytes_.size());
    bytes_ = bytes_.subspan(front.size());
    return to_bytes(front);
  }
  Bytes rest() { return take(bytes_.size()); }

 private:
  std::uint64_t number(std::size_t count) {
    const Bytes front = take(count);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < front.size(); ++i) value |= std::uint64_t{front[i]} << (8 * i);
    return value;
  }
  ByteSpan bytes_;
};

}  // namespace romdelta::test
