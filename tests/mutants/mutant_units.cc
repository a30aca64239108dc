// The unit tests that find mutants. Packages are built before the fault is there.
#include <gtest/gtest.h>

#include "tests/in_place/cases.h"
#include "tests/mutants/mutant.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  (void)romdelta::test::in_place_packages();
  romdelta::test::arm_mutant();
  return RUN_ALL_TESTS();
}
