#include "format/text.h"

namespace romdelta {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

bool is_valid_package_id(std::string_view text) {
  if (text.empty() || text.size() > limits::package_id_bytes_max) return false;
  if (!is_lower(text.front()) && !is_digit(text.front())) return false;
  for (const char c : text) {
    if (!is_lower(c) && !is_digit(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

bool is_valid_version(std::string_view text) {
  if (text.empty() || text.size() > limits::version_bytes_max) return false;
  for (const char c : text) {
    const bool mark = c == '.' || c == '_' || c == '-' || c == '+' || c == '~' || c == ':';
    if (!is_lower(c) && !is_upper(c) && !is_digit(c) && !mark) return false;
  }
  return true;
}

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return !text.empty();
}

}  // namespace romdelta
