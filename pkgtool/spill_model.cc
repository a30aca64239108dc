#include "pkgtool/spill_model.h"

#include <algorithm>

#include "format/bytes.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint64_t kHeaderBytes = 32;
constexpr std::uint64_t kReserveBlocksMin = 2;

// How many blocks the largest stash takes.
std::uint64_t blocks_of_largest(const std::vector<StashDemand>& demands, const SpillShape& shape) {
  std::uint64_t most = 0;
  for (const StashDemand& demand : demands) {
    most = std::max(
        most, spilled_bytes(shape, demand.own_bytes) + spilled_bytes(shape, demand.kept_bytes));
  }
  return round_up(most, shape.block_bytes) / shape.block_bytes;
}

}  // namespace

std::uint64_t spilled_bytes(const SpillShape& shape, std::uint64_t bytes) {
  return bytes == 0 ? 0 : round_up(bytes + kHeaderBytes, shape.unit_bytes);
}

SpillModel::SpillModel(const SpillShape& shape, std::uint64_t reserve_blocks)
    : shape_(shape),
      reserve_blocks_(reserve_blocks),
      blocks_(static_cast<std::size_t>(shape.block_count)),
      is_new_(blocks_.size()) {}

bool SpillModel::write(std::uint32_t step, const StashDemand& demand) {
  if (demand.own_bytes == 0 && demand.kept_bytes == 0) return true;
  forget_before(step);
  is_new_.assign(blocks_.size(), false);
  room_bytes_ = 0;
  return append(step, demand.own_bytes) && append(demand.kept_last_use, demand.kept_bytes) &&
         clean(step);
}

bool SpillModel::append(std::uint32_t last_use, std::uint64_t data_bytes) {
  while (data_bytes != 0) {
    if (room_bytes_ <= kHeaderBytes && !open_block()) return false;
    const std::uint64_t bytes = std::min(data_bytes, room_bytes_ - kHeaderBytes);
    const std::uint64_t taken = spilled_bytes(shape_, bytes);
    blocks_[newest_].push_back({last_use, bytes});
    written_bytes_ += taken;
    room_bytes_ -= taken;
    data_bytes -= bytes;
  }
  return true;
}

bool SpillModel::open_block() {
  const auto block = std::ranges::find_if(blocks_, &Block::empty);
  if (block == blocks_.end() || shape_.block_bytes <= kHeaderBytes) return false;
  newest_ = static_cast<std::size_t>(block - blocks_.begin());
  is_new_[newest_] = true;
  room_bytes_ = shape_.block_bytes;
  return true;
}

// While `step` is not sealed, what the step before it needs is needed.
void SpillModel::forget_before(std::uint32_t step) {
  for (Block& block : blocks_) {
    std::erase_if(block, [&](const Fragment& fragment) { return fragment.last_use + 1 < step; });
  }
}

// Frees the reserve, which can be used once `step` is sealed. Stops when nothing can be gained.
bool SpillModel::clean(std::uint32_t step) {
  std::uint64_t free = free_blocks();
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    if (!is_new_[block] && !blocks_[block].empty() && live_bytes(block, step) == 0) ++free;
  }
  if (free >= reserve_blocks_) return true;
  const std::vector<std::size_t> order = victims(step);
  for (std::size_t i = 0; i < order.size() && free < reserve_blocks_; ++i) {
    const std::uint64_t live = live_bytes(order[i], step);
    if (live > room_bytes_) {
      // A block more is worth it when two are freed for it.
      const bool gains = i + 1 < order.size() && free_blocks() != 0 &&
                         live + live_bytes(order[i + 1], step) <= room_bytes_ + shape_.block_bytes;
      if (!gains) break;
      --free;
    }
    if (!move_along(step, order[i])) return false;
    ++free;
  }
  return true;
}

bool SpillModel::move_along(std::uint32_t step, std::size_t victim) {
  // The copy counts once the step is sealed; until then the original does.
  const Block block = blocks_[victim];
  for (Fragment& fragment : blocks_[victim]) {
    if (fragment.last_use >= step) fragment.last_use = step - 1;
  }
  return std::ranges::all_of(block, [&](const Fragment& fragment) {
    return fragment.last_use < step || append(fragment.last_use, fragment.data_bytes);
  });
}

// What is needed of a block once `step` is sealed.
std::uint64_t SpillModel::live_bytes(std::size_t block, std::uint32_t step) const {
  std::uint64_t bytes = 0;
  for (const Fragment& fragment : blocks_[block]) {
    if (fragment.last_use >= step) bytes += spilled_bytes(shape_, fragment.data_bytes);
  }
  return bytes;
}

// The blocks that can be cleaned, those with the least work first.
std::vector<std::size_t> SpillModel::victims(std::uint32_t step) const {
  std::vector<std::pair<std::uint64_t, std::size_t>> found;
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    if (is_new_[block]) continue;
    const std::uint64_t live = live_bytes(block, step);
    if (live != 0 && live < shape_.block_bytes) found.emplace_back(live, block);
  }
  std::ranges::sort(found);
  std::vector<std::size_t> order;
  order.reserve(found.size());
  for (const auto& [live, block] : found) order.push_back(block);
  return order;
}

std::uint64_t SpillModel::free_blocks() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(blocks_, &Block::empty));
}

bool fits_spill(const std::vector<StashDemand>& demands, const SpillShape& shape,
                std::uint64_t* written_bytes) {
  SpillModel spill(shape, std::max(kReserveBlocksMin, blocks_of_largest(demands, shape)));
  for (std::size_t step = 0; step < demands.size(); ++step) {
    if (!spill.write(static_cast<std::uint32_t>(step), demands[step])) return false;
  }
  *written_bytes = spill.written_bytes();
  return true;
}

}  // namespace romdelta::pkgtool
