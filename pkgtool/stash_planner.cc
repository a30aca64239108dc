#include "pkgtool/stash_planner.h"

#include <algorithm>

namespace romdelta::pkgtool {

StashPlanner::StashPlanner(const InPlaceReads& reads, const StepOrder& order)
    : reads_(reads),
      order_(order),
      overwritten_at_(reads.grain_count(), kNever),
      last_use_(reads.grain_count(), kNever) {
  for (std::uint32_t place = 0; place < order.size(); ++place) {
    const GrainRange range = reads.overwritten(order[place]);
    for (std::uint64_t grain = range.begin; grain < range.end; ++grain) {
      overwritten_at_[grain] = std::min(overwritten_at_[grain], place);
    }
  }
  for (std::uint32_t place = 0; place < order.size(); ++place) {
    for (const Match& read : reads.reads(order[place])) {
      const GrainRange range = reads.grains(read);
      for (std::uint64_t grain = range.begin; grain < range.end; ++grain) {
        if (is_saved_for(grain, place)) last_use_[grain] = place;
      }
    }
  }
}

template <typename F>
void StashPlanner::for_each_saved(F f) const {
  for (std::uint32_t grain = 0; grain < last_use_.size(); ++grain) {
    if (last_use_[grain] != kNever) f(grain, overwritten_at_[grain], last_use_[grain]);
  }
}

std::vector<StashDemand> StashPlanner::demands() const {
  std::vector<StashDemand> demands(order_.size());
  for_each_saved([&](std::uint32_t, std::uint32_t place, std::uint32_t last_use) {
    StashDemand& demand = demands[place];
    if (last_use == place) {
      demand.own_bytes += kGrainBytes;
    } else {
      demand.kept_bytes += kGrainBytes;
      demand.kept_last_use = std::max(demand.kept_last_use, last_use);
    }
  });
  return demands;
}

std::vector<InPlaceStep> StashPlanner::steps() const {
  std::vector<InPlaceStep> steps(order_.size());
  for (std::size_t place = 0; place < order_.size(); ++place) {
    steps[place].group = reads_.group(order_[place]);
  }
  for_each_saved([&](std::uint32_t grain, std::uint32_t place, std::uint32_t last_use) {
    InPlaceStep& step = steps[place];
    if (last_use == place) {
      step.own.push_back(grain);
    } else {
      step.kept.push_back(grain);
      step.kept_last_use = std::max(step.kept_last_use, last_use);
    }
  });
  return steps;
}

}  // namespace romdelta::pkgtool
