// Which reads are given up when not everything that is needed can be kept.
//
// The steps are gone through in order. Where more is live than there is room for, stashes are cut
// short: all uses after some step are given up. Of all such cuts the one is made that frees the
// most room, for the longest time, for each byte that becomes a literal.
#include <algorithm>
#include <tuple>
#include <utility>

#include "pkgtool/stash_planner.h"

namespace romdelta::pkgtool {
namespace {

// A grain that is read after it was overwritten.
struct Use {
  std::uint32_t saved_at = 0;  // Places in the order: of the step that overwrites it,
  std::uint32_t grain = 0;
  std::uint32_t used_at = 0;     // and of the one that reads it.
  std::uint32_t step = 0;        // That step.
  std::uint32_t read_bytes = 0;  // How much of it.
};

std::vector<Use> find_uses(const InPlaceReads& reads, const StepOrder& order) {
  const StashPlanner stashes(reads, order);
  std::vector<Use> uses;
  for (std::uint32_t place = 0; place < order.size(); ++place) {
    for (const Match& read : reads.reads(order[place])) {
      const GrainRange range = reads.grains(read);
      for (std::uint64_t grain = range.begin; grain < range.end; ++grain) {
        const std::uint32_t saved_at = stashes.overwritten_at(grain);
        if (saved_at > place || reads.is_zero(grain)) continue;
        const std::uint64_t begin = std::max(read.source_offset, grain * kGrainBytes);
        const std::uint64_t end =
            std::min(read.source_offset + read.bytes, (grain + 1) * kGrainBytes);
        uses.push_back({saved_at, static_cast<std::uint32_t>(grain), place, order[place],
                        static_cast<std::uint32_t>(end - begin)});
      }
    }
  }
  std::ranges::sort(uses, [](const Use& a, const Use& b) {
    return std::tie(a.saved_at, a.grain, a.used_at) < std::tie(b.saved_at, b.grain, b.used_at);
  });
  return uses;
}

// What is left of a stash when the uses after `last_use` are given up.
struct Cut {
  std::uint32_t last_use = 0;
  std::uint64_t own_bytes = 0;
  std::uint64_t kept_bytes = 0;
  std::uint64_t lost_bytes = 0;  // By what is given up.
};

// A stash, and what it may be cut down to.
class Stash {
 public:
  Stash() = default;
  // `uses`: of one stash, by grain.
  Stash(const SpillShape& shape, std::span<const Use> uses);

  std::uint64_t own_bytes() const { return std::min(now().own_bytes, own_bytes_max_); }
  std::uint64_t kept_bytes() const { return now().kept_bytes; }
  // Later uses are given up.
  std::uint32_t last_use() const { return now().last_use; }
  bool is_live(std::uint32_t place) const {
    return now().kept_bytes != 0 && now().last_use + 1 >= place;
  }

  // The best cut at `place`: the gain is 0 when there is none.
  struct Choice {
    std::size_t cut = 0;
    double gain = 0;
  };
  Choice best_cut(std::uint32_t place) const;
  void cut(std::size_t to) { now_ = to; }
  void limit_own(std::uint64_t bytes) { own_bytes_max_ = bytes; }

 private:
  const Cut& now() const { return cuts_[now_]; }

  std::vector<Cut> cuts_{{}};  // Ascending by last_use; the first one keeps nothing.
  std::size_t now_ = 0;
  std::uint64_t own_bytes_max_ = ~std::uint64_t{0};
};

Stash::Stash(const SpillShape& shape, std::span<const Use> uses) {
  const std::uint32_t saved_at = uses[0].saved_at;
  std::vector<std::uint32_t> times{saved_at};
  for (const Use& use : uses) times.push_back(use.used_at);
  std::ranges::sort(times);
  times.erase(std::unique(times.begin(), times.end()), times.end());
  cuts_.resize(times.size());
  for (std::size_t i = 0; i < times.size(); ++i) cuts_[i].last_use = times[i];

  const auto cut_of = [&](std::uint32_t time) {
    return static_cast<std::size_t>(std::ranges::lower_bound(times, time) - times.begin());
  };
  for (std::size_t i = 0; i < uses.size();) {
    const std::uint32_t grain = uses[i].grain;
    const bool is_own = uses[i].used_at == saved_at;
    // From this cut on the grain is kept; before, it is the step's own or not saved at all.
    std::size_t kept_from = cuts_.size();
    for (; i < uses.size() && uses[i].grain == grain; ++i) {
      const std::size_t used = cut_of(uses[i].used_at);
      if (used != 0) kept_from = std::min(kept_from, used);
      // Added up below.
      cuts_[used].lost_bytes += uses[i].read_bytes;
    }
    if (kept_from < cuts_.size()) cuts_[kept_from].kept_bytes += kGrainBytes;
    if (!is_own) continue;
    cuts_[0].own_bytes += kGrainBytes;
    // Modulo 2^64 until added up.
    if (kept_from < cuts_.size()) cuts_[kept_from].own_bytes -= kGrainBytes;
  }
  std::uint64_t lost = 0;
  for (std::size_t i = cuts_.size(); i-- != 0;) {
    lost += std::exchange(cuts_[i].lost_bytes, lost);
  }
  for (std::size_t i = 1; i < cuts_.size(); ++i) {
    cuts_[i].own_bytes += cuts_[i - 1].own_bytes;
    cuts_[i].kept_bytes += cuts_[i - 1].kept_bytes;
  }
  for (Cut& cut : cuts_) {
    cut.own_bytes = spilled_bytes(shape, cut.own_bytes);
    cut.kept_bytes = spilled_bytes(shape, cut.kept_bytes);
  }
  now_ = cuts_.size() - 1;
}

Stash::Choice Stash::best_cut(std::uint32_t place) const {
  const auto room_and_time = [&](const Cut& cut) {
    const std::uint64_t end = std::uint64_t{cut.last_use} + 2;
    return static_cast<double>(cut.kept_bytes) * static_cast<double>(end > place ? end - place : 0);
  };
  Choice best;
  for (std::size_t i = 0; i < now_; ++i) {
    const bool frees = cuts_[i].last_use + 1 < place || cuts_[i].kept_bytes < now().kept_bytes;
    if (!frees) continue;
    const double gain = (room_and_time(now()) - room_and_time(cuts_[i])) /
                        static_cast<double>(cuts_[i].lost_bytes - now().lost_bytes);
    if (gain > best.gain) best = {i, gain};
  }
  return best;
}

class Limiter {
 public:
  Limiter(const InPlaceReads& reads, const StepOrder& order, const SpillShape& shape,
          std::uint64_t most_bytes)
      : order_(order), shape_(shape), most_bytes_(most_bytes), uses_(find_uses(reads, order)) {
    std::size_t at = 0;
    for (std::uint32_t place = 0; place < order.size(); ++place) {
      first_use_.push_back(at);
      while (at < uses_.size() && uses_[at].saved_at == place) ++at;
      stashes_.push_back(first_use_.back() == at ? Stash() : Stash(shape, uses_of(place, at)));
    }
    first_use_.push_back(at);
  }

