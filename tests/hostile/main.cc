// Runs the suite in a child process, so that a crash is counted and not only suffered, and prints
// the counts as the last line.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "tests/hostile/attack_table.h"
#include "tests/hostile/tally.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (::testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();

  const romdelta::test::Tally& tally = romdelta::test::tally();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    std::perror("fork");
    return 1;
  }
  if (child == 0) {
    const int result = RUN_ALL_TESTS();
    return romdelta::test::print_attack_table() == 0 ? result : 1;
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) {
    std::perror("waitpid");
    return 1;
  }
  unsigned long long crashed = tally.tried - tally.refused - tally.accepted;
  if (WIFSIGNALED(status)) crashed = std::max(crashed, 1ULL);
  std::printf("hostile: tried %llu, refused %llu, crashed %llu, wrongly accepted %llu\n",
              static_cast<unsigned long long>(tally.tried),
              static_cast<unsigned long long>(tally.refused), crashed,
              static_cast<unsigned long long>(tally.accepted));
  const bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return passed && crashed == 0 && tally.accepted == 0 ? 0 : 1;
}
