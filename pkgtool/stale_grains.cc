#include "pkgtool/stale_grains.h"

#include "pkgtool/chunk_output.h"

namespace romdelta::pkgtool {

std::vector<std::uint32_t> count_own_grains(const InPlacePlan& plan, const InPlaceOptions& options,
                                            std::uint64_t source_bytes,
                                            std::uint64_t target_bytes) {
  StaleGrains stale(options, source_bytes);
  std::vector<std::uint32_t> counts;
  std::vector<std::uint64_t> own;
  for (const InPlaceStep& it : plan.steps) {
    const std::uint64_t begin = std::uint64_t{it.group} * options.group_bytes;
    const std::uint64_t end = std::min<std::uint64_t>(begin + options.group_bytes, target_bytes);
    const GrainRange around = stale.around(it.group);
    own.clear();
    for_each_copy(plan.cover, begin, end, [&](const Match& copy) {
      const std::uint64_t first = std::max(copy.source_offset / kGrainBytes, around.begin);
      const std::uint64_t last =
          std::min((copy.source_offset + copy.bytes - 1) / kGrainBytes + 1, around.end);
      for (std::uint64_t grain = first; grain < last; ++grain) {
        if (!stale.contains(grain)) own.push_back(grain);
      }
    });
    std::ranges::sort(own);
    own.erase(std::unique(own.begin(), own.end()), own.end());
    std::erase_if(own, [&](std::uint64_t grain) {
      return std::ranges::binary_search(it.kept, static_cast<std::uint32_t>(grain));
    });
    counts.push_back(static_cast<std::uint32_t>(own.size()));
    stale.overwrite(it.group);
  }
  return counts;
}

}  // namespace romdelta::pkgtool
