#include <immintrin.h>

#include "installer/simd/kernels.h"

namespace romdelta {
namespace {

using Vector = __m256i;
using Mask = std::uint32_t;  // One bit a byte.
constexpr std::size_t kStep = sizeof(Vector);
constexpr Mask kAll = 0xffffffff;

Vector load(const std::uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const Vector*>(from));
}
void store(std::uint8_t* to, Vector v) { _mm256_storeu_si256(reinterpret_cast<Vector*>(to), v); }
Vector add(Vector a, Vector b) { return _mm256_add_epi8(a, b); }
Vector splat(std::uint8_t value) { return _mm256_set1_epi8(static_cast<char>(value)); }
Mask differing(Vector a, Vector b) {
  return ~static_cast<Mask>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b))) & kAll;
}
std::size_t first_byte(Mask mask) { return static_cast<std::size_t>(__builtin_ctz(mask)); }

#include "installer/simd/kernels_vector.inc"

}  // namespace

extern const Kernels kKernelsAvx2;
const Kernels kKernelsAvx2 = {"avx2", add_bytes, find_byte, find_not, mismatch};

}  // namespace romdelta
