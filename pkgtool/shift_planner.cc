#include "pkgtool/shift_planner.h"

#include <algorithm>

namespace romdelta::pkgtool {

void ShiftPlanner::add(const Evidence& one) {
  const auto [found, is_new] = ways_.try_emplace(one.shift);
  Way& way = found->second;
  const std::int64_t anew = best_.cost + shift_step_bits;
  if (is_new || way.cost > anew) {
    way = {anew, static_cast<std::uint32_t>(steps_.size())};
    steps_.push_back({{one.address, one.shift}, best_.step});
  }
  way.cost -= one.weight;
  if (way.cost < best_.cost) best_ = way;
}

std::vector<MapStep> ShiftPlanner::steps() const {
  std::vector<MapStep> result;
  for (std::uint32_t at = best_.step; at != no_step; at = steps_[at].before) {
    const MapStep& step = steps_[at].step;
    // Of steps at one address the last counts.
    if (result.empty() || result.back().begin != step.begin) result.push_back(step);
  }
  std::ranges::reverse(result);
  return result;
}

}  // namespace romdelta::pkgtool
