#include "tests/budget/heap_counter.h"

#include <cerrno>
#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ROMDELTA_HEAP_HOOKS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ROMDELTA_HEAP_HOOKS
#endif

namespace romdelta::test {
namespace {

bool counting = false;
unsigned long allocations = 0;

void count_one() {
  if (counting) ++allocations;
}

}  // namespace
}  // namespace romdelta::test

#if defined(ROMDELTA_HEAP_HOOKS)

#include <sanitizer/allocator_interface.h>

namespace romdelta::test {
namespace {

[[maybe_unused]] const int hooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { count_one(); }, [](const volatile void*) {});

}  // namespace
}  // namespace romdelta::test

#else

// glibc's own functions, under the names that it keeps for replacements like these.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) {
  romdelta::test::count_one();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  romdelta::test::count_one();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  romdelta::test::count_one();
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  romdelta::test::count_one();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  romdelta::test::count_one();
  *memory = __libc_memalign(alignment, size);
  return *memory != nullptr ? 0 : ENOMEM;
}
void free(void* memory) { __libc_free(memory); }
}

#endif

namespace romdelta::test {

HeapCounter::HeapCounter() {
  allocations = 0;
  counting = true;
}

HeapCounter::~HeapCounter() { counting = false; }

unsigned long HeapCounter::count() const { return allocations; }

}  // namespace romdelta::test
