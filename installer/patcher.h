// Patcher: control triples + source + literals -> target bytes. docs/format.md section 7.4.
#pragma once

#include "format/chunk.h"
#include "format/status.h"
#include "installer/decoder.h"
#include "installer/flash_writer.h"
#include "installer/simd/kernels.h"

namespace romdelta {

// What a chunk may read: `bytes` of `region`, from its beginning.
struct Source {
  FlashRegion region;
  std::uint64_t bytes = 0;  // 0 for a full package.
};

// Produces the `target_bytes` of one chunk into `writer`. Every position and length is checked
// before it is used; the columns must be consumed exactly. malformed_chunk, or the flash's failure.
// Work is bounded by target_bytes and the sizes of the columns.
Status patch_chunk(const ChunkHeader& header, const Columns& columns, const Source& source,
                   std::uint64_t target_bytes, const Kernels& kernels, FlashWriter* writer);

}  // namespace romdelta
