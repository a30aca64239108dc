#include "pkgtool/shift_planner.h"

#include <algorithm>

namespace romdelta::pkgtool {

namespace {

// The number of [least, most] that ends with the most zeros: nothing is known of what lies between
// two pieces of evidence, and round numbers take fewer bits.
std::uint32_t roundest(std::uint64_t least, std::uint32_t most) {
  std::uint64_t result = most;
  for (unsigned zeros = 1; zeros < 32; ++zeros) {
    const std::uint64_t round = most >> zeros << zeros;
    if (round < least) break;
    result = round;
  }
  return static_cast<std::uint32_t>(result);
}

}  // namespace

void ShiftPlanner::add(const Evidence& one) {
  const auto [found, is_new] = ways_.try_emplace(one.shift);
  Way& way = found->second;
  const std::int64_t anew = best_.cost + step_bits_;
  if (is_new || way.cost > anew) {
    way = {anew, static_cast<std::uint32_t>(steps_.size())};
    steps_.push_back({{roundest(last_address_, one.address), one.shift}, best_.step});
  }
  way.cost -= one.weight;
  if (way.cost < best_.cost) best_ = way;
  last_address_ = std::uint64_t{one.address} + 1;
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
