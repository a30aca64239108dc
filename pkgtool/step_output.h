// Step output: the groups that a delta in place writes, in the order of its steps. To the chunks
// this is the target; docs/format.md section 7.12.
#pragma once

#include <cstdint>
#include <vector>

#include "installer/script.h"
#include "pkgtool/cover.h"
#include "pkgtool/in_place_planner.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

struct StepOutput {
  Bytes bytes;
  Cover cover;                       // Of `bytes`.
  std::vector<std::uint64_t> begin;  // Of each step in `bytes`, and their end.
  std::uint32_t group_bytes = 0;

  std::size_t step_count() const { return begin.size() - 1; }
  std::uint32_t step_bytes(std::size_t step) const {
    return static_cast<std::uint32_t>(begin[step + 1] - begin[step]);
  }
  // The groups of `count` steps from `first` on, as the device's engine is told of them.
  ChunkGroups groups(std::size_t first, std::size_t count) const;
  // Calls f(match) for each part of the cover in `step`, in order.
  template <typename F>
  void for_each_copy(std::size_t step, F f) const;
};

StepOutput make_step_output(ByteSpan target, const InPlacePlan& plan, std::uint32_t group_bytes);

// How many bytes the script of a chunk has that begins with step `first`, after each of its steps,
// for as long as it is at most `most_bytes`; at least one.
std::vector<std::uint64_t> script_sizes(ByteSpan source, const StepOutput& output,
                                        std::size_t first, std::uint64_t most_bytes,
                                        unsigned unit_bytes);

template <typename F>
void StepOutput::for_each_copy(std::size_t step, F f) const {
  auto match = std::ranges::partition_point(
      cover, [&](const Match& m) { return m.target_offset + m.bytes <= begin[step]; });
  for (; match != cover.end() && match->target_offset < begin[step + 1]; ++match) {
    const std::uint64_t first = std::max(match->target_offset, begin[step]);
    const std::uint64_t last = std::min(match->target_offset + match->bytes, begin[step + 1]);
    f(Match{first, match->source_offset + (first - match->target_offset), last - first});
  }
}

}  // namespace romdelta::pkgtool
