#include "tests/hostile/tally.h"

#include <sys/mman.h>

#include <new>
#include <stdexcept>

namespace romdelta::test {
namespace {

Tally* make_shared_tally() {
  void* memory =
      mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("mmap failed");
  return new (memory) Tally;
}

}  // namespace

Tally& tally() {
  static Tally* const shared = make_shared_tally();
  return *shared;
}

}  // namespace romdelta::test
