#include "pkgtool/in_place_planner.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "format/limits.h"
#include "pkgtool/stash_limiter.h"

namespace romdelta::pkgtool {
namespace {

// Estimates, in sixteenths of a bit.
constexpr std::uint64_t kLiteralCost = 104;  // A byte that was copied, and is a literal now.
constexpr std::uint64_t kCopyCost = 33 * 16;
constexpr std::uint64_t kBackCost = 6 * 16;   // A step that writes the group before the last one,
constexpr std::uint64_t kJumpCost = 36 * 16;  // or any other that is not the next one.
constexpr std::uint64_t kWriteCost = 1;       // A byte of flash.

// How many steps longer may a grain be kept, to save one less. The last one hardly counts time.
constexpr std::uint32_t kPatience[] = {16, 256, 1 << 16};

// Room for what is live is found to this part of the whole.
constexpr unsigned kRoomBits = 7;

// What is lost is taken back where that is possible: the work that this may be, and how close
// together that has to be what is taken back at once.
constexpr std::size_t kRetryGrainsMax = 1 << 24;
constexpr std::uint32_t kNearGrains = 8;
constexpr std::size_t kFinalGrainsMax = 1 << 18;

// Orders are tried as many as a few seconds allow, those first that promise most.
constexpr std::size_t kTrialStepsMax = 1 << 16;
constexpr std::size_t kTrialsMin = 3;

using Losses = std::vector<InPlaceReads::Loss>;

// A way to do the update, and what it costs.
struct Trial {
  StepOrder order;
  InPlaceReads reads;
  std::size_t hole_count = 0;
  SpillUse spill = {};
  Losses losses = {};
  std::uint64_t lost_bytes = 0;
  std::uint64_t cost = 0;
};

std::uint64_t peak_live_bytes(const std::vector<StashDemand>& demands) {
  std::vector<std::uint64_t> dying(demands.size());  // By last use.
  std::uint64_t live = 0;
  std::uint64_t peak = 0;
  for (std::size_t step = 0; step < demands.size(); ++step) {
    const StashDemand& demand = demands[step];
    for (const StashDemand::Kept& part : demand.kept) {
      live += part.bytes;
      dying[part.last_use] += part.bytes;
    }
    peak = std::max(peak, live + demand.own_bytes);
    live -= dying[step];
  }
  return peak;
}

class InPlacePlanner {
 public:
  InPlacePlanner(ByteSpan raw_source, ByteSpan source, ByteSpan target, const Cover& cover,
                 const InPlaceOptions& options, const StageProgress& progress)
      : options_(options),
        progress_(progress),
        reads_(raw_source, source, target, cover, options.group_bytes, options.margin_bytes) {}

  InPlacePlan run() {
    const std::vector<StepOrder> orders = promising_orders();
    const std::size_t finalists =
        std::max<std::size_t>(kTrialsMin, kFinalGrainsMax / (reads_.grain_count() + 1));
    std::vector<Trial> trials;
    std::size_t done = 0;
    for (const StepOrder& order : orders) {
      trials.push_back(try_order(order));
      std::ranges::stable_sort(trials, {}, &Trial::cost);
      if (trials.size() > finalists) trials.pop_back();
      report(++done, orders.size());
    }
    for (Trial& trial : trials) {
      if (!trial.losses.empty()) lose_fewer(&trial);
    }
    return plan_of(*std::ranges::min_element(trials, {}, &Trial::cost));
  }

 private:
  std::vector<StepOrder> all_orders() const {
    const StepGraph graph(reads_);
    std::vector<StepOrder> orders{ascending_order(graph.step_count())};
    orders.emplace_back(orders[0].rbegin(), orders[0].rend());
    orders.push_back(feedback_order(graph));
    orders.push_back(frugal_order(graph));
    const std::size_t plain_count = orders.size();
    for (std::size_t i = 0; i < plain_count; ++i) {
      for (const std::uint32_t patience : kPatience) {
        orders.push_back(improved_order(graph, orders[i], patience));
      }
    }
    return orders;
  }

