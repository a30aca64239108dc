// Encoder: Cover -> Payload. docs/format.md sections 6 and 7 specify the bytes;
// chunks.h has the codecs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/manifest.h"
#include "pkgtool/cover.h"
#include "pkgtool/map_encoder.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// In place: erase blocks of scratch that are asked for unless it is said how much there is.
inline constexpr std::uint64_t scratch_blocks_default = 8;

struct EncoderOptions {
  Codec codec = Codec::context;
  std::uint64_t ram_bytes_max = 1 << 20;   // The device's arena: chunks are made to fit it.
  std::uint32_t erase_block_bytes = 4096;  // Chunks end on group boundaries, groups on these.
  // Deltas in place: the device's scratch, and what divides everything that is programmed there.
  std::uint64_t scratch_bytes = 0;
  std::uint32_t program_unit_bytes = 512;
  unsigned thread_count = 1;  // Never changes the result.
  // Codec context: words of 2 or 4 bytes; 0: for each chunk what is smaller.
  unsigned unit_bytes = 0;
  // Codec context: the map in front of the chunks. `source` is rewritten by it already.
  const EncodedMap* map = nullptr;
};

// What a delta in place does to the flash, uninterrupted.
struct InPlaceBudget {
  std::uint64_t flash_write_bytes = 0;
  std::uint64_t erase_count = 0;
  std::uint64_t record_count = 0;  // Of the journal.
};

struct Payload {
  Bytes bytes;  // Map, plan, tree nodes and chunks.
  MapIdentity map;
  PlanIdentity plan;  // Deltas in place only, as what follows.
  std::uint64_t scratch_bytes = 0;
  InPlaceBudget in_place;
  // What the manifest must say about them.
  std::uint32_t chunk_count = 0;
  Digest tree_root;
  std::uint32_t chunk_stored_bytes_max = 0;
  std::uint32_t chunk_decoded_bytes_max = 0;
  std::uint32_t group_bytes = 0;
  unsigned unit_bytes = 0;       // Codec context: the words of most chunks.
  std::uint64_t redo_bytes = 0;  // The most target bytes between two checkpoints.
};

// An empty cover and source make a full package's payload. Throws Error when no chunk size fits
// into ram_bytes_max.
Payload encode_payload(ByteSpan source, ByteSpan target, const Cover& cover,
                       const EncoderOptions& options, const StageProgress& progress);

// What the chunks of a payload must know of the device's arena: what is needed for the payload as
// it is, of a target and a source of these sizes.
std::uint64_t arena_of(Codec codec, const Payload& payload, const EncoderOptions& options,
                       std::uint64_t source_bytes, std::uint64_t target_bytes);
// Lays tree nodes and chunks out behind what payload->bytes has already. Requires: there are some.
void lay_out_chunks(const std::vector<Bytes>& chunks,
                    const std::vector<std::uint64_t>& output_bytes, Payload* payload);

// The encoder's name, and of a library that decides about the bytes its version and level.
std::string encoder_name(Codec codec);

}  // namespace romdelta::pkgtool
