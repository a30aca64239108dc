#include "installer/simd/kernels.h"

namespace romdelta {
namespace {

void add_bytes(std::uint8_t* target, const std::uint8_t* difference, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    target[i] = static_cast<std::uint8_t>(target[i] + difference[i]);
  }
}

std::size_t find_byte(const std::uint8_t* bytes, std::size_t count, std::uint8_t value) {
  std::size_t i = 0;
  while (i < count && bytes[i] != value) ++i;
  return i;
}

std::size_t find_not(const std::uint8_t* bytes, std::size_t count, std::uint8_t value) {
  std::size_t i = 0;
  while (i < count && bytes[i] == value) ++i;
  return i;
}

std::size_t mismatch(const std::uint8_t* a, const std::uint8_t* b, std::size_t count) {
  std::size_t i = 0;
  while (i < count && a[i] == b[i]) ++i;
  return i;
}

}  // namespace

extern const Kernels kKernelsScalar;
const Kernels kKernelsScalar = {"scalar", add_bytes, find_byte, find_not, mismatch};

}  // namespace romdelta
