// SpillModel: whether the spill of an in-place update holds what its steps save.
//
// The device's own accounts (installer/spill_space.h) are kept for all steps ahead.
#pragma once

#include <cstdint>
#include <vector>

#include "installer/spill_space.h"

namespace romdelta::pkgtool {

struct SpillShape {
  std::uint32_t block_bytes = 0;
  std::uint32_t block_count = 0;
};

// What a step saves, in bytes.
struct StashDemand {
  struct Kept {
    std::uint32_t bytes = 0;
    std::uint32_t last_use = 0;
  };
  std::uint32_t own_bytes = 0;  // Needed by that step only.
  std::vector<Kept> kept;       // Needed by later steps, until the last of them.

  std::uint32_t bytes() const {
    std::uint32_t sum = own_bytes;
    for (const Kept& part : kept) sum += part.bytes;
    return sum;
  }
};

// What all steps took in the end.
struct SpillUse {
  std::uint64_t written_bytes = 0;       // What moved along included.
  std::uint32_t fragment_count_max = 0;  // At once.
};

class SpillModel {
 public:
  // So many blocks are freed ahead, as far as there is anything to gain.
  SpillModel(const SpillShape& shape, std::uint32_t reserve_blocks, std::size_t fragment_count_max);
  SpillModel(const SpillModel&) = delete;
  SpillModel& operator=(const SpillModel&) = delete;

  // Writes what `step` saves; steps come in order. False when there is no room.
  bool write(std::uint32_t step, const StashDemand& demand);
  const SpillUse& use() const { return use_; }

 private:
  bool append(std::uint32_t key, std::uint32_t bytes, std::uint32_t last_step);
  void clean(std::uint32_t step);
  void note(const SpillFragment& fragment);

  std::uint32_t reserve_blocks_;
  std::vector<SpillFragment> fragments_;
  std::vector<SpillBlock> blocks_;
  SpillSpace space_;
  SpillUse use_;
};

// True when a spill of this shape holds what all steps save, as many blocks being freed ahead as
// the largest stash takes, or one.
bool fits_spill(const std::vector<StashDemand>& demands, const SpillShape& shape, SpillUse* use);

// What a stash of `bytes` takes, if it fits into one block.
std::uint64_t spilled_bytes(std::uint64_t bytes);

}  // namespace romdelta::pkgtool
