// SpillModel: what the spill of an in-place update can hold, by simulation.
//
// The spill consists of erase blocks. What a step saves is written into blocks that hold nothing
// that is needed, never behind what an earlier step wrote. Blocks in which little is needed are
// cleaned: what is needed moves along into the rest of the newest block.
#pragma once

#include <cstdint>
#include <vector>

namespace romdelta::pkgtool {

struct SpillShape {
  std::uint64_t block_bytes = 0;
  std::uint64_t unit_bytes = 0;  // Programmed at once; block_bytes is a multiple.
  std::uint64_t block_count = 0;
};

// What a step saves, in bytes.
struct StashDemand {
  std::uint64_t own_bytes = 0;      // Needed by that step only.
  std::uint64_t kept_bytes = 0;     // Needed by later steps,
  std::uint32_t kept_last_use = 0;  // the last of them.
};

class SpillModel {
 public:
  // So many blocks are freed ahead, as far as there is anything to gain.
  SpillModel(const SpillShape& shape, std::uint64_t reserve_blocks);

  // Writes what `step` saves; steps come in order, from 0 on. False when there is no room.
  bool write(std::uint32_t step, const StashDemand& demand);

  // Everything that was written, what moved along included.
  std::uint64_t written_bytes() const { return written_bytes_; }

 private:
  struct Fragment {
    std::uint32_t last_use = 0;
    std::uint64_t data_bytes = 0;
  };
  using Block = std::vector<Fragment>;

  bool append(std::uint32_t last_use, std::uint64_t data_bytes);
  bool open_block();
  void forget_before(std::uint32_t step);
  bool clean(std::uint32_t step);
  bool move_along(std::uint32_t step, std::size_t victim);
  std::uint64_t live_bytes(std::size_t block, std::uint32_t step) const;
  std::vector<std::size_t> victims(std::uint32_t step) const;
  std::uint64_t free_blocks() const;

  SpillShape shape_;
  std::uint64_t reserve_blocks_;
  std::uint64_t written_bytes_ = 0;
  std::vector<Block> blocks_;
  std::vector<bool> is_new_;      // Written by the current step.
  std::size_t newest_ = 0;        // The last of those.
  std::uint64_t room_bytes_ = 0;  // Left in it.
};

// True when a spill of this shape holds what all steps save; what that takes is written then.
bool fits_spill(const std::vector<StashDemand>& demands, const SpillShape& shape,
                std::uint64_t* written_bytes);

// What `bytes` take in the spill, if they fit into one block.
std::uint64_t spilled_bytes(const SpillShape& shape, std::uint64_t bytes);

}  // namespace romdelta::pkgtool
