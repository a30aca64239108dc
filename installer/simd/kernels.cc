#include "installer/simd/kernels.h"

#include <cstring>

namespace romdelta {

extern const Kernels kKernelsScalar;
#if defined(ROMDELTA_KERNELS_X86)
extern const Kernels kKernelsSse2;
extern const Kernels kKernelsAvx2;
#elif defined(ROMDELTA_KERNELS_NEON)
extern const Kernels kKernelsNeon;
#endif

namespace {

#if defined(ROMDELTA_KERNELS_X86)
const Kernels* const kWithoutAvx2[] = {&kKernelsScalar, &kKernelsSse2, nullptr};
const Kernels* const kAll[] = {&kKernelsScalar, &kKernelsSse2, &kKernelsAvx2, nullptr};
#elif defined(ROMDELTA_KERNELS_NEON)
const Kernels* const kAll[] = {&kKernelsScalar, &kKernelsNeon, nullptr};
#else
const Kernels* const kAll[] = {&kKernelsScalar, nullptr};
#endif

}  // namespace

const Kernels* const* available_kernels() {
#if defined(ROMDELTA_KERNELS_X86)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2")) return kWithoutAvx2;
#endif
  return kAll;
}

const Kernels* kernels_by_name(const char* name) {
  for (const Kernels* const* table = available_kernels(); *table != nullptr; ++table) {
    if (std::strcmp((*table)->name, name) == 0) return *table;
  }
  return nullptr;
}

const Kernels& best_kernels() {
  const Kernels* best = &kKernelsScalar;
  for (const Kernels* const* table = available_kernels(); *table != nullptr; ++table) {
    best = *table;
  }
  return *best;
}

}  // namespace romdelta
