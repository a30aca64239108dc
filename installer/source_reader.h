// SourceReader: the source image as a decoder of codec 2 sees it.
#pragma once

#include <cstdint>

#include "format/bytes.h"
#include "format/limits.h"
#include "format/status.h"
#include "installer/arena.h"
#include "installer/patcher.h"
#include "installer/rebaser.h"

namespace romdelta {

class SourceReader {
 public:
  // Bytes of the image.
  virtual std::uint64_t bytes() const = 0;
  // Fills `out`, at most limits::source_window_bytes, with what lies at `begin`: references are
  // rewritten already. Requires: the range lies inside the image. The flash's failure.
  virtual Status read(std::uint64_t begin, MutableByteSpan out) = 0;

 protected:
  ~SourceReader() = default;  // Owned by the caller, never deleted through this interface.
};

// A source that stays as it is: read from its region, rewritten by the address map if there is one.
class RebasedSource final : public SourceReader {
 public:
  // Takes the map's room from the arena (counted in arena_bytes_needed). `map`: what the manifest
  // says of it. arena_too_small.
  Status begin(const MapIdentity& map, Arena* arena);

  // Takes the address map of the package, which was authenticated. `scratch`
  // (limits::context_model_bytes, aligned to 8) is used during the call. malformed_chunk.
  Status load_map(ByteSpan bytes, MutableByteSpan scratch);

  void set_source(const Source& source) { source_ = source; }
  bool has_map() const { return !rebaser_.changes_nothing(); }

  std::uint64_t bytes() const override { return source_.bytes; }
  Status read(std::uint64_t begin, MutableByteSpan out) override;

 private:
  Source source_;
  MutableByteSpan raw_window_;  // The source as it is read, when there is a map.
  std::span<MapStep> steps_;
  Rebaser rebaser_;
};

}  // namespace romdelta
