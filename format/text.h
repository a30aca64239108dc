// Text<N>: short text of at most N bytes, held in place, and the alphabets that names may use.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "format/bytes.h"
#include "format/limits.h"

namespace romdelta {

template <std::size_t N>
class Text {
 public:
  Text() = default;

  // False, and no change, when `text` is longer than N bytes.
  [[nodiscard]] bool assign(std::string_view text) {
    if (text.size() > N) return false;
    copy_bytes(bytes_.data(), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    size_ = text.size();
    return true;
  }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes_.data()), size_}; }
  ByteSpan bytes() const { return {bytes_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  friend bool operator==(const Text& a, const Text& b) { return a.view() == b.view(); }

 private:
  std::array<std::uint8_t, N> bytes_{};
  std::size_t size_ = 0;
};

// Ids are path-free by construction: lower-case letters, digits, '.', '_' and '-', beginning with a
// letter or a digit.
using PackageId = Text<limits::package_id_bytes_max>;
bool is_valid_package_id(std::string_view text);

// Versions are opaque labels: letters, digits and . _ - + ~ : only. They are compared for equality,
// never ordered; order is the security counter's business.
using Version = Text<limits::version_bytes_max>;
bool is_valid_version(std::string_view text);

// Vendor and model: printable ASCII without control characters.
using IdentityName = Text<limits::identity_bytes_max>;
bool is_printable(std::string_view text);

}  // namespace romdelta
