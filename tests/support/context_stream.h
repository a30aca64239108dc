// ContextStream: a chunk of codec context written value by value, good ones and such as only an
// encoder that means harm would write.
#pragma once

#include <memory>

#include "format/chunk.h"
#include "tests/support/bytes.h"

namespace romdelta::test {

class ContextStream {
 public:
  // `source` outlives the stream.
  ContextStream(ByteSpan source, const ContextChunkHeader& header);
  ~ContextStream();
  ContextStream(const ContextStream&) = delete;
  ContextStream& operator=(const ContextStream&) = delete;

  // The position that the next copy reads from.
  void seek(std::uint64_t position);
  // A copy that makes `target` out of what lies at the position.
  void copy(ByteSpan target);
  void literals(ByteSpan target);
  // The numbers alone, without the bytes that belong to them.
  void copy_bytes(std::uint64_t count);
  void extra_bytes(std::uint64_t count);

  // The whole chunk. Nothing may follow.
  Bytes finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace romdelta::test
