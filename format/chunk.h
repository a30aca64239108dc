// Chunk: the unit of authentication and of decoder restart. docs/format.md section 7.
//
// A chunk turns part of the source and its own literals into the next part of the target. With
// codec zstd it is a header and six columns; each column holds one kind of value of the whole
// chunk, because like values side by side compress best. With codec context it is a header and one
// stream.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "format/bytes.h"
#include "format/manifest.h"
#include "format/status.h"

namespace romdelta {

// The columns, in their order on the wire. A control triple (copy, extra, seek) is spread over the
// first three; the difference over the next two.
enum class Column : std::uint8_t {
  copy_lengths,   // varint: bytes copied from the source, the difference added.
  extra_lengths,  // varint: literal bytes that follow the copy.
  source_seeks,   // zigzag varint: how far the source position jumps before the next triple.
  diff_values,    // byte: target minus source; 0 marks a run of equal bytes.
  zero_runs,      // varint: length of each such run, less one.
  extra,          // byte: the literals.
};
inline constexpr std::size_t column_count = 6;

struct ColumnSize {
  std::uint32_t raw_bytes = 0;     // After decoding.
  std::uint32_t stored_bytes = 0;  // In the chunk. Equal to raw_bytes when stored as it is.
  bool coded() const { return stored_bytes != raw_bytes; }
};

struct ChunkHeader {
  std::uint64_t source_position = 0;  // Where the first copy reads.
  std::array<ColumnSize, column_count> columns;

  const ColumnSize& operator[](Column column) const {
    return columns[static_cast<std::size_t>(column)];
  }
  // Decoder output that the chunk needs room for: columns stored as they are need none.
  std::uint64_t decoded_bytes() const;
};

// A header and six columns of 32-bit sizes in varints.
inline constexpr std::size_t chunk_header_bytes_max = 10 + column_count * 2 * 5;

// Parses the header at the front of `chunk` and checks that the columns fill the rest exactly and
// decode into at most manifest.chunk_decoded_bytes_max. `*header_bytes` is where the first column
// begins. malformed_chunk when a rule is broken.
Status parse_chunk_header(ByteSpan chunk, const Manifest& manifest, ChunkHeader* header,
                          std::size_t* header_bytes);

void encode_chunk_header(const ChunkHeader& header, ByteWriter* writer);

// The header of a chunk of codec context.
struct ContextChunkHeader {
  std::uint8_t unit_bytes = 4;        // Words that the source is taken to consist of: 2 or 4.
  std::uint64_t source_position = 0;  // Where the first copy reads.
};
inline constexpr std::size_t context_chunk_header_bytes_max = 1 + 10;

// `*header_bytes` is where the stream begins. malformed_chunk when a rule is broken.
Status parse_context_chunk_header(ByteSpan chunk, ContextChunkHeader* header,
                                  std::size_t* header_bytes);

void encode_context_chunk_header(const ContextChunkHeader& header, ByteWriter* writer);

}  // namespace romdelta
