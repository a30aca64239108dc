#include "pkgtool/in_place_planner.h"

#include <algorithm>

namespace romdelta::pkgtool {
namespace {

// Estimates, in sixteenths of a bit.
constexpr std::uint64_t kLiteralCost = 104;  // A byte that was copied, and is a literal now.
constexpr std::uint64_t kCopyCost = 33 * 16;
constexpr std::uint64_t kJumpCost = 8 * 16;  // A group that does not follow the one before it.
constexpr std::uint64_t kWriteCost = 1;      // A byte of flash.

// How many steps longer may a grain be kept, to save one less. The last one hardly counts time.
constexpr std::uint32_t kPatience[] = {16, 256, 1 << 16};

// Room for what is live is found to this part of the whole.
constexpr unsigned kRoomBits = 7;

// A way to do the update, and what it costs.
struct Trial {
  StepOrder order;
  InPlaceReads reads;
  std::size_t hole_count = 0;
  std::uint64_t spill_write_bytes = 0;
  std::uint64_t lost_bytes = 0;
  std::uint64_t cost = 0;
};

std::uint64_t peak_live_bytes(const std::vector<StashDemand>& demands) {
  std::vector<std::uint64_t> dying(demands.size());  // By last use.
  std::uint64_t live = 0;
  std::uint64_t peak = 0;
  for (std::size_t step = 0; step < demands.size(); ++step) {
    const StashDemand& demand = demands[step];
    live += demand.kept_bytes;
    dying[demand.kept_last_use] += demand.kept_bytes;
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
    const std::vector<StepOrder> orders = all_orders();
    Trial best = try_order(orders[0]);
    for (std::size_t i = 1; i < orders.size(); ++i) {
      report(i, orders.size());
      Trial trial = try_order(orders[i]);
      if (trial.cost < best.cost) best = std::move(trial);
    }
    report(orders.size(), orders.size());
    return plan_of(best);
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

  SpillShape shape(std::size_t hole_count) const {
    const std::uint64_t block = options_.erase_block_bytes;
    const std::uint64_t scratch = options_.scratch_bytes / block;
    const std::uint64_t script = round_up(options_.script_bytes, block) / block;
    return {block, options_.program_unit_bytes,
            scratch - std::min(scratch, script) + hole_count * (options_.group_bytes / block)};
  }

  Trial try_order(const StepOrder& order) const {
    Trial trial{order, reads_};
    const std::vector<StashDemand> demands = StashPlanner(reads_, order).demands();
    const auto fits = [&](std::size_t hole_count) {
      return fits_spill(demands, shape(hole_count), &trial.spill_write_bytes);
    };
    const std::size_t most = reads_.hole_candidates().size();
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
    const std::uint64_t all_bytes = spill.block_count * spill.block_bytes;
    std::uint64_t share = 0;
    for (unsigned bit = kRoomBits; bit-- != 0;) {
      const std::uint64_t next = share | std::uint64_t{1} << bit;
      if (fit_into((all_bytes >> kRoomBits) * next, spill, trial)) share = next;
    }
    (void)fit_into((all_bytes >> kRoomBits) * share, spill, trial);
  }

  bool fit_into(std::uint64_t most_bytes, const SpillShape& spill, Trial* trial) const {
    trial->reads = reads_;
    trial->reads.lose(losses_to_fit(reads_, trial->order, spill, most_bytes));
    return fits_spill(StashPlanner(trial->reads, trial->order).demands(), spill,
                      &trial->spill_write_bytes);
  }

  void add_up(Trial* trial) const {
    trial->lost_bytes = reads_.read_bytes() - trial->reads.read_bytes();
    const std::size_t copies = trial->reads.cover().size();
    std::uint64_t jumps = 0;
    for (std::size_t i = 1; i < trial->order.size(); ++i) {
      if (trial->order[i] != trial->order[i - 1] + 1) ++jumps;
    }
    const std::uint64_t hole_bytes = 2 * trial->hole_count * options_.group_bytes;
    trial->cost = trial->lost_bytes * kLiteralCost + copies * kCopyCost + jumps * kJumpCost +
                  (trial->spill_write_bytes + hole_bytes) * kWriteCost;
  }

  InPlacePlan plan_of(const Trial& trial) const {
    const StashPlanner stashes(trial.reads, trial.order);
    InPlacePlan plan;
    plan.steps = stashes.steps();
    const std::span<const InPlaceHole> holes = reads_.hole_candidates().first(trial.hole_count);
    plan.holes.assign(holes.begin(), holes.end());
    plan.cover = trial.reads.cover();

    const std::vector<StashDemand> demands = stashes.demands();
    plan.cost.lost_bytes = trial.lost_bytes;
    for (const StashDemand& demand : demands) {
      plan.cost.stash_bytes += demand.own_bytes + demand.kept_bytes;
    }
    plan.cost.peak_live_bytes = peak_live_bytes(demands);
    plan.cost.slot_write_bytes = (plan.steps.size() + plan.holes.size()) * options_.group_bytes;
    plan.cost.spill_write_bytes = trial.spill_write_bytes;
    return plan;
  }

  void report(std::size_t done, std::size_t total) const {
    if (progress_) progress_("order", done, total);
  }

  const InPlaceOptions& options_;
  const StageProgress& progress_;
  InPlaceReads reads_;
};

void check(const InPlaceOptions& options) {
  const std::uint32_t group = options.group_bytes;
  const std::uint32_t block = options.erase_block_bytes;
  const std::uint32_t unit = options.program_unit_bytes;
  const bool is_good = group != 0 && block != 0 && unit != 0 && group % block == 0 &&
                       group % kGrainBytes == 0 && block % unit == 0;
  if (!is_good)
    throw Error(Exit::internal, "the groups of an in-place update do not fit its flash");
}

}  // namespace

InPlacePlan plan_in_place(ByteSpan raw_source, ByteSpan source, ByteSpan target, const Cover& cover,
                          const InPlaceOptions& options, const StageProgress& progress) {
  check(options);
  return InPlacePlanner(raw_source, source, target, cover, options, progress).run();
}

}  // namespace romdelta::pkgtool
