#include "installer/decoder.h"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

namespace romdelta {
namespace {

constexpr std::size_t kBlockHeaderBytes = 3;

// The bits of a frame header descriptor (RFC 8878, 3.1.1.1.1) that section 7.3 fixes: one segment;
// no reserved bit, checksum or dictionary.
constexpr std::uint8_t kDescriptorMask = 0x2f;
constexpr std::uint8_t kDescriptorWanted = 0x20;

// True when `stored` is exactly one frame, without magic number, checksum or dictionary, in one
// segment of `raw_bytes`: the only form that docs/format.md section 7.3 allows. zstd itself would
// also accept several frames.
bool is_single_frame(ByteSpan stored, std::size_t raw_bytes) {
  ZSTD_frameHeader header;
  if (ZSTD_getFrameHeader_advanced(&header, stored.data(), stored.size(), ZSTD_f_zstd1_magicless) !=
      0) {
    return false;
  }
  if ((stored[0] & kDescriptorMask) != kDescriptorWanted) return false;
  if (header.frameContentSize != raw_bytes) return false;
  std::size_t at = header.headerSize;
  for (bool last = false; !last;) {
    if (stored.size() - at < kBlockHeaderBytes) return false;
    const std::uint32_t block =
        stored[at] | std::uint32_t{stored[at + 1]} << 8 | std::uint32_t{stored[at + 2]} << 16;
    last = (block & 1) != 0;
    const bool is_run = ((block >> 1) & 3) == 1;
    const std::size_t bytes = is_run ? 1 : block >> 3;
    at += kBlockHeaderBytes;
    if (stored.size() - at < bytes) return false;
    at += bytes;
  }
  return at == stored.size();
}

}  // namespace

Status Decoder::begin(const Manifest& manifest, Arena* arena) {
  MutableByteSpan context;
  if (!arena->allocate(limits::zstd_context_bytes, &context) ||
      !arena->allocate(manifest.chunk_decoded_bytes_max, &output_)) {
    return Status::arena_too_small;
  }
  context_ = ZSTD_initStaticDCtx(context.data(), context.size());
  if (context_ == nullptr) return Status::arena_too_small;
  if (ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_format, ZSTD_f_zstd1_magicless))) {
    return Status::internal;
  }
  return Status::ok;
}

Status Decoder::decode(const Manifest& manifest, ByteSpan chunk, ChunkHeader* header,
                       Columns* columns) {
  std::size_t at = 0;
  const Status status = parse_chunk_header(chunk, manifest, header, &at);
  if (status != Status::ok) return status;
  std::size_t used = 0;
  for (std::size_t i = 0; i < column_count; ++i) {
    const ColumnSize& size = header->columns[i];
    const ByteSpan stored = chunk.subspan(at, size.stored_bytes);
    at += size.stored_bytes;
    if (!size.coded()) {
      columns->content[i] = stored;
      continue;
    }
    const MutableByteSpan raw = output_.subspan(used, size.raw_bytes);
    used += size.raw_bytes;
    if (!is_single_frame(stored, raw.size())) return Status::malformed_chunk;
    const std::size_t got =
        ZSTD_decompressDCtx(context_, raw.data(), raw.size(), stored.data(), stored.size());
    if (ZSTD_isError(got) || got != raw.size()) return Status::malformed_chunk;
    columns->content[i] = raw;
  }
  return Status::ok;
}

}  // namespace romdelta
