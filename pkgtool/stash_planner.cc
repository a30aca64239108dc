#include "pkgtool/stash_planner.h"

#include <algorithm>

namespace romdelta::pkgtool {
namespace {

// Beside its bytes: a part is named in the plan, and takes a fragment.
constexpr std::uint64_t kPartBytes = 64;

// What is needed until the same step.
struct Part {
  std::uint32_t last_use = 0;
  std::uint64_t bytes = 0;
};

// The room that a part takes, and for how long.
double room_and_time(const Part& part, std::uint32_t place) {
  return static_cast<double>(spilled_bytes(part.bytes) + kPartBytes) *
         static_cast<double>(std::uint64_t{part.last_use} + 2 - place);
}

// Joins neighbours as long as there are too many, or it costs nothing. `parts` ascend by last use.
void join_parts(std::uint32_t place, std::size_t parts_max, std::vector<Part>* parts) {
  const auto joined = [&](std::size_t i) {
    return Part{(*parts)[i + 1].last_use, (*parts)[i].bytes + (*parts)[i + 1].bytes};
  };
  const auto cost = [&](std::size_t i) {
    return room_and_time(joined(i), place) - room_and_time((*parts)[i], place) -
           room_and_time((*parts)[i + 1], place);
  };
  while (parts->size() > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < parts->size(); ++i) {
      if (cost(i) < cost(best)) best = i;
    }
    if (parts->size() <= parts_max && cost(best) > 0) return;
    (*parts)[best] = joined(best);
    parts->erase(parts->begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

}  // namespace

StashPlanner::StashPlanner(const InPlaceReads& reads, const StepOrder& order, std::size_t parts_max)
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
  find_last_uses();
  choose_parts(parts_max);
}

void StashPlanner::find_last_uses() {
  for (std::uint32_t place = 0; place < order_.size(); ++place) {
    for (const Match& read : reads_.reads(order_[place])) {
      const GrainRange range = reads_.grains(read);
      for (std::uint64_t grain = range.begin; grain < range.end; ++grain) {
        if (is_saved_for(grain, place)) last_use_[grain] = place;
      }
    }
  }
}

void StashPlanner::choose_parts(std::size_t parts_max) {
  std::vector<Part> parts;
  for (std::uint32_t place = 0; place < order_.size(); ++place) {
    parts.clear();
    const GrainRange range = reads_.overwritten(order_[place]);
    const auto is_kept = [&](std::uint64_t grain) {
      return overwritten_at_[grain] == place && last_use_[grain] != kNever &&
             last_use_[grain] != place;
    };
    for (std::uint64_t grain = range.begin; grain < range.end; ++grain) {
      if (!is_kept(grain)) continue;
      const std::uint32_t last_use = last_use_[grain];
      const auto part = std::ranges::lower_bound(parts, last_use, {}, &Part::last_use);
      if (part != parts.end() && part->last_use == last_use) {
        part->bytes += kGrainBytes;
      } else {
        parts.insert(part, {last_use, kGrainBytes});
      }
    }
    join_parts(place, parts_max, &parts);
    for (std::uint64_t grain = range.begin; grain < range.end; ++grain) {
      if (!is_kept(grain)) continue;
      last_use_[grain] =
          std::ranges::lower_bound(parts, last_use_[grain], {}, &Part::last_use)->last_use;
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
      return;
    }
    const auto part =
        std::ranges::lower_bound(demand.kept, last_use, {}, &StashDemand::Kept::last_use);
    if (part != demand.kept.end() && part->last_use == last_use) {
      part->bytes += kGrainBytes;
    } else {
      demand.kept.insert(part, {kGrainBytes, last_use});
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
      step.kept_until.push_back(last_use);
      step.kept_last_use = std::max(step.kept_last_use, last_use);
    }
  });
  return steps;
}

}  // namespace romdelta::pkgtool
