#include "tests/mutants/mutant.h"

#include <cstdlib>

int romdelta_mutant = 0;

namespace romdelta::test {

void arm_mutant() {
  const char* number = std::getenv("ROMDELTA_MUTANT");
  romdelta_mutant = number != nullptr ? std::atoi(number) : 0;
}

}  // namespace romdelta::test
