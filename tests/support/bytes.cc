#include "tests/support/bytes.h"

#include <ostream>

namespace romdelta {

void PrintTo(Status status, std::ostream* out) { *out << to_string(status); }

namespace test {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string to_hex(ByteSpan bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool from_hex(std::string_view text, Bytes* bytes) {
  bytes->clear();
  unsigned value = 0;
  bool half = false;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return false;
    value = value << 4 | static_cast<unsigned>(digit);
    if (half) bytes->push_back(static_cast<std::uint8_t>(value));
    half = !half;
  }
  return !half;
}

}  // namespace test
}  // namespace romdelta