  std::vector<InPlaceReads::Loss> run() {
    for (std::uint32_t place = 0; place < stashes_.size(); ++place) {
      std::erase_if(live_, [&](std::uint32_t other) { return !stashes_[other].is_live(place); });
      live_.push_back(place);
      while (needed_bytes(place) > most_bytes_ && cut_best(place)) {
      }
      if (needed_bytes(place) > most_bytes_) lose_own(place);
    }
    for (std::uint32_t place = 0; place < stashes_.size(); ++place) lose_cut(place);
    return std::move(losses_);
  }

 private:
  std::span<const Use> uses_of(std::uint32_t place, std::size_t end) const {
    return std::span(uses_).subspan(first_use_[place], end - first_use_[place]);
  }
  std::span<const Use> uses_of(std::uint32_t place) const {
    return uses_of(place, first_use_[place + 1]);
  }

  // While the stash of this step is written, the one before it is needed still.
  std::uint64_t needed_before(std::uint32_t place) const {
    return place == 0 ? 0 : stashes_[place - 1].own_bytes();
  }
  std::uint64_t needed_bytes(std::uint32_t place) const {
    std::uint64_t bytes = needed_before(place) + stashes_[place].own_bytes();
    for (const std::uint32_t other : live_) bytes += stashes_[other].kept_bytes();
    return bytes;
  }

  bool cut_best(std::uint32_t place) {
    Stash::Choice best;
    std::uint32_t best_stash = 0;
    for (const std::uint32_t other : live_) {
      const Stash::Choice choice = stashes_[other].best_cut(place);
      if (choice.gain <= best.gain) continue;
      best = choice;
      best_stash = other;
    }
    if (best.gain == 0) return false;
    stashes_[best_stash].cut(best.cut);
    std::erase_if(live_, [&](std::uint32_t other) {
      return other != place && !stashes_[other].is_live(place);
    });
    return true;
  }

  // Nothing is kept for later any more. Gives up what a step needs itself, least read first.
  void lose_own(std::uint32_t place) {
    const std::uint64_t room = most_bytes_ - std::min(most_bytes_, needed_before(place));
    std::vector<std::pair<std::uint32_t, std::uint32_t>> grains;  // How much is read of which.
    for (const Use& use : uses_of(place)) {
      if (use.used_at != place) continue;
      if (grains.empty() || grains.back().second != use.grain) grains.emplace_back(0, use.grain);
      grains.back().first += use.read_bytes;
    }
    std::ranges::sort(grains);
    std::uint64_t left = grains.size();
    for (const auto& [bytes, grain] : grains) {
      if (spilled_bytes(shape_, left * kGrainBytes) <= room) break;
      losses_.push_back({order_[place], grain});
      --left;
    }
    stashes_[place].limit_own(spilled_bytes(shape_, left * kGrainBytes));
  }

  void lose_cut(std::uint32_t place) {
    for (const Use& use : uses_of(place)) {
      if (use.used_at > stashes_[place].last_use()) losses_.push_back({use.step, use.grain});
    }
  }

  const StepOrder& order_;
  const SpillShape& shape_;
  std::uint64_t most_bytes_;
  std::vector<Use> uses_;
  std::vector<std::size_t> first_use_;  // By place.
  std::vector<Stash> stashes_;          // By place.
  std::vector<std::uint32_t> live_;     // Places.
  std::vector<InPlaceReads::Loss> losses_;
};

}  // namespace

std::vector<InPlaceReads::Loss> losses_to_fit(const InPlaceReads& reads, const StepOrder& order,
                                              const SpillShape& shape, std::uint64_t most_bytes) {
  return Limiter(reads, order, shape, most_bytes).run();
}

}  // namespace romdelta::pkgtool
