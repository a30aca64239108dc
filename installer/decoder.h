// Decoder: the columns of an authenticated chunk, decoded inside the arena.
#pragma once

#include <array>

#include "format/chunk.h"
#include "format/manifest.h"
#include "format/status.h"
#include "installer/arena.h"

struct ZSTD_DCtx_s;

namespace romdelta {

// The content of each column, in buffers of the chunk or of the decoder.
struct Columns {
  std::array<ByteSpan, column_count> content;
  ByteSpan operator[](Column column) const { return content[static_cast<std::size_t>(column)]; }
};

class Decoder {
 public:
  // Takes the codec's context and the output buffer from the arena (counted in
  // arena_bytes_needed). arena_too_small, also when this build's zstd needs more than
  // limits::zstd_context_bytes.
  Status begin(const Manifest& manifest, Arena* arena);

  // Decodes the columns of `chunk`, which was authenticated in the very buffer given here. The
  // content is valid until the next call. malformed_chunk.
  Status decode(const Manifest& manifest, ByteSpan chunk, ChunkHeader* header, Columns* columns);

 private:
  ZSTD_DCtx_s* context_ = nullptr;  // In the arena.
  MutableByteSpan output_;
};

}  // namespace romdelta
