// InPlaceSource: the source of a delta in place, of which more and more is overwritten.
// docs/format.md section 7.12.
//
// A grain is fresh while nothing was written near it; then it is read from the slot. What steps
// kept of the others is read from the spill. The rest is zero.
#pragma once

#include <span>

#include "installer/grain_set.h"
#include "installer/source_reader.h"
#include "installer/spill.h"

namespace romdelta {

// Old bytes around one group that are in the spill.
struct Stash {
  std::uint32_t group = 0;
  std::uint32_t key = 0;
  std::uint32_t last_step = 0;
  std::uint32_t words = 0;  // Where its grains begin in the table of them.
};

// The slot as it was: holes read as their fill byte, whatever the spill has put there.
class HoledFlash final : public Flash {
 public:
  HoledFlash() = default;
  HoledFlash(const FlashRegion& slot, std::span<const Hole> holes, std::uint32_t group_bytes)
      : slot_(slot), holes_(holes), group_bytes_(group_bytes) {}

  FlashGeometry geometry() const override { return slot_.geometry(); }
  std::uint64_t size_bytes() const override { return slot_.size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override;
  Status erase(std::uint64_t, std::uint64_t) override { return Status::flash_erase_failed; }
  Status program(std::uint64_t, ByteSpan) override { return Status::flash_program_failed; }
  Status sync() override { return Status::ok; }

 private:
  FlashRegion slot_;
  std::span<const Hole> holes_;
  std::uint32_t group_bytes_ = 1;
};

class InPlaceSource final : public SourceReader {
 public:
  // Takes its tables from the arena (counted in arena_bytes_needed). `spill` outlives this object.
  // arena_too_small.
  Status begin(const Manifest& manifest, const Spill* spill, Arena* arena);
  Status load_map(ByteSpan bytes, MutableByteSpan scratch) {
    return rebased_.load_map(bytes, scratch);
  }
  void set_slot(const FlashRegion& slot, std::span<const Hole> holes);

  std::uint64_t bytes() const override { return source_bytes_; }
  Status read(std::uint64_t begin, MutableByteSpan out) override;
  // What the slot holds, with its holes, and no reference rewritten.
  FlashRegion raw() { return FlashRegion(&slot_, 0, slot_.size_bytes()); }

  // How many grains around a group a GrainSet is about, and which grain of the source `index` is;
  // outside the source for some at its ends.
  std::uint32_t grains_around() const { return grains_around_; }
  std::uint64_t grain(std::uint32_t group, std::uint32_t index) const {
    return std::uint64_t{group} * grains_per_group_ + index - margin_grains_;
  }
  // Where `grain` is in the set of `group`, or SpillSpace::none.
  std::uint32_t index_of(std::uint32_t group, std::uint64_t grain) const {
    const std::uint64_t index = grain + margin_grains_ - std::uint64_t{group} * grains_per_group_;
    return index < grains_around_ ? static_cast<std::uint32_t>(index) : SpillSpace::none;
  }
  bool in_source(std::uint64_t grain) const {
    return grain < (source_bytes_ + limits::grain_bytes - 1) / limits::grain_bytes;
  }
  bool is_fresh(std::uint64_t grain) const;

  bool is_overwritten(std::uint32_t group) const {
    return (overwritten_[group / 32] >> group % 32 & 1) != 0;
  }
  void set_overwritten(std::uint32_t group) { overwritten_[group / 32] |= 1u << group % 32; }

  // What the spill holds of earlier steps. Requires: stash_count() <= kept_count_max of the plan.
  void add_stash(std::uint32_t group, std::uint32_t key, std::uint32_t last_step, GrainSet grains);
  std::uint32_t stash_count() const { return stash_count_; }
  // Forgets what no step from `step` on needs.
  void drop_stashes(std::uint32_t step);
  // As if nothing had been written yet.
  void forget_all();
  // The stash `key`, or nullptr.
  const Stash* stash(std::uint32_t key) const;

 private:
  Status read_grain(std::uint64_t grain, std::size_t past, MutableByteSpan out);
  bool is_untouched(std::uint64_t begin, std::uint64_t end) const;
  GrainSet grains_of(const Stash& stash) const {
    return {words_.subspan(stash.words, words_per_set_), grains_around_};
  }

  const Spill* spill_ = nullptr;
  RebasedSource rebased_;
  HoledFlash slot_;
  std::uint64_t source_bytes_ = 0;
  std::uint32_t group_bytes_ = 1;
  std::uint32_t group_count_ = 0;
  std::uint32_t grains_per_group_ = 1;
  std::uint32_t margin_grains_ = 0;
  std::uint32_t grains_around_ = 1;
  std::uint32_t words_per_set_ = 1;
  std::span<std::uint32_t> overwritten_;  // A bit a group.
  std::span<Stash> stashes_;  // The first stash_count_, by group; the others name free places.
  std::span<std::uint32_t> words_;  // The grains of each.
  std::uint32_t stash_count_ = 0;
};

}  // namespace romdelta
