#include "pkgtool/spill_model.h"

#include <algorithm>

#include "format/limits.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint32_t kReserveBlocksMin = 2;

}  // namespace

std::uint64_t spilled_bytes(std::uint64_t bytes) {
  return bytes == 0 ? 0 : SpillSpace::stored_bytes(static_cast<std::uint32_t>(bytes));
}

std::uint32_t reserve_blocks(const std::vector<StashDemand>& demands, const SpillShape& shape) {
  std::uint64_t most = 0;
  for (const StashDemand& demand : demands) {
    most = std::max(
        most, spilled_bytes(demand.own_bytes) + spilled_bytes(demand.kept_bytes));
  }
  const std::uint64_t blocks = round_up(most, shape.block_bytes) / shape.block_bytes;
  return std::max(kReserveBlocksMin, static_cast<std::uint32_t>(blocks));
}

bool fits_spill(const std::vector<StashDemand>& demands, const SpillShape& shape, SpillUse* use) {
  SpillModel spill(shape, reserve_blocks(demands, shape));
  for (std::size_t step = 0; step < demands.size(); ++step) {
    if (!spill.write(static_cast<std::uint32_t>(step), demands[step])) return false;
  }
  *use = spill.use();
  return true;
}

SpillModel::SpillModel(const SpillShape& shape, std::uint32_t reserve_blocks)
    : reserve_blocks_(reserve_blocks),
      fragments_(limits::fragment_count_max),
      blocks_(shape.block_count),
      space_(fragments_, blocks_, shape.block_bytes) {}

bool SpillModel::write(std::uint32_t step, const StashDemand& demand) {
  if (demand.own_bytes != 0 || demand.kept_bytes != 0) {
    space_.begin_phase(step + 1);
    if (!append(SpillKind::own, step, demand.own_bytes, step)) return false;
    if (!append(SpillKind::kept, step, demand.kept_bytes, demand.kept_last_use)) return false;
    clean(step);
  }
  space_.seal(step);
  return true;
}

bool SpillModel::append(SpillKind kind, std::uint32_t step, std::uint32_t bytes,
                        std::uint32_t last_step) {
  for (std::uint32_t at = 0; at < bytes;) {
    SpillFragment placed;
    bool opens = false;
    if (!space_.place(spill_key(kind, step), at, bytes - at, last_step, &placed, &opens)) {
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
