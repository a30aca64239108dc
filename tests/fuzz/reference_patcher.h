// The patcher of docs/format.md section 7.4, written down as it stands there: byte by byte, in
// memory, as slow as it likes. What the engine is held against.
#pragma once

#include "installer/decoder.h"
#include "tests/support/bytes.h"

namespace romdelta::test {

// The bytes that the columns make, or false when a rule is broken.
bool reference_patch(std::uint64_t source_position, const Columns& columns, ByteSpan source,
                     std::uint64_t target_bytes, Bytes* target);

}  // namespace romdelta::test
