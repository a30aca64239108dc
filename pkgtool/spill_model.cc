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
    most = std::max(most, spilled_bytes(demand.own_bytes) + spilled_bytes(demand.kept_bytes));
  }
  const std::uint64_t blocks = round_up(most, shape.block_bytes) / shape.block_bytes;
  return std::max(kReserveBlocksMin, static_cast<std::uint32_t>(blocks));
}

bool fits_spill(const std::vector<StashDemand>& demands, const SpillShape& shape, SpillUse* use) {
  SpillModel spill(shape, reserve_blocks(demands, shape), 1);
  for (std::size_t step = 0; step < demands.size(); ++step) {
    if (!spill.write(static_cast<std::uint32_t>(step), demands[step])) return false;
  }
  *use = spill.use();
  return true;
}

SpillModel::SpillModel(const SpillShape& shape, std::uint32_t reserve_blocks,
                       std::uint32_t program_unit_bytes)
    : reserve_blocks_(reserve_blocks),
      program_unit_bytes_(program_unit_bytes),
      fragments_(limits::fragment_count_max),
      blocks_(shape.block_count),
      space_(fragments_, blocks_, shape.block_bytes),
      erase_counts_(shape.block_count) {}

bool SpillModel::begin_chunk(std::uint32_t chunk, std::uint32_t script_bytes,
                             std::uint32_t first_step, std::uint32_t last_step) {
  space_.seal(first_step);
  begin_phase();
  return append(SpillKind::script, chunk, script_bytes, last_step);
}

bool SpillModel::write(std::uint32_t step, const StashDemand& demand) {
  const bool has_stash = demand.own_bytes != 0 || demand.kept_bytes != 0;
  if (has_stash && !phase_is_open_) begin_phase();
  if (!append(SpillKind::own, step, demand.own_bytes, step)) return false;
  if (!append(SpillKind::kept, step, demand.kept_bytes, demand.kept_last_use)) return false;
  if (phase_is_open_) clean(step);
  note_kept(step, demand);
  space_.seal(step);
  phase_is_open_ = false;
  return true;
}

void SpillModel::begin_phase() {
  space_.begin_phase(++sequence_);
  phase_is_open_ = true;
}

bool SpillModel::append(SpillKind kind, std::uint32_t index, std::uint32_t bytes,
                        std::uint32_t last_step) {
  for (std::uint32_t at = 0; at < bytes;) {
    SpillFragment placed;
    bool opens = false;
    if (!space_.place(spill_key(kind, index), at, bytes - at, last_step, &placed, &opens)) {
      return false;
    }
    note(placed, opens);
    at = placed.end();
  }
  return true;
}

void SpillModel::clean(std::uint32_t step) {
  (void)space_.clean(step, reserve_blocks_,
                     [&](const SpillFragment&, const SpillFragment& to, bool opens) {
                       note(to, opens);
                       return true;
                     });
}

void SpillModel::note(const SpillFragment& fragment, bool opens) {
  use_.written_bytes += SpillSpace::stored_bytes(fragment.bytes);
  use_.fragment_count_max = std::max(use_.fragment_count_max, space_.fragment_count());
  if (!opens) return;
  use_.written_bytes += program_unit_bytes_ - 1;
  ++use_.erase_count;
  const std::uint32_t count = ++erase_counts_[fragment.block];
  use_.block_erase_count = std::max(use_.block_erase_count, count);
}

void SpillModel::note_kept(std::uint32_t step, const StashDemand& demand) {
  std::erase_if(kept_until_, [&](std::uint32_t until) { return until < step; });
  if (demand.kept_bytes != 0) kept_until_.push_back(demand.kept_last_use);
  use_.kept_count_max =
      std::max(use_.kept_count_max, static_cast<std::uint32_t>(kept_until_.size()));
}

SpillUse SpillModel::use() const { return use_; }

}  // namespace romdelta::pkgtool
