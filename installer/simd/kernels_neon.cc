#include <arm_neon.h>

#include "installer/simd/kernels.h"

namespace romdelta {
namespace {

using Vector = uint8x16_t;
using Mask = std::uint64_t;  // Four bits a byte.
constexpr std::size_t kStep = sizeof(Vector);
constexpr Mask kAll = ~Mask{0};

Vector load(const std::uint8_t* from) { return vld1q_u8(from); }
void store(std::uint8_t* to, Vector v) { vst1q_u8(to, v); }
Vector add(Vector a, Vector b) { return vaddq_u8(a, b); }
Vector splat(std::uint8_t value) { return vdupq_n_u8(value); }
// NEON has no movemask; a narrowing shift packs a compare result into 64 bits instead.
Mask differing(Vector a, Vector b) {
  const uint8x8_t packed = vshrn_n_u16(vreinterpretq_u16_u8(vceqq_u8(a, b)), 4);
  return ~vget_lane_u64(vreinterpret_u64_u8(packed), 0);
}
std::size_t first_byte(Mask mask) { return static_cast<std::size_t>(__builtin_ctzll(mask)) / 4; }

#include "installer/simd/kernels_vector.inc"

}  // namespace

extern const Kernels kKernelsNeon;
const Kernels kKernelsNeon = {"neon", add_bytes, find_byte, find_not, mismatch};

}  // namespace romdelta
