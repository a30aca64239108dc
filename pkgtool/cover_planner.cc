#include "pkgtool/cover_planner.h"

#include <algorithm>
#include <limits>

#include "installer/simd/kernels.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint64_t kWordBytes = 4;

// Alignments that are followed at once.
constexpr std::size_t kWaysMax = 24;

// Where the best alignment agrees for so long, no other is worth a look.
constexpr std::uint64_t kSureBytes = 64;

// How often useless alignments are thrown out, in bytes.
constexpr std::uint64_t kForgetBytes = 16;

constexpr std::uint64_t kReportBytes = 1 << 20;

// More than anything costs: no way that reads outside the source is ever the best.
constexpr std::uint64_t kImpossible = std::uint64_t{1} << 48;

constexpr std::uint32_t kNoStep = std::numeric_limits<std::uint32_t>::max();

std::uint32_t word_at(ByteSpan bytes, std::uint64_t at) {
  std::uint32_t word = 0;
  for (std::uint64_t i = kWordBytes; i-- != 0;) word = word << 8 | bytes[at + i];
  return word;
}

// How often words changed in which way, by a cover that is good in most places.
class ChangeCounts {
 public:
  ChangeCounts(ByteSpan source, ByteSpan target, const Cover& cover)
      : source_(source), target_(target) {
    exact_.resize(std::size_t{1} << kIndexBits);
    similar_.resize(std::size_t{1} << kIndexBits);
    for (const Match& match : cover) count(match);
  }

  // What it costs that the word around these bytes changed, which are aligned and differ.
  std::uint32_t cost(std::uint64_t source_at, std::uint64_t target_at,
                     const PlanCosts& costs) const {
    const std::uint64_t past = source_at % kWordBytes;
    const bool whole = past <= target_at && source_at - past + kWordBytes <= source_.size() &&
                       target_at - past + kWordBytes <= target_.size();
    if (!whole) return costs.strange_word;
    const std::uint32_t word = word_at(source_, source_at - past);
    const std::uint32_t change = word_at(target_, target_at - past) - word;
    // What is looked at here was counted once itself.
    const unsigned same = exact_[index(word, change)];
    if (same >= 3) return costs.familiar_word;
    const unsigned alike = similar_[index(word >> kLowBits, change)];
    return same >= 2 || alike >= 3 ? costs.similar_word : costs.strange_word;
  }

 private:
  static constexpr unsigned kIndexBits = 20;
  static constexpr unsigned kLowBits = 12;  // As codec context has it.

  static std::size_t index(std::uint64_t word, std::uint64_t change) {
    const std::uint64_t mixed = word * 0x9e3779b97f4a7c15u ^ change * 0xc2b2ae3d27d4eb4fu;
    return static_cast<std::size_t>(mixed * 0x9e3779b97f4a7c15u >> (64 - kIndexBits));
  }
  static void increase(std::uint8_t* count) {
    if (*count != 255) ++*count;
  }

  void count(const Match& match) {
    const std::uint64_t past = match.source_offset % kWordBytes;
    for (std::uint64_t at = past == 0 ? 0 : kWordBytes - past; at + kWordBytes <= match.bytes;
         at += kWordBytes) {
      const std::uint32_t word = word_at(source_, match.source_offset + at);
      const std::uint32_t change = word_at(target_, match.target_offset + at) - word;
      if (change == 0) continue;
      increase(&exact_[index(word, change)]);
      increase(&similar_[index(word >> kLowBits, change)]);
    }
  }

  ByteSpan source_;
  ByteSpan target_;
  std::vector<std::uint8_t> exact_;
  std::vector<std::uint8_t> similar_;
};

// A way to make the target up to the current offset, ending with a copy or with literals.
struct Way {
  bool is_literal = false;
  std::uint64_t shift = 0;  // Of a copy: source offset minus target offset, modulo 2^64.
  std::uint64_t cost = 0;
  std::uint64_t begin = 0;         // Where that copy, or those literals, began.
  std::uint32_t before = kNoStep;  // The step before it.
  std::uint32_t step = kNoStep;    // Its own, once another way came from it.
  std::uint64_t strange_word = 0;  // The last word that differed, and one: 0 is none.
  std::uint64_t useful_at = 0;     // Where it was last better than to begin it anew.
};

// A copy or literals that ways have in common.
struct Step {
  bool is_literal = false;
  std::uint64_t shift = 0;
  std::uint64_t begin = 0;
  std::uint32_t before = kNoStep;
};

class Planner {
 public:
  Planner(ByteSpan source, ByteSpan target, const Matches& matches, const PlanCosts& costs,
          const StageProgress& progress)
      : source_(source),
        target_(target),
        seeds_(matches.seeds),
        costs_(costs),
        progress_(progress),
        counts_(source, target, matches.cover) {
    ways_.push_back({.is_literal = true});
  }

  Cover run() {
    for (std::uint64_t at = 0; at < target_.size();) {
      report(at);
      add_seeds(at);
      const std::uint64_t agreed = sure_bytes(at);
      if (agreed != 0) {
        skip(at + agreed);
        at += agreed;
        continue;
      }
      advance(at);
      ++at;
      if (at % kForgetBytes == 0) forget(at);
    }
    return trace();
  }

