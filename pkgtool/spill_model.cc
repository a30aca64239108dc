#include "pkgtool/spill_model.h"

#include <algorithm>

#include "format/limits.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint32_t kReserveBlocksMin = 2;

// What a device would call the second part that a step keeps; it knows of one only, yet.
constexpr auto kSecondKept = static_cast<SpillKind>(3);

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

}  // namespace

std::uint64_t spilled_bytes(std::uint64_t bytes) {
  return bytes == 0 ? 0 : SpillSpace::stored_bytes(static_cast<std::uint32_t>(bytes));
}

bool fits_spill(const std::vector<StashDemand>& demands, const SpillShape& shape, SpillUse* use) {
  if (shape.block_bytes <= SpillSpace::frame_bytes) return false;
  const std::uint32_t largest = std::max(kReserveBlocksMin, blocks_of_largest(demands, shape));
  for (const std::uint32_t reserve : {largest, largest + 1}) {
    SpillModel spill(shape, reserve, 1, fragments_at_most(demands, shape));
    std::uint32_t step = 0;
    while (step < demands.size() && spill.write(step, demands[step])) ++step;
    if (step < demands.size()) continue;
    *use = spill.use();
    return true;
  }
  return false;
}

SpillModel::SpillModel(const SpillShape& shape, std::uint32_t reserve_blocks,
                       std::uint32_t program_unit_bytes, std::size_t fragment_count_max)
    : reserve_blocks_(reserve_blocks),
      program_unit_bytes_(program_unit_bytes),
      fragments_(fragment_count_max),
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
  const bool has_stash = demand.own_bytes != 0 || !demand.kept.empty();
  if (has_stash && !phase_is_open_) begin_phase();
  if (!append(SpillKind::own, step, demand.own_bytes, step)) return false;
  SpillKind kind = SpillKind::kept;
  for (const StashDemand::Kept& part : demand.kept) {
    if (!append(kind, step, part.bytes, part.last_use)) return false;
    kind = kSecondKept;
  }
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
  for (const StashDemand::Kept& part : demand.kept) kept_until_.push_back(part.last_use);
  use_.kept_count_max =
      std::max(use_.kept_count_max, static_cast<std::uint32_t>(kept_until_.size()));
}

SpillUse SpillModel::use() const { return use_; }

}  // namespace romdelta::pkgtool
