#include "pkgtool/stash_limiter.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace romdelta::pkgtool {

StashLimiter::StashLimiter(const InPlaceReads& reads, const StepOrder& order) : order_(order) {
  find_uses(reads);
  std::size_t at = 0;
  for (std::uint32_t place = 0; place < order.size(); ++place) {
    stashes_.push_back({at, cuts_.size(), 0, 0});
    while (at < uses_.size() && uses_[at].saved_at == place) ++at;
  }
  stashes_.push_back({at, 0, 0, 0});
  for (std::uint32_t place = 0; place < order.size(); ++place) find_cuts(place);
  stashes_.back().first_cut = cuts_.size();
}

void StashLimiter::find_uses(const InPlaceReads& reads) {
  const StashPlanner stashes(reads, order_, 1);
  for (std::uint32_t place = 0; place < order_.size(); ++place) {
    for (const Match& read : reads.reads(order_[place])) {
      const GrainRange range = reads.grains(read);
      for (std::uint64_t grain = range.begin; grain < range.end; ++grain) {
        if (!stashes.is_saved_for(grain, place)) continue;
        const std::uint64_t begin = std::max(read.source_offset, grain * kGrainBytes);
        const std::uint64_t end =
            std::min(read.source_offset + read.bytes, (grain + 1) * kGrainBytes);
        uses_.push_back({stashes.overwritten_at(grain), static_cast<std::uint32_t>(grain), place,
                         static_cast<std::uint32_t>(end - begin)});
      }
    }
  }
  std::ranges::sort(uses_, [](const Use& a, const Use& b) {
    return std::tie(a.saved_at, a.grain, a.used_at) < std::tie(b.saved_at, b.grain, b.used_at);
  });
}

std::span<const StashLimiter::Use> StashLimiter::uses(std::uint32_t place) const {
  const std::size_t first = stashes_[place].first_use;
  return std::span(uses_).subspan(first, stashes_[place + 1].first_use - first);
}

void StashLimiter::find_cuts(std::uint32_t place) {
  stashes_[place].first_cut = cuts_.size();
  std::vector<std::uint32_t> times{place};
  for (const Use& use : uses(place)) times.push_back(use.used_at);
  std::ranges::sort(times);
  times.erase(std::unique(times.begin(), times.end()), times.end());
  for (const std::uint32_t time : times) cuts_.push_back({.last_use = time});
  const std::span<Cut> cuts = std::span(cuts_).subspan(stashes_[place].first_cut);
  count_grains(place, cuts);

  std::uint64_t lost = 0;
  for (std::size_t i = cuts.size(); i-- != 0;) lost += std::exchange(cuts[i].lost_bytes, lost);
  for (std::size_t i = 1; i < cuts.size(); ++i) {
    cuts[i].own_bytes += cuts[i - 1].own_bytes;
    cuts[i].kept_bytes += cuts[i - 1].kept_bytes;
  }
  for (Cut& cut : cuts) {
    cut.own_bytes = spilled_bytes(cut.own_bytes);
    cut.kept_bytes = spilled_bytes(cut.kept_bytes);
  }
}

// By how much each cut differs from the one before it; lost_bytes: what is read at its last use.
void StashLimiter::count_grains(std::uint32_t place, std::span<Cut> cuts) const {
  const std::span<const Use> all = uses(place);
  for (std::size_t i = 0; i < all.size();) {
    const Use& first = all[i];
    // From this cut on the grain is kept; before, it is the step's own or not saved at all.
    Cut* kept_from = nullptr;
    for (; i < all.size() && all[i].grain == first.grain; ++i) {
      const auto cut = std::ranges::lower_bound(cuts, all[i].used_at, {}, &Cut::last_use);
      cut->lost_bytes += all[i].read_bytes;
      if (kept_from == nullptr && all[i].used_at != place) kept_from = &*cut;
    }
    if (kept_from != nullptr) kept_from->kept_bytes += kGrainBytes;
    if (first.used_at != place) continue;
    cuts[0].own_bytes += kGrainBytes;
    if (kept_from != nullptr) kept_from->own_bytes -= kGrainBytes;  // Modulo 2^64 until added up.
  }
}

std::vector<InPlaceReads::Loss> StashLimiter::losses(std::uint64_t most_bytes) {
  begin();
  for (std::uint32_t place = 0; place < order_.size(); ++place) {
    enter(place);
    // While the stash of this step is written, the one before it is needed still.
    const auto before = [&] { return place == 0 ? 0 : stashes_[place - 1].own_bytes; };
    const auto needed = [&] { return before() + stashes_[place].own_bytes + kept_bytes_; };
    while (needed() > most_bytes && cut_best(place)) {
    }
    if (needed() > most_bytes) lose_own(place, most_bytes - std::min(most_bytes, before()));
  }
  for (std::uint32_t place = 0; place < order_.size(); ++place) lose_cut(place);
  return std::move(losses_);
}

