// SpillModel: whether the spill of an in-place update holds what its steps save.
//
// The device's own accounts (installer/spill_space.h) are kept for all steps ahead.
#pragma once

#include <cstdint>
#include <vector>

#include "format/limits.h"
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
  std::vector<Kept> kept;       // Needed by later steps, until the last of them; at most two.

  std::uint32_t bytes() const {
    std::uint32_t sum = own_bytes;
    for (const Kept& part : kept) sum += part.bytes;
    return sum;
  }
};

// What all steps took in the end.
struct SpillUse {
  std::uint64_t written_bytes = 0;  // What moved along included.
  std::uint64_t erase_count = 0;
  std::uint32_t block_erase_count = 0;   // The most of one block.
  std::uint32_t fragment_count_max = 0;  // At once.
  std::uint32_t kept_count_max = 0;      // Stashes for later steps, at once.
};

class SpillModel {
 public:
  // So many blocks are freed ahead, as far as there is anything to gain. `program_unit_bytes`: what
  // a phase writes into a block is filled up to a multiple.
  SpillModel(const SpillShape& shape, std::uint32_t reserve_blocks,
             std::uint32_t program_unit_bytes,
             std::size_t fragment_count_max = limits::fragment_count_max);
  SpillModel(const SpillModel&) = delete;
  SpillModel& operator=(const SpillModel&) = delete;

  // Begins a chunk with its script, which its steps need up to `last_step`. Chunks and steps come
  // in order. False when there is no room; the same below.
  bool begin_chunk(std::uint32_t chunk, std::uint32_t script_bytes, std::uint32_t first_step,
                   std::uint32_t last_step);
  // Writes what `step` saves.
  bool write(std::uint32_t step, const StashDemand& demand);
  SpillUse use() const;

 private:
  void begin_phase();
  bool append(SpillKind kind, std::uint32_t index, std::uint32_t bytes, std::uint32_t last_step);
  void clean(std::uint32_t step);
  void note(const SpillFragment& fragment, bool opens);
  void note_kept(std::uint32_t step, const StashDemand& demand);

  std::uint32_t reserve_blocks_;
  std::uint32_t program_unit_bytes_;
  std::vector<SpillFragment> fragments_;
  std::vector<SpillBlock> blocks_;
  SpillSpace space_;
  std::uint32_t sequence_ = 0;
  bool phase_is_open_ = false;
  std::vector<std::uint32_t> erase_counts_;  // Of each block.
  std::vector<std::uint32_t> kept_until_;    // Of the stashes that are kept now.
  SpillUse use_;
};

// True when a spill of this shape holds what all steps save, as many blocks being freed ahead as
// the largest stash takes, or one more.
bool fits_spill(const std::vector<StashDemand>& demands, const SpillShape& shape, SpillUse* use);

// What a stash of `bytes` takes, if it fits into one block.
std::uint64_t spilled_bytes(std::uint64_t bytes);

}  // namespace romdelta::pkgtool
