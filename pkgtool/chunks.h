// Chunks: a cover cut into pieces that fit the device's RAM, and coded. One function a codec; the
// encoder lays their chunks out as a payload.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgtool/columns.h"
#include "pkgtool/cover.h"
#include "pkgtool/encoder.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// What all chunks of a payload are made from.
struct ChunkInput {
  ByteSpan source;
  ByteSpan target;
  const Cover& cover;
  const EncoderOptions& options;
  const StageProgress& progress;
  std::uint32_t group_bytes = 0;
};

struct EncodedChunk {
  TargetRange range;
  Bytes bytes;
  std::uint64_t decoded_bytes = 0;  // Room that its decoder needs beside it.
  unsigned unit_bytes = 0;          // Codec context.
};

// A chunk produces at most this much: what is written again after a cut stays bounded even where
// nothing changed.
inline constexpr std::uint64_t kChunkTargetBytesMax = 8 << 20;

// The arena that a device needs for these chunks.
std::uint64_t arena_needed(const ChunkInput& input, const std::vector<EncodedChunk>& chunks);
// What the device's RAM leaves for the buffers of a chunk, beside everything else.
std::uint64_t arena_left(const ChunkInput& input, std::size_t chunk_count);

// Cover the target, in ascending order; none for an empty one. Throw Error (usage) when no chunk
// size fits into the device's RAM.
std::vector<EncodedChunk> encode_column_chunks(const ChunkInput& input);
std::vector<EncodedChunk> encode_context_chunks(const ChunkInput& input);

[[noreturn]] void throw_no_room(const EncoderOptions& options);

// What chunks are cut at multiples of: groups, where writing can begin again after a cut, or parts
// of one where a group is more than `most_bytes`.
std::uint64_t cut_unit_bytes(const ChunkInput& input, std::uint64_t most_bytes);

// The library that decides about the bytes of column chunks, with version and level.
std::string column_encoder_name();

}  // namespace romdelta::pkgtool
