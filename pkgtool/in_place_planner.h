// In-place planner: (images, Cover) -> InPlacePlan. How one slot is overwritten group by group.
//
// A group that is written can read whatever of the source has not been overwritten yet, or was
// saved before it was (in_place_reads.h). The planner chooses the order (step_order.h), what each
// step saves (stash_planner.h), and which groups are lent to hold it. What cannot be held in the
// end is given up: it becomes literals.
#pragma once

#include <cstdint>
#include <vector>

#include "pkgtool/cover.h"
#include "pkgtool/in_place_reads.h"
#include "pkgtool/pipeline.h"
#include "pkgtool/stash_planner.h"

namespace romdelta::pkgtool {

struct InPlaceOptions {
  std::uint32_t group_bytes = 0;  // A multiple of erase_block_bytes and of 64.
  std::uint32_t erase_block_bytes = 0;
  std::uint32_t program_unit_bytes = 512;
  std::uint32_t margin_bytes = 0;   // 128 with an address map: see InPlaceReads.
  std::uint64_t scratch_bytes = 0;  // Of which the script of a chunk
  std::uint64_t script_bytes = 0;   // takes so much at any time.
  // How many parts, each needed until another step, what is kept by one step may have: 1 or 2.
  std::uint32_t kept_parts_max = 1;
};

// What a plan costs.
struct InPlaceCost {
  std::uint64_t lost_bytes = 0;         // Copies that became literals.
  std::uint64_t stash_bytes = 0;        // Saved, in whole grains.
  std::uint64_t peak_live_bytes = 0;    // The most of them that are needed at once.
  std::uint64_t slot_write_bytes = 0;   // Groups, and holes that are filled again.
  std::uint64_t spill_write_bytes = 0;  // Stashes, and what of them moves along.
};

struct InPlacePlan {
  std::vector<InPlaceStep> steps;
  std::vector<InPlaceHole> holes;  // Lent to the spill; ascending.
  // Of the groups that are written: what can be read when it is needed. The rest is literals.
  Cover cover;
  InPlaceCost cost;
};

// `source`: `raw_source`, its references rewritten, if there is an address map.
InPlacePlan plan_in_place(ByteSpan raw_source, ByteSpan source, ByteSpan target, const Cover& cover,
                          const InPlaceOptions& options, const StageProgress& progress);

}  // namespace romdelta::pkgtool
