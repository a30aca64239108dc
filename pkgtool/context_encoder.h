// Context encoder: a range of the target -> a chunk of codec 2. docs/format.md sections 7.5 to 7.7.
#pragma once

#include <vector>

#include "pkgtool/columns.h"
#include "pkgtool/cover.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

struct ContextChunk {
  Bytes bytes;
  // How many bytes had been coded when the target had been coded up to an offset; ascending, some
  // hundred bytes of code apart. For finding out where to cut.
  struct Mark {
    std::uint64_t target_offset = 0;
    std::uint64_t coded_bytes = 0;
  };
  std::vector<Mark> marks;
};

// `unit_bytes`: 2 or 4, the size of the words that the source is taken to consist of.
ContextChunk encode_context_chunk(ByteSpan source, ByteSpan target, const Cover& cover,
                                  TargetRange range, unsigned unit_bytes);

}  // namespace romdelta::pkgtool
