// Codec context as docs/format.md sections 7.5 to 7.8 say, written down as it stands there: as slow
// as it likes, and sharing no line with the engine. What the engine is held against.
#pragma once

#include "tests/support/bytes.h"

namespace romdelta::test {

// The bytes that a chunk makes, or false when a rule is broken.
bool reference_context_patch(ByteSpan chunk, ByteSpan source, std::uint64_t target_bytes,
                             Bytes* target);

}  // namespace romdelta::test
