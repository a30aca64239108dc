// Stash limiter: which reads are given up when not everything that is needed can be kept.
//
// The steps are gone through in order. Where more is needed than there is room for, stashes are cut
// short: all uses after some step are given up. Of all such cuts the one is made that frees the
// most room, for the longest time, for each byte that becomes a literal.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pkgtool/stash_planner.h"

namespace romdelta::pkgtool {

class StashLimiter {
 public:
  StashLimiter(const InPlaceReads& reads, const StepOrder& order);

  // What must be given up so that no more than `most_bytes` are needed at any time, were the spill
  // not made of blocks.
  std::vector<InPlaceReads::Loss> losses(std::uint64_t most_bytes);

 private:
  // A grain that is read after it was overwritten. Places in the order:
  struct Use {
    std::uint32_t saved_at = 0;  // Of the step that overwrites it.
    std::uint32_t grain = 0;
    std::uint32_t used_at = 0;     // Of the step that reads it.
    std::uint32_t read_bytes = 0;  // How much of it.
  };

  // What is left of a stash when the uses after `last_use` are given up.
  struct Cut {
    std::uint32_t last_use = 0;
    std::uint64_t own_bytes = 0;
    std::uint64_t kept_bytes = 0;
    std::uint64_t lost_bytes = 0;  // By what is given up.
  };

  // The stash of a step, and what it may be cut down to.
  struct Stash {
    std::size_t first_use = 0;
    std::size_t first_cut = 0;  // Keeps nothing; the last one keeps all.
    std::size_t now = 0;        // The cut that was made.
    std::uint64_t own_bytes = 0;
  };

  // The best cut of a stash, and what it gains.
  struct Choice {
    double gain = 0;
    std::uint32_t stash = 0;
    std::size_t cut = 0;
    friend auto operator<=>(const Choice&, const Choice&) = default;
  };

  void find_uses(const InPlaceReads& reads);
  void find_cuts(std::uint32_t place);
  void count_grains(std::uint32_t place, std::span<Cut> cuts) const;
  std::span<const Use> uses(std::uint32_t place) const;

  void begin();
  void enter(std::uint32_t place);
  Choice best_cut(std::uint32_t stash, std::uint32_t place, bool potential) const;
  void add_choice(std::uint32_t stash, std::uint32_t place);
  bool cut_best(std::uint32_t place);
  void cut(const Choice& choice, std::uint32_t place);
  void lose_own(std::uint32_t place, std::uint64_t room);
  void lose_cut(std::uint32_t place);

  const StepOrder& order_;
  std::vector<Use> uses_;  // By saved_at, grain and used_at.
  std::vector<Cut> cuts_;
  std::vector<Stash> stashes_;  // By place, and one more.

  // The room that is needed at the current place, and of that what ends when.
  std::uint64_t kept_bytes_ = 0;
  std::vector<std::uint64_t> ending_bytes_;  // By last use.
  std::vector<Choice> choices_;              // What stashes might gain, a heap.
  std::vector<InPlaceReads::Loss> losses_;
};

}  // namespace romdelta::pkgtool
