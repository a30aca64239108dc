// RawColumns: one chunk's six columns before compression. docs/format.md section 7.2.
#pragma once

#include <array>
#include <cstdint>

#include "format/chunk.h"
#include "pkgtool/cover.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// A part of the target: [begin, end).
struct TargetRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t bytes() const { return end - begin; }
};

struct RawColumns {
  std::uint64_t source_position = 0;
  std::array<Bytes, column_count> content;

  Bytes& operator[](Column column) { return content[static_cast<std::size_t>(column)]; }
  std::uint64_t bytes() const;
};

// What a decoder needs to make `range` of the target from the source and `cover`.
RawColumns make_columns(ByteSpan source, ByteSpan target, const Cover& cover, TargetRange range);

}  // namespace romdelta::pkgtool
