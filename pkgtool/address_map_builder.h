// Address map builder: Cover -> AddressMap. What moved where, learned from references whose source
// and target are both known.
#pragma once

#include <vector>

#include "installer/address_map.h"
#include "pkgtool/cover.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// An address map and what it consists of.
struct BuiltMap {
  std::uint64_t base = 0;
  std::vector<MapStep> segments;
  std::vector<MapStep> regions;
  std::vector<MapStep> anchors;
  std::vector<MapStep> shifts;
  std::int64_t gain_bits = 0;  // What it saves, less what it costs; an estimate.

  AddressMap map() const { return {base, segments, regions, anchors, shifts}; }
  bool empty() const { return shifts.empty(); }
  std::size_t step_count() const {
    return segments.size() + regions.size() + anchors.size() + shifts.size();
  }
};

// The map that, by its estimate, makes more of the source equal to the target than it costs; an
// empty one when none does. Has at most `step_count_max` steps.
BuiltMap build_address_map(ByteSpan source, ByteSpan target, const Cover& cover,
                           std::size_t step_count_max);

// The same, with covers made for the purpose: one of the source, and one of the source as the first
// map rewrites it.
BuiltMap find_address_map(ByteSpan source, ByteSpan target, std::size_t step_count_max,
                          unsigned thread_count, const StageProgress& progress);

// The whole source, rewritten as the device does it window by window.
Bytes rebase_image(ByteSpan source, const AddressMap& map, unsigned thread_count);

}  // namespace romdelta::pkgtool