void StashLimiter::begin() {
  for (std::uint32_t place = 0; place < order_.size(); ++place) {
    Stash& stash = stashes_[place];
    stash.now = stashes_[place + 1].first_cut - 1;
    stash.own_bytes = cuts_[stash.now].own_bytes;
  }
  kept_bytes_ = 0;
  ending_bytes_.assign(order_.size(), 0);
  choices_.clear();
  losses_.clear();
}

// What was needed two steps before and not since is not needed any more.
void StashLimiter::enter(std::uint32_t place) {
  if (place >= 2) kept_bytes_ -= std::exchange(ending_bytes_[place - 2], 0);
  const Cut& all = cuts_[stashes_[place].now];
  if (all.kept_bytes == 0) return;
  kept_bytes_ += all.kept_bytes;
  ending_bytes_[all.last_use] += all.kept_bytes;
  add_choice(place, place);
}

// `potential`: counts cuts, too, that free nothing before a later place.
StashLimiter::Choice StashLimiter::best_cut(std::uint32_t stash, std::uint32_t place,
                                            bool potential) const {
  const Cut& now = cuts_[stashes_[stash].now];
  const auto room_and_time = [&](const Cut& cut) {
    const std::uint64_t end = std::uint64_t{cut.last_use} + 2;
    return static_cast<double>(cut.kept_bytes) * static_cast<double>(end > place ? end - place : 0);
  };
  Choice best{0, stash, 0};
  for (std::size_t i = stashes_[stash].first_cut; i < stashes_[stash].now; ++i) {
    const bool frees = cuts_[i].last_use + 1 < place || cuts_[i].kept_bytes < now.kept_bytes;
    if (!frees && !potential) continue;
    const double gain = (room_and_time(now) - room_and_time(cuts_[i])) /
                        static_cast<double>(cuts_[i].lost_bytes - now.lost_bytes);
    if (gain > best.gain) best = {gain, stash, i};
  }
  return best;
}

void StashLimiter::add_choice(std::uint32_t stash, std::uint32_t place) {
  const Choice choice = best_cut(stash, place, true);
  if (choice.gain == 0) return;
  choices_.push_back(choice);
  std::ranges::push_heap(choices_);
}

bool StashLimiter::cut_best(std::uint32_t place) {
  Choice best;
  std::vector<std::uint32_t> looked_at;
  // What a stash might gain was never less before.
  while (!choices_.empty() && best.gain <= choices_.front().gain) {
    std::ranges::pop_heap(choices_);
    looked_at.push_back(choices_.back().stash);
    choices_.pop_back();
    best = std::max(best, best_cut(looked_at.back(), place, false));
  }
  if (best.gain != 0) cut(best, place);
  for (const std::uint32_t stash : looked_at) add_choice(stash, place);
  return best.gain != 0;
}

void StashLimiter::cut(const Choice& choice, std::uint32_t place) {
  Stash& stash = stashes_[choice.stash];
  const Cut& before = cuts_[stash.now];
  const Cut& after = cuts_[choice.cut];
  stash.now = choice.cut;
  stash.own_bytes = after.own_bytes;
  ending_bytes_[before.last_use] -= before.kept_bytes;
  kept_bytes_ -= before.kept_bytes;
  if (after.last_use + 1 < place) return;
  ending_bytes_[after.last_use] += after.kept_bytes;
  kept_bytes_ += after.kept_bytes;
}

// Nothing is kept for later any more. Gives up what a step needs itself, the least read first.
void StashLimiter::lose_own(std::uint32_t place, std::uint64_t room) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> grains;  // How much is read of which.
  for (const Use& use : uses(place)) {
    if (use.used_at != place) continue;
    if (grains.empty() || grains.back().second != use.grain) grains.emplace_back(0, use.grain);
    grains.back().first += use.read_bytes;
  }
  std::ranges::sort(grains);
  std::uint64_t left = grains.size();
  for (const auto& [bytes, grain] : grains) {
    if (spilled_bytes(left * kGrainBytes) <= room) break;
    losses_.push_back({order_[place], grain});
    --left;
  }
  stashes_[place].own_bytes = spilled_bytes(left * kGrainBytes);
}

void StashLimiter::lose_cut(std::uint32_t place) {
  const std::uint32_t last_use = cuts_[stashes_[place].now].last_use;
  for (const Use& use : uses(place)) {
    if (use.used_at > last_use) losses_.push_back({order_[use.used_at], use.grain});
  }
}

}  // namespace romdelta::pkgtool
