// Byte buffers for tests: making, joining and printing them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "format/bytes.h"
#include "format/status.h"

namespace romdelta {

// GoogleTest prints a Status by its name.
void PrintTo(Status status, std::ostream* out);

}  // namespace romdelta

namespace romdelta::test {

using Bytes = std::vector<std::uint8_t>;

inline Bytes to_bytes(ByteSpan span) { return {span.begin(), span.end()}; }
inline Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

inline void append(Bytes* to, ByteSpan from) { to->insert(to->end(), from.begin(), from.end()); }

inline Bytes concat(std::initializer_list<ByteSpan> parts) {
  Bytes result;
  for (const ByteSpan part : parts) append(&result, part);
  return result;
}

// What `write(ByteWriter*)` writes into a buffer that is large enough for any head.
template <typename Write>
Bytes written_by(Write&& write) {
  Bytes buffer(8192);
  ByteWriter writer(buffer);
  write(&writer);
  buffer.resize(writer.ok() ? writer.offset() : 0);
  return buffer;
}

// Two lower-case digits a byte.
std::string to_hex(ByteSpan bytes);
// Skips white space; false on anything else that is no hex digit, and on half a byte.
bool from_hex(std::string_view text, Bytes* bytes);

}  // namespace romdelta::test
