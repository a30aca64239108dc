// ContextPatcher: a chunk of codec 2 -> target bytes. docs/format.md sections 7.5 to 7.7.
//
// Where codec 1 decodes columns and then applies them, here every value is decoded where it is
// used: the bytes of the source that a copy passes tell what to expect. context_run.h has the walk.
#pragma once

#include "format/manifest.h"
#include "format/status.h"
#include "installer/arena.h"
#include "installer/flash_writer.h"
#include "installer/source_reader.h"

namespace romdelta {

class ContextPatcher {
 public:
  // Takes the model, the source's windows and the map's room from the arena (counted in
  // arena_bytes_needed). `map`: what the manifest says of it.
  Status begin(const MapIdentity& map, Arena* arena);

  // Takes the address map of the package, which was authenticated; before the first chunk, if there
  // is one. Afterwards the source is rewritten as it is read. malformed_chunk.
  Status load_map(ByteSpan bytes);

  // Produces the `target_bytes` of a chunk, which was authenticated in the very buffer given here,
  // into `writer`. malformed_chunk, or the flash's failure. Work is bounded by target_bytes and the
  // chunk's size.
  Status patch(ByteSpan chunk, const Source& source, std::uint64_t target_bytes,
               FlashWriter* writer);

 private:
  MutableByteSpan model_memory_;
  MutableByteSpan window_;
  RebasedSource source_;
};

}  // namespace romdelta
