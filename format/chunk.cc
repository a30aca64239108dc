#include "format/chunk.h"

namespace romdelta {
namespace {

bool read_column_size(ByteReader* reader, ColumnSize* size) {
  const std::uint64_t raw = reader->varint();
  if (!reader->ok() || raw > limits::chunk_decoded_bytes_max) return false;
  size->raw_bytes = static_cast<std::uint32_t>(raw);
  size->stored_bytes = size->raw_bytes;
  if (raw == 0) return true;
  // 0 says "stored as it is"; a coded column is shorter than its content, or it would not be coded.
  const std::uint64_t coded = reader->varint();
  if (!reader->ok() || coded >= raw) return false;
  if (coded != 0) size->stored_bytes = static_cast<std::uint32_t>(coded);
  return true;
}

}  // namespace

std::uint64_t ChunkHeader::decoded_bytes() const {
  std::uint64_t total = 0;
  for (const ColumnSize& size : columns) total += size.coded() ? size.raw_bytes : 0;
  return total;
}

Status parse_chunk_header(ByteSpan chunk, const Manifest& manifest, ChunkHeader* header,
                          std::size_t* header_bytes) {
  ByteReader reader(chunk);
  ChunkHeader parsed;
  parsed.source_position = reader.varint();
  std::uint64_t stored = 0;
  for (ColumnSize& size : parsed.columns) {
    if (!read_column_size(&reader, &size)) return Status::malformed_chunk;
    stored += size.stored_bytes;
  }
  if (!reader.ok() || stored != reader.remaining()) return Status::malformed_chunk;
  if (parsed.decoded_bytes() > manifest.chunk_decoded_bytes_max) return Status::malformed_chunk;
  *header = parsed;
  *header_bytes = reader.offset();
  return Status::ok;
}

void encode_chunk_header(const ChunkHeader& header, ByteWriter* writer) {
  writer->varint(header.source_position);
  for (const ColumnSize& size : header.columns) {
    writer->varint(size.raw_bytes);
    if (size.raw_bytes != 0) writer->varint(size.coded() ? size.stored_bytes : 0);
  }
}

Status parse_context_chunk_header(ByteSpan chunk, ContextChunkHeader* header,
                                  std::size_t* header_bytes) {
  ByteReader reader(chunk);
  ContextChunkHeader parsed;
  parsed.unit_bytes = reader.u8();
  parsed.source_position = reader.varint();
  if (!reader.ok() || (parsed.unit_bytes != 2 && parsed.unit_bytes != 4)) {
    return Status::malformed_chunk;
  }
  *header = parsed;
  *header_bytes = reader.offset();
  return Status::ok;
}

void encode_context_chunk_header(const ContextChunkHeader& header, ByteWriter* writer) {
  writer->u8(header.unit_bytes);
  writer->varint(header.source_position);
}

}  // namespace romdelta
