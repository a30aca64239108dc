// Map decoder: the bytes of a package's address map -> AddressMap. docs/format.md section 7.9.
#pragma once

#include "format/bytes.h"
#include "format/status.h"
#include "installer/address_map.h"

namespace romdelta {

// Decodes `bytes`, which were authenticated, into `steps`: exactly as many as there are. `*map`
// refers to them. `scratch` holds the decoder's statistics meanwhile, limits::context_model_bytes.
// malformed_chunk.
Status decode_map(ByteSpan bytes, MutableByteSpan scratch, std::span<MapStep> steps,
                  AddressMap* map);

}  // namespace romdelta
