// Stale grains: which grains of the source cannot be read from the slot any more, while a delta in
// place overwrites it. docs/format.md section 7.12; the device's side is
// installer/in_place_source.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pkgtool/in_place_planner.h"

namespace romdelta::pkgtool {

class StaleGrains {
 public:
  StaleGrains(const InPlaceOptions& options, std::uint64_t source_bytes)
      : grains_per_group_(options.group_bytes / kGrainBytes),
        margin_grains_(options.margin_bytes / kGrainBytes),
        stale_(static_cast<std::size_t>((source_bytes + kGrainBytes - 1) / kGrainBytes)) {}

  // What a write of `group` makes stale.
  GrainRange around(std::uint32_t group) const {
    const std::uint64_t begin = std::uint64_t{group} * grains_per_group_;
    const std::uint64_t end = begin + grains_per_group_ + margin_grains_;
    return {std::min<std::uint64_t>(begin - std::min(begin, margin_grains_), stale_.size()),
            std::min<std::uint64_t>(end, stale_.size())};
  }
  bool contains(std::uint64_t grain) const { return stale_[static_cast<std::size_t>(grain)]; }
  void overwrite(std::uint32_t group) {
    const GrainRange range = around(group);
    std::fill(stale_.begin() + static_cast<std::ptrdiff_t>(range.begin),
              stale_.begin() + static_cast<std::ptrdiff_t>(range.end), true);
  }

 private:
  std::uint64_t grains_per_group_;
  std::uint64_t margin_grains_;
  std::vector<bool> stale_;
};

// How many grains each step saves for itself, as the device's engine finds out.
std::vector<std::uint32_t> count_own_grains(const InPlacePlan& plan, const InPlaceOptions& options,
                                            std::uint64_t source_bytes, std::uint64_t target_bytes);

}  // namespace romdelta::pkgtool
