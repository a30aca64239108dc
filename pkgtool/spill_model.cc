#include "pkgtool/spill_model.h"

#include <algorithm>

#include "format/limits.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint32_t kReserveBlocksMin = 2;

// Keys here need only be different, and ascend.
constexpr unsigned kPartBits = 8;

// How many fragments there may be at most.
std::size_t fragments_at_most(const std::vector<StashDemand>& demands, const SpillShape& shape) {
  std::size_t count = 0;
  for (const StashDemand& demand : demands) {
    // The first and the last one of a part may be of any size.
    count += demand.bytes() / (shape.block_bytes - SpillSpace::frame_bytes) +
             2 * (1 + demand.kept.size());
  }
  return std::min<std::size_t>(count, limits::fragment_count_max);
}

// How many blocks the largest stash takes.
std::uint32_t blocks_of_largest(const std::vector<StashDemand>& demands, const SpillShape& shape) {
  std::uint64_t most = 0;
  for (const StashDemand& demand : demands) {
    std::uint64_t bytes = spilled_bytes(demand.own_bytes);
    for (const StashDemand::Kept& part : demand.kept) bytes += spilled_bytes(part.bytes);
    most = std::max(most, bytes);
  }
  return static_cast<std::uint32_t>(round_up(most, shape.block_bytes) / shape.block_bytes);
}

}  // namespace

bool fits_spill(const std::vector<StashDemand>& demands, const SpillShape& shape, SpillUse* use) {
  if (shape.block_bytes <= SpillSpace::frame_bytes) return false;
  const std::uint32_t largest = std::max(kReserveBlocksMin, blocks_of_largest(demands, shape));
  for (const std::uint32_t reserve : {largest, largest + 1}) {
    SpillModel spill(shape, reserve, fragments_at_most(demands, shape));
    std::uint32_t step = 0;
    while (step < demands.size() && spill.write(step, demands[step])) ++step;
    if (step < demands.size()) continue;
    *use = spill.use();
    return true;
  }
  return false;
}

std::uint64_t spilled_bytes(std::uint64_t bytes) {
  return bytes == 0 ? 0 : SpillSpace::stored_bytes(static_cast<std::uint32_t>(bytes));
}

SpillModel::SpillModel(const SpillShape& shape, std::uint32_t reserve_blocks,
                       std::size_t fragment_count_max)
    : reserve_blocks_(reserve_blocks),
      fragments_(fragment_count_max),
      blocks_(shape.block_count),
      space_(fragments_, blocks_, shape.block_bytes) {}

bool SpillModel::write(std::uint32_t step, const StashDemand& demand) {
  if (demand.own_bytes != 0 || !demand.kept.empty()) {
    space_.begin_phase(step + 1);
    std::uint32_t key = step << kPartBits;
    if (!append(key, demand.own_bytes, step)) return false;
    for (const StashDemand::Kept& part : demand.kept) {
      if (!append(++key, part.bytes, part.last_use)) return false;
    }
    clean(step);
  }
  space_.seal(step);
  return true;
}

bool SpillModel::append(std::uint32_t key, std::uint32_t bytes, std::uint32_t last_step) {
  for (std::uint32_t at = 0; at < bytes;) {
    SpillFragment placed;
    bool opens = false;
    if (!space_.place(key, at, bytes - at, last_step, &placed, &opens)) {
      return false;
    }
    note(placed);
    at = placed.end();
  }
  return true;
}

void SpillModel::clean(std::uint32_t step) {
  (void)space_.clean(step, reserve_blocks_,
                     [&](const SpillFragment&, const SpillFragment& to, bool) {
                       note(to);
                       return true;
                     });
}

void SpillModel::note(const SpillFragment& fragment) {
  use_.written_bytes += space_.stored_bytes(fragment.bytes);
  use_.fragment_count_max = std::max(use_.fragment_count_max, space_.fragment_count());
}

}  // namespace romdelta::pkgtool
