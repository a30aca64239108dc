#include "installer/spill_space.h"

#include <algorithm>

namespace romdelta {
namespace {

// The least that is worth a fragment of its own at the end of a block.
constexpr std::uint32_t kFragmentBytesMin = 64;

}  // namespace

SpillSpace::SpillSpace(std::span<SpillFragment> fragments, std::span<SpillBlock> blocks,
                       std::uint32_t block_bytes)
    : fragments_(fragments), blocks_(blocks), block_bytes_(block_bytes) {
  clear();
}

void SpillSpace::clear() {
  for (SpillBlock& block : blocks_) block = {};
  count_ = 0;
  current_ = last_opened_ = none;
}

std::uint32_t SpillSpace::first_at_or_after(std::uint32_t key, std::uint32_t offset) const {
  const auto used = fragments_.first(count_);
  const auto place = std::partition_point(used.begin(), used.end(), [&](const SpillFragment& f) {
    return f.key != key ? f.key < key : f.offset < offset;
  });
  return static_cast<std::uint32_t>(place - used.begin());
}

bool SpillSpace::add(const SpillFragment& fragment) {
  const std::uint32_t place = first_at_or_after(fragment.key, fragment.offset);
  const bool replaces = place < count_ && fragments_[place].key == fragment.key &&
                        fragments_[place].offset == fragment.offset;
  if (replaces) {
    SpillBlock& other = blocks_[fragments_[place].block];
    if (other.sequence > blocks_[fragment.block].sequence) return true;
    --other.fragments;
  } else {
    if (count_ == fragments_.size()) return false;
    std::move_backward(fragments_.begin() + place, fragments_.begin() + count_,
                       fragments_.begin() + count_ + 1);
    ++count_;
  }
  fragments_[place] = fragment;
  ++blocks_[fragment.block].fragments;
  return true;
}

const SpillFragment* SpillSpace::find(std::uint32_t key, std::uint32_t offset) const {
  const std::uint32_t after =
      offset == none ? none : first_at_or_after(key, offset + 1);  // Begins behind the byte.
  if (after == 0 || after == none) return nullptr;
  const SpillFragment& fragment = fragments_[after - 1];
  return fragment.key == key && offset < fragment.end() ? &fragment : nullptr;
}

bool SpillSpace::is_complete(std::uint32_t key, std::uint32_t bytes) const {
  std::uint32_t at = 0;
  while (at < bytes) {
    const SpillFragment* fragment = find(key, at);
    if (fragment == nullptr) return false;
    at = fragment->end();
  }
  return at == bytes;
}

std::uint32_t SpillSpace::sequence_of(std::uint32_t key) const {
  std::uint32_t latest = 0;
  for (std::uint32_t i = first_at_or_after(key, 0); i < count_ && fragments_[i].key == key; ++i) {
    latest = std::max(latest, blocks_[fragments_[i].block].sequence);
  }
  return latest;
}

bool SpillSpace::open_next() {
  const std::uint32_t count = block_count();
  for (std::uint32_t i = 1; i <= count; ++i) {
    // In turn, so that all wear alike.
    const std::uint32_t block = (last_opened_ == none ? i - 1 : last_opened_ + i) % count;
    if (!is_free(block)) continue;
    blocks_[block].state = State::open;
    blocks_[block].sequence = sequence_;
    current_ = last_opened_ = block;
    filled_ = 0;
    return true;
  }
  return false;
}

bool SpillSpace::place(std::uint32_t key, std::uint32_t offset, std::uint32_t bytes_left,
                       std::uint32_t last_step, SpillFragment* placed, bool* opens) {
  const auto room = [&] { return current_ == none ? 0 : block_bytes_ - filled_; };
  const std::uint32_t least = std::min(bytes_left, kFragmentBytesMin) + frame_bytes;
  *opens = room() < least;
  if (*opens && !open_next()) return false;
  *placed = {key, offset, std::min(bytes_left, room() - frame_bytes), last_step, current_, filled_};
  filled_ = std::min(filled_ + stored_bytes(placed->bytes), block_bytes_);
  return add(*placed);
}

bool SpillSpace::move_whole(SpillFragment* fragment, bool* opens) {
  const std::uint32_t stored = stored_bytes(fragment->bytes);
  *opens = current_ == none || block_bytes_ - filled_ < stored;
  if (*opens && !open_next()) return false;
  --blocks_[fragment->block].fragments;
  fragment->block = current_;
  fragment->at = filled_;
  ++blocks_[current_].fragments;
  filled_ += stored;
  return true;
}

void SpillSpace::measure(std::uint32_t step) {
  for (SpillBlock& block : blocks_) block.needed = 0;
  for (const SpillFragment& fragment : fragments_.first(count_)) {
    if (fragment.last_step < step) continue;
    blocks_[fragment.block].needed += stored_bytes(fragment.bytes);
  }
}

// Of equal ones that which holds the first fragment: not the one that lies first, because after a
// cut blocks are taken in another order, and what is foreseen must come true all the same.
std::uint32_t SpillSpace::victim() const {
  std::uint32_t best = none;
  for (const SpillFragment& fragment : fragments_.first(count_)) {
    const SpillBlock& block = blocks_[fragment.block];
    if (block.state != State::idle || block.needed == 0 || block.needed > block_bytes_ / 2) {
      continue;
    }
    if (best == none || block.needed < blocks_[best].needed) best = fragment.block;
  }
  return best;
}

std::uint32_t SpillSpace::free_when_sealed() const {
  return static_cast<std::uint32_t>(std::ranges::count_if(blocks_, [](const SpillBlock& block) {
    return block.state != State::open && (block.state == State::left || block.needed == 0);
  }));
}

std::uint32_t SpillSpace::free_count() const {
  std::uint32_t count = 0;
  for (std::uint32_t block = 0; block < block_count(); ++block) count += is_free(block) ? 1 : 0;
  return count;
}

void SpillSpace::seal(std::uint32_t step) {
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (fragments_[i].last_step < step) {
      --blocks_[fragments_[i].block].fragments;
    } else {
      fragments_[kept++] = fragments_[i];
    }
  }
  count_ = kept;
  for (SpillBlock& block : blocks_) block.state = State::idle;
  current_ = none;
}

}  // namespace romdelta
