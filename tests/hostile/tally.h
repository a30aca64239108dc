// Tally: what became of the hostile inputs, in memory that survives the process that tries them.
#pragma once

#include <atomic>
#include <cstdint>

namespace romdelta::test {

struct Tally {
  std::atomic<std::uint64_t> tried{0};     // Raised before an input is tried,
  std::atomic<std::uint64_t> refused{0};   // one of these two after it:
  std::atomic<std::uint64_t> accepted{0};  // whatever is missing, crashed.
};

// The same for this process and for those it forks.
Tally& tally();

}  // namespace romdelta::test
