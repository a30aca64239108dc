#include "installer/context_patcher.h"

#include <new>

#include "format/chunk.h"
#include "format/limits.h"
#include "installer/context_run.h"
#include "installer/range_decoder.h"

namespace romdelta {

static_assert(sizeof(ContextModel) <= limits::context_model_bytes);
// An arena begins at a multiple of 8, its allocations at multiples of 64 from there.
static_assert(alignof(ContextModel) <= 8);

Status ContextPatcher::begin(const MapIdentity& map, Arena* arena) {
  if (!arena->allocate(limits::context_model_bytes, &model_memory_) ||
      !arena->allocate(limits::source_window_bytes, &window_)) {
    return Status::arena_too_small;
  }
  return source_.begin(map, arena);
}

Status ContextPatcher::load_map(ByteSpan bytes) {
  // The model has no other use before the first chunk.
  return source_.load_map(bytes, model_memory_);
}

Status ContextPatcher::patch(ByteSpan chunk, const Source& source, std::uint64_t target_bytes,
                             FlashWriter* writer) {
  ContextChunkHeader header;
  std::size_t header_bytes = 0;
  const Status status = parse_context_chunk_header(chunk, &header, &header_bytes);
  if (status != Status::ok) return status;
  source_.set_source(source);
  auto* model = new (model_memory_.data()) ContextModel;
  return run_context_chunk(header, RangeDecoder(chunk.subspan(header_bytes)), model, window_,
                           &source_, target_bytes, writer);
}

}  // namespace romdelta
