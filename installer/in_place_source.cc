#include "installer/in_place_source.h"

#include <algorithm>
#include <utility>

#include "format/limits.h"

namespace romdelta {

static_assert(sizeof(Stash) == 16);

Status HoledFlash::read(std::uint64_t offset, MutableByteSpan into) {
  const Status status = slot_.read(offset, into);
  if (status != Status::ok) return status;
  const std::uint64_t end = offset + into.size();
  auto hole = std::ranges::partition_point(
      holes_, [&](const Hole& h) { return (std::uint64_t{h.group} + 1) * group_bytes_ <= offset; });
  for (; hole != holes_.end() && std::uint64_t{hole->group} * group_bytes_ < end; ++hole) {
    const std::uint64_t hole_begin = std::uint64_t{hole->group} * group_bytes_;
    const std::uint64_t from = std::max(hole_begin, offset);
    const std::uint64_t to = std::min(hole_begin + group_bytes_, end);
    std::ranges::fill(
        into.subspan(static_cast<std::size_t>(from - offset), static_cast<std::size_t>(to - from)),
        static_cast<std::uint8_t>(hole->fill));
  }
  return Status::ok;
}

Status InPlaceSource::begin(const Manifest& manifest, const Spill* spill, Arena* arena) {
  spill_ = spill;
  source_bytes_ = manifest.sources[0].bytes;
  group_bytes_ = manifest.group_bytes;
  group_count_ = static_cast<std::uint32_t>(manifest.group_count());
  grains_per_group_ = group_bytes_ / limits::grain_bytes;
  margin_grains_ = manifest.map.present() ? limits::rebase_margin_bytes / limits::grain_bytes : 0;
  grains_around_ = static_cast<std::uint32_t>(grains_of_group(manifest));
  words_per_set_ = (grains_around_ + 31) / 32;
  const std::uint64_t stash_most = std::uint64_t{manifest.plan.kept_count_max} + 1;
  if (!arena->allocate_objects((std::uint64_t{group_count_} + 31) / 32, &overwritten_) ||
      !arena->allocate_objects(stash_most, &stashes_) ||
      !arena->allocate_objects(stash_most * words_per_set_, &words_)) {
    return Status::arena_too_small;
  }
  for (std::uint32_t i = 0; i < stashes_.size(); ++i) stashes_[i].words = i * words_per_set_;
  return rebased_.begin(manifest.map, arena);
}

void InPlaceSource::set_slot(const FlashRegion& slot, std::span<const Hole> holes) {
  slot_ = HoledFlash(slot, holes, group_bytes_);
  rebased_.set_source({FlashRegion(&slot_, 0, slot.size_bytes()), source_bytes_});
}

// --- Freshness. ---

// Nothing was written into [begin - margin, end + margin).
bool InPlaceSource::is_untouched(std::uint64_t begin, std::uint64_t end) const {
  const std::uint64_t margin = std::uint64_t{margin_grains_} * limits::grain_bytes;
  const std::uint64_t first = (begin - std::min(begin, margin)) / group_bytes_;
  const std::uint64_t last =
      std::min<std::uint64_t>((end + margin - 1) / group_bytes_, group_count_ - 1u);
  for (std::uint64_t group = first; group <= last; ++group) {
    if (is_overwritten(static_cast<std::uint32_t>(group))) return false;
  }
  return true;
}

bool InPlaceSource::is_fresh(std::uint64_t grain) const {
  const std::uint64_t begin = grain * limits::grain_bytes;
  return is_untouched(begin, begin + limits::grain_bytes);
}

// --- Reading. ---

Status InPlaceSource::read(std::uint64_t begin, MutableByteSpan out) {
  if (out.empty()) return Status::ok;
  const std::uint64_t first_grain = begin / limits::grain_bytes * limits::grain_bytes;
  if (is_untouched(first_grain, round_up(begin + out.size(), limits::grain_bytes)))
    return rebased_.read(begin, out);
  while (!out.empty()) {
    const std::uint64_t grain = begin / limits::grain_bytes;
    const auto past = static_cast<std::size_t>(begin % limits::grain_bytes);
    std::size_t count = std::min(out.size(), limits::grain_bytes - past);
    Status status = Status::ok;
    if (is_fresh(grain)) {
      // As many at once as are fresh.
      while (count < out.size() && is_fresh((begin + count) / limits::grain_bytes)) {
        count = std::min<std::size_t>(out.size(), count + limits::grain_bytes);
      }
      status = rebased_.read(begin, out.first(count));
    } else {
      status = read_grain(grain, past, out.first(count));
    }
    if (status != Status::ok) return status;
    begin += count;
    out = out.subspan(count);
  }
  return Status::ok;
}

// A grain that was overwritten is in the stash of one of the groups that it lies in or near to.
Status InPlaceSource::read_grain(std::uint64_t grain, std::size_t past, MutableByteSpan out) {
  const auto used = stashes_.first(stash_count_);
  const std::uint64_t lowest =
      (grain - std::min<std::uint64_t>(grain, margin_grains_)) / grains_per_group_;
  auto stash = std::ranges::partition_point(used, [&](const Stash& s) { return s.group < lowest; });
  for (; stash != used.end(); ++stash) {
    const std::uint32_t index = index_of(stash->group, grain);
    if (index == SpillSpace::none) break;
    const GrainSet grains = grains_of(*stash);
    if (!grains.contains(index)) continue;
    const std::uint32_t offset = grains.rank(index) * limits::grain_bytes;
    return spill_->read(stash->key, offset + static_cast<std::uint32_t>(past), out);
  }
  std::ranges::fill(out, std::uint8_t{0});
  return Status::ok;
}

// --- Stashes. ---

void InPlaceSource::add_stash(std::uint32_t group, std::uint32_t key, std::uint32_t last_step,
                              GrainSet grains) {
  const std::uint32_t words = stashes_[stash_count_].words;
  std::ranges::copy(grains.words(), words_.begin() + words);
  std::uint32_t place = stash_count_;
  for (; place != 0 && stashes_[place - 1].group > group; --place) {
    stashes_[place] = stashes_[place - 1];
  }
  stashes_[place] = {group, key, last_step, words};
  ++stash_count_;
}

void InPlaceSource::drop_stashes(std::uint32_t step) {
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < stash_count_; ++i) {
    // Exchanged, because the place of the grains is used again.
    if (stashes_[i].last_step >= step) std::swap(stashes_[kept++], stashes_[i]);
  }
  stash_count_ = kept;
}

void InPlaceSource::forget_all() {
  std::ranges::fill(overwritten_, 0u);
  stash_count_ = 0;
}

const Stash* InPlaceSource::stash(std::uint32_t key) const {
  for (const Stash& stash : stashes_.first(stash_count_)) {
    if (stash.key == key) return &stash;
  }
  return nullptr;
}

}  // namespace romdelta