  std::vector<StepOrder> promising_orders() const {
    std::vector<StepOrder> orders = all_orders();
    std::vector<std::pair<std::uint64_t, std::size_t>> ranks;
    for (std::size_t i = 0; i < orders.size(); ++i) ranks.emplace_back(estimate(orders[i]), i);
    std::ranges::sort(ranks);
    const std::size_t steps = std::max<std::size_t>(1, reads_.step_count());
    const std::size_t count = std::clamp(kTrialStepsMax / steps, kTrialsMin, orders.size());
    std::vector<StepOrder> best;
    for (std::size_t i = 0; i < count; ++i) best.push_back(std::move(orders[ranks[i].second]));
    return best;
  }

  // What an order costs, were the spill not made of blocks.
  std::uint64_t estimate(const StepOrder& order) const {
    const std::vector<StashDemand> demands =
        StashPlanner(reads_, order, options_.kept_parts_max).demands();
    std::uint64_t write_bytes = 0;
    for (const StashDemand& demand : demands) write_bytes += demand.bytes();
    const SpillShape scratch = shape(0);
    const std::uint64_t room = std::uint64_t{scratch.block_count} * scratch.block_bytes;
    const std::uint64_t peak = peak_live_bytes(demands);
    const std::uint64_t missing = peak - std::min(peak, room);
    const std::uint64_t lent = std::min(missing, hole_count_max() * options_.group_bytes);
    return (missing - lent) * kLiteralCost + (write_bytes + 2 * lent) * kWriteCost +
           jump_cost(order);
  }

  static std::uint64_t jump_cost(const StepOrder& order) {
    std::uint64_t cost = 0;
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (order[i] == order[i - 1] + 1) continue;
      cost += order[i] + 1 == order[i - 1] ? kBackCost : kJumpCost;
    }
    return cost;
  }

  std::uint64_t hole_count_max() const {
    const std::uint64_t blocks_per_hole = options_.group_bytes / options_.erase_block_bytes;
    const std::uint64_t scratch = shape(0).block_count;
    const std::uint64_t most = limits::spill_block_count_max;
    return std::min<std::uint64_t>((most - std::min(most, scratch)) / blocks_per_hole,
                                   reads_.hole_candidates().size());
  }

  SpillShape shape(std::uint64_t hole_count) const {
    const std::uint64_t block = options_.erase_block_bytes;
    const std::uint64_t scratch = options_.scratch_bytes / block;
    const std::uint64_t script = round_up(options_.script_bytes, block) / block;
    const std::uint64_t lent = hole_count * (options_.group_bytes / block);
    return {options_.erase_block_bytes,
            static_cast<std::uint32_t>(scratch - std::min(scratch, script) + lent)};
  }

  Trial try_order(const StepOrder& order) const {
    Trial trial{.order = order, .reads = reads_};
    const std::vector<StashDemand> demands =
        StashPlanner(reads_, order, options_.kept_parts_max).demands();
    const auto fits = [&](std::size_t hole_count) {
      return fits_spill(demands, shape(hole_count), &trial.spill);
    };
    const auto most = static_cast<std::size_t>(hole_count_max());
    if (!fits(trial.hole_count)) {
      trial.hole_count = most;
      if (most != 0 && fits(most)) {
        lend_fewer(fits, &trial);
      } else {
        lose_least(&trial);
      }
    }
    add_up(&trial);
    return trial;
  }

  // No more holes than needed.
  template <typename Fits>
  static void lend_fewer(Fits fits, Trial* trial) {
    std::size_t too_few = 0;
    while (trial->hole_count - too_few > 1) {
      const std::size_t middle = too_few + (trial->hole_count - too_few) / 2;
      (fits(middle) ? trial->hole_count : too_few) = middle;
    }
    (void)fits(trial->hole_count);
  }

  // Gives up what cannot be held.
  void lose_least(Trial* trial) const {
    const SpillShape spill = shape(trial->hole_count);
    StashLimiter limiter(reads_, trial->order);
    const std::uint64_t all_bytes = std::uint64_t{spill.block_count} * spill.block_bytes;
    const auto losses = [&](std::uint64_t share) {
      return limiter.losses((all_bytes * share) >> kRoomBits);
    };
    std::uint64_t share = 0;
    for (unsigned bit = kRoomBits; bit-- != 0;) {
      const std::uint64_t next = share | std::uint64_t{1} << bit;
      if (fits_without(losses(next), trial)) share = next;
    }
    trial->losses = losses(share);
    (void)fits_without(trial->losses, trial);
  }

