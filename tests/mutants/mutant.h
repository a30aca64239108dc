// Which fault the engine has, in the build that holds all mutants (tests/mutants/make_mutants.py).
#pragma once

// The number of a mutant, by its place in mutants.txt; 0: none.
extern int romdelta_mutant;

namespace romdelta::test {

// Takes the number from the environment, ROMDELTA_MUTANT. Packages have to be built before: the
// planner shares code with the engine.
void arm_mutant();

}  // namespace romdelta::test