 private:
  // The alignments that may be of use from here on.
  void add_seeds(std::uint64_t at) {
    for (; next_seed_ < seeds_.size(); ++next_seed_) {
      const Seed& seed = seeds_[next_seed_];
      if (seed.target_offset > at + costs_.back_bytes) break;
      const auto known = std::ranges::find_if(
          ways_, [&](const Way& way) { return !way.is_literal && way.shift == seed.shift(); });
      if (known != ways_.end()) {
        known->useful_at = std::max(known->useful_at, seed.target_offset);
        continue;
      }
      Way way{.shift = seed.shift(), .useful_at = std::max(at, seed.target_offset)};
      begin(&way, at);
      ways_.push_back(way);
    }
  }

  // Lets `way` continue from the best way there is.
  void begin(Way* way, std::uint64_t at) {
    Way& best = ways_[best_];
    if (best.step == kNoStep) {
      best.step = static_cast<std::uint32_t>(steps_.size());
      steps_.push_back({best.is_literal, best.shift, best.begin, best.before});
    }
    way->cost = best.cost + (way->is_literal ? 0 : costs_.begin_copy);
    way->begin = at;
    way->before = best.step;
    way->step = kNoStep;
    way->strange_word = 0;
  }

  std::uint64_t sure_bytes(std::uint64_t at) const {
    const Way& best = ways_[best_];
    const std::uint64_t from = at + best.shift;
    if (best.is_literal || from >= source_.size()) return 0;
    const std::uint64_t most = std::min(source_.size() - from, target_.size() - at);
    const std::uint64_t agreed = kernels_.mismatch(source_.data() + from, target_.data() + at,
                                                   static_cast<std::size_t>(most));
    return agreed < kSureBytes ? 0 : agreed;
  }

  // To `at`, which the best way reaches for nothing.
  void skip(std::uint64_t at) {
    ways_ = {ways_[best_]};
    best_ = 0;
    ways_[0].useful_at = at;
    Way literal{.is_literal = true};
    begin(&literal, at);
    ways_.push_back(literal);
    while (next_seed_ < seeds_.size() && seeds_[next_seed_].target_offset + kSureBytes <= at) {
      ++next_seed_;
    }
  }

  // Over one byte of the target.
  void advance(std::uint64_t at) {
    const std::uint64_t best_cost = ways_[best_].cost;
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      Way& way = ways_[i];
      const std::uint64_t anew = best_cost + (way.is_literal ? 0 : costs_.begin_copy);
      if (way.cost > anew) begin(&way, at);
      if (way.cost < anew) way.useful_at = at;
    }
    for (Way& way : ways_) way.cost += byte_cost(&way, at);
    find_best();
  }

  std::uint64_t byte_cost(Way* way, std::uint64_t at) const {
    if (way->is_literal) return costs_.literal;
    const std::uint64_t from = at + way->shift;
    if (from >= source_.size()) return kImpossible;
    if (source_[from] == target_[at]) return 0;
    const std::uint64_t word = from / kWordBytes + 1;
    if (way->strange_word == word) return costs_.strange_byte;
    way->strange_word = word;
    return counts_.cost(from, at, costs_);
  }

  void find_best() {
    const auto best = std::ranges::min_element(ways_, {}, &Way::cost);
    best_ = static_cast<std::size_t>(best - ways_.begin());
  }

  // Alignments that were of no use for long; the literals and the best way stay.
  void forget(std::uint64_t at) {
    const std::uint64_t best_cost = ways_[best_].cost;
    std::erase_if(ways_, [&](const Way& way) {
      return !way.is_literal && way.cost != best_cost && way.useful_at + costs_.idle_bytes < at;
    });
    if (ways_.size() > kWaysMax) {
      std::ranges::stable_sort(ways_, [](const Way& a, const Way& b) {
        return a.is_literal != b.is_literal ? a.is_literal : a.cost < b.cost;
      });
      ways_.resize(kWaysMax);
    }
    find_best();
  }

  Cover trace() const {
    const Way& best = ways_[best_];
    Step step{best.is_literal, best.shift, best.begin, best.before};
    Cover cover;
    std::uint64_t end = target_.size();
    while (true) {
      if (!step.is_literal && step.begin < end) {
        cover.push_back({step.begin, step.begin + step.shift, end - step.begin});
      }
      end = std::min(end, step.begin);
      if (step.before == kNoStep) break;
      step = steps_[step.before];
    }
    std::ranges::reverse(cover);
    return cover;
  }

  void report(std::uint64_t at) {
    if (at < next_report_ || !progress_) return;
    next_report_ = at + kReportBytes;
    progress_("plan", at, target_.size());
  }

  ByteSpan source_;
  ByteSpan target_;
  const std::vector<Seed>& seeds_;
  const PlanCosts& costs_;
  const StageProgress& progress_;
  const Kernels& kernels_ = best_kernels();
  ChangeCounts counts_;
  std::vector<Way> ways_;
  std::size_t best_ = 0;  // In ways_.
  std::vector<Step> steps_;
  std::size_t next_seed_ = 0;
  std::uint64_t next_report_ = 0;
};

}  // namespace

Cover plan_cover(ByteSpan source, ByteSpan target, const Matches& matches, const PlanCosts& costs,
                 const StageProgress& progress) {
  return Planner(source, target, matches, costs, progress).run();
}

}  // namespace romdelta::pkgtool