  bool fits_without(const Losses& losses, Trial* trial) const {
    trial->reads = reads_;
    trial->reads.lose(losses);
    const StashPlanner stashes(trial->reads, trial->order, options_.kept_parts_max);
    return fits_spill(stashes.demands(), shape(trial->hole_count), &trial->spill);
  }

  // The room was the same for all steps, and blocks are not as good as that everywhere: takes back
  // what can be held after all.
  void lose_fewer(Trial* trial) const {
    const std::size_t tries = kRetryGrainsMax / (reads_.grain_count() + 1);
    std::vector<Losses> groups = grouped(&trial->losses);
    if (groups.size() > tries) groups.resize(tries);
    for (const Losses& group : groups) {
      Losses fewer;
      std::ranges::set_difference(trial->losses, group, std::back_inserter(fewer));
      if (fits_without(fewer, trial)) trial->losses = std::move(fewer);
    }
    (void)fits_without(trial->losses, trial);
    add_up(trial);
  }

  // Sorts `losses`, and groups those of one step that lie together; the largest groups first.
  static std::vector<Losses> grouped(Losses* losses) {
    std::ranges::sort(*losses);
    losses->erase(std::unique(losses->begin(), losses->end()), losses->end());
    std::vector<Losses> groups;
    for (const InPlaceReads::Loss& loss : *losses) {
      const bool goes_on = !groups.empty() && groups.back().back().step == loss.step &&
                           groups.back().back().grain + kNearGrains >= loss.grain;
      if (!goes_on) groups.emplace_back();
      groups.back().push_back(loss);
    }
    std::ranges::stable_sort(groups, std::greater(), &Losses::size);
    return groups;
  }

  void add_up(Trial* trial) const {
    trial->lost_bytes = reads_.read_bytes() - trial->reads.read_bytes();
    const std::size_t copies = trial->reads.cover().size();
    const std::uint64_t hole_bytes = 2 * trial->hole_count * options_.group_bytes;
    trial->cost = trial->lost_bytes * kLiteralCost + copies * kCopyCost + jump_cost(trial->order) +
                  (trial->spill.written_bytes + hole_bytes) * kWriteCost;
  }

  InPlacePlan plan_of(const Trial& trial) const {
    const StashPlanner stashes(trial.reads, trial.order, options_.kept_parts_max);
    InPlacePlan plan;
    plan.steps = stashes.steps();
    const std::span<const InPlaceHole> holes = reads_.hole_candidates().first(trial.hole_count);
    plan.holes.assign(holes.begin(), holes.end());
    plan.cover = trial.reads.cover();

    const std::vector<StashDemand> demands = stashes.demands();
    plan.cost.lost_bytes = trial.lost_bytes;
    for (const StashDemand& demand : demands) {
      plan.cost.stash_bytes += demand.bytes();
    }
    plan.cost.peak_live_bytes = peak_live_bytes(demands);
    plan.cost.slot_write_bytes = (plan.steps.size() + plan.holes.size()) * options_.group_bytes;
    plan.cost.spill_write_bytes = trial.spill.written_bytes;
    return plan;
  }

  void report(std::size_t done, std::size_t total) const {
    if (progress_) progress_("order", done, total);
  }

  const InPlaceOptions& options_;
  const StageProgress& progress_;
  InPlaceReads reads_;
};

void check(const InPlaceOptions& options, ByteSpan source) {
  const std::uint32_t group = options.group_bytes;
  const std::uint32_t block = options.erase_block_bytes;
  const std::uint32_t unit = options.program_unit_bytes;
  const bool is_good = group != 0 && block != 0 && unit != 0 && group % block == 0 &&
                       group % kGrainBytes == 0 && block % unit == 0 &&
                       options.kept_parts_max - 1 < 2;
  if (!is_good) {
    throw Error(Exit::internal, "the groups of an in-place update do not fit its flash");
  }
  if (source.size() / kGrainBytes >= StashPlanner::kNever) {
    throw Error(Exit::bad_input, "an image is larger than 256 GiB, and cannot be updated in place");
  }
}

}  // namespace

InPlacePlan plan_in_place(ByteSpan raw_source, ByteSpan source, ByteSpan target, const Cover& cover,
                          const InPlaceOptions& options, const StageProgress& progress) {
  check(options, raw_source);
  return InPlacePlanner(raw_source, source, target, cover, options, progress).run();
}

}  // namespace romdelta::pkgtool
