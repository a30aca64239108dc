// Chunk output: what a chunk of a delta in place makes. Its steps write groups in any order; the
// chunk makes them in ascending order, so that copies go on from group to group as far as they can.
// docs/format.md section 7.12.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pkgtool/cover.h"
#include "pkgtool/in_place_planner.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// Calls f(match) for the parts of `cover` inside target [begin, end), in order.
template <typename F>
void for_each_copy(const Cover& cover, std::uint64_t begin, std::uint64_t end, F f) {
  auto match = std::ranges::partition_point(
      cover, [&](const Match& m) { return m.target_offset + m.bytes <= begin; });
  for (; match != cover.end() && match->target_offset < end; ++match) {
    const std::uint64_t first = std::max(match->target_offset, begin);
    const std::uint64_t last = std::min(match->target_offset + match->bytes, end);
    f(Match{first, match->source_offset + (first - match->target_offset), last - first});
  }
}

struct ChunkOutput {
  Bytes bytes;
  Cover cover;  // Of `bytes`.
};

// Of `count` steps from `first` on.
ChunkOutput make_chunk_output(ByteSpan target, const InPlacePlan& plan, std::size_t first,
                              std::size_t count, std::uint32_t group_bytes);

// How many bytes the section of each step has in its chunk's script.
std::vector<std::uint32_t> section_sizes(ByteSpan source, ByteSpan target, const InPlacePlan& plan,
                                         std::uint32_t group_bytes, unsigned unit_bytes);

}  // namespace romdelta::pkgtool
