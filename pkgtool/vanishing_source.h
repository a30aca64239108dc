// VanishingSource: the source of a delta in place as its chunks see it. docs/format.md
// section 7.12.
#pragma once

#include <algorithm>
#include <vector>

#include "pkgtool/in_place_planner.h"
#include "pkgtool/pipeline.h"
#include "pkgtool/stale_grains.h"

namespace romdelta::pkgtool {

// `source`: its references rewritten. Plan and options outlive this object. What was overwritten
// and is not kept reads as zero.
class VanishingSource {
 public:
  VanishingSource(ByteSpan source, const InPlacePlan& plan, const InPlaceOptions& options)
      : bytes_(source.begin(), source.end()), plan_(plan), stale_(options, source.size()) {}

  // As it is right before `step`, which never goes back.
  ByteSpan before(std::size_t step) {
    for (; next_ < step; ++next_) overwrite(static_cast<std::uint32_t>(next_));
    std::erase_if(kept_by_, [&](std::uint32_t by) {
      const bool is_over = plan_.steps[by].kept_last_use < step;
      if (is_over) {
        for (const std::uint32_t grain : plan_.steps[by].kept) erase(grain);
      }
      return is_over;
    });
    return bytes_;
  }

 private:
  void overwrite(std::uint32_t step) {
    const InPlaceStep& it = plan_.steps[step];
    const GrainRange around = stale_.around(it.group);
    for (std::uint64_t grain = around.begin; grain < around.end; ++grain) {
      const bool is_kept = std::ranges::binary_search(it.kept, static_cast<std::uint32_t>(grain));
      if (!stale_.contains(grain) && !is_kept) erase(grain);
    }
    stale_.overwrite(it.group);
    if (!it.kept.empty()) kept_by_.push_back(step);
  }

  void erase(std::uint64_t grain) {
    const auto begin = static_cast<std::size_t>(grain * kGrainBytes);
    const std::size_t end = std::min(begin + kGrainBytes, bytes_.size());
    std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(begin),
              bytes_.begin() + static_cast<std::ptrdiff_t>(end), std::uint8_t{0});
  }

  Bytes bytes_;
  const InPlacePlan& plan_;
  StaleGrains stale_;
  std::size_t next_ = 0;
  std::vector<std::uint32_t> kept_by_;  // Steps whose stash is still kept.
};

}  // namespace romdelta::pkgtool
