// In-place encoder: InPlacePlan -> Payload. docs/format.md sections 7.12 to 7.14 specify the bytes.
#pragma once

#include "pkgtool/encoder.h"
#include "pkgtool/in_place_planner.h"

namespace romdelta::pkgtool {

// What a delta in place is made from.
struct InPlaceInput {
  ByteSpan raw_source;
  ByteSpan source;  // Its references rewritten, if there is a map.
  ByteSpan target;
  const Cover& cover;
};

// The group that in-place steps write: whole erase blocks and whole grains.
std::uint32_t in_place_group_bytes(std::uint32_t erase_block_bytes);

// True when the spill can have such units: they divide the erase block.
bool is_program_unit(std::uint64_t unit_bytes, std::uint64_t erase_block_bytes);

// How many records of layout in place are written to the journal when so many are appended: the
// first of a half is written twice.
std::uint64_t written_records(std::uint64_t record_count);

// Plans and encodes: of several ways to share the scratch between scripts and stashes the one with
// the smallest payload. `options.codec` is context; `options.unit_bytes` is 2 or 4. Throws Error
// (usage) when RAM or scratch cannot hold what a step needs.
Payload encode_in_place(const InPlaceInput& input, const EncoderOptions& options,
                        const StageProgress& progress);

}  // namespace romdelta::pkgtool
