#include <emmintrin.h>

#include "installer/simd/kernels.h"

namespace romdelta {
namespace {

using Vector = __m128i;
using Mask = std::uint32_t;  // One bit a byte.
constexpr std::size_t kStep = sizeof(Vector);
constexpr Mask kAll = 0xffff;

Vector load(const std::uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const Vector*>(from));
}
void store(std::uint8_t* to, Vector v) { _mm_storeu_si128(reinterpret_cast<Vector*>(to), v); }
Vector add(Vector a, Vector b) { return _mm_add_epi8(a, b); }
Vector splat(std::uint8_t value) { return _mm_set1_epi8(static_cast<char>(value)); }
Mask differing(Vector a, Vector b) {
  return ~static_cast<Mask>(_mm_movemask_epi8(_mm_cmpeq_epi8(a, b))) & kAll;
}
std::size_t first_byte(Mask mask) { return static_cast<std::size_t>(__builtin_ctz(mask)); }

#include "installer/simd/kernels_vector.inc"

}  // namespace

extern const Kernels kKernelsSse2;
const Kernels kKernelsSse2 = {"sse2", add_bytes, find_byte, find_not, mismatch};

}  // namespace romdelta
