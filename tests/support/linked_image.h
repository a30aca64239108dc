// Images of made-up code as a linker would lay it out: functions of random instructions that call
// each other, and a table of pointers to them. When functions grow, everything behind them moves
// and all references follow.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/support/bytes.h"

namespace romdelta::test {

struct LinkPlan {
  std::uint64_t base = 0x08000000;  // The address of the first byte.
  std::uint64_t seed = 1;           // Decides about the instructions.
  std::size_t function_count = 200;
  // By how many words a function is longer, at its end; those not named here by none.
  std::vector<std::size_t> grown_words = {};
};

// ARM64 code (B, BL, ADRP with ADD) behind a table of `function_count` pointers of 8 bytes.
Bytes link_image(const LinkPlan& plan);

}  // namespace romdelta::test
