// ContextPatcher: a chunk of codec 2 -> target bytes. docs/format.md sections 7.5 to 7.7.
//
// Where codec 1 decodes columns and then applies them, here every value is decoded where it is
// used: the bytes of the source that a copy passes tell what to expect.
#pragma once

#include "format/manifest.h"
#include "format/status.h"
#include "installer/arena.h"
#include "installer/context_model.h"
#include "installer/flash_writer.h"
#include "installer/patcher.h"
#include "installer/range_decoder.h"

namespace romdelta {

class ContextPatcher {
 public:
  // Takes the model and the source window from the arena (counted in arena_bytes_needed).
  Status begin(Arena* arena);

  // Produces the `target_bytes` of a chunk, which was authenticated in the very buffer given here,
  // into `writer`. malformed_chunk, or the flash's failure. Work is bounded by target_bytes and the
  // chunk's size.
  Status patch(ByteSpan chunk, const Source& source, std::uint64_t target_bytes,
               FlashWriter* writer);

 private:
  template <unsigned unit_bytes>
  class Run;

  ContextModel* model_ = nullptr;  // In the arena.
  MutableByteSpan window_;
};

}  // namespace romdelta
