#include "pkgtool/device_filter.h"

#include <charconv>

namespace romdelta::pkgtool {
namespace {

bool parse_number(std::string_view digits, std::uint32_t* value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
  return error == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

bool parse_name(const std::string& text, IdentityName* name) {
  return is_printable(text) && name->assign(text);
}

bool parse_hardware(const std::string& text, DeviceFilter* filter) {
  const std::string_view view = text;
  const std::size_t dash = view.find('-');
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  if (!parse_number(view.substr(0, dash), &low)) return false;
  if (dash == std::string_view::npos) {
    high = low;
  } else if (!parse_number(view.substr(dash + 1), &high)) {
    return false;
  }
  if (low > high) return false;
  filter->has_hardware_range = true;
  filter->hardware_min = low;
  filter->hardware_max = high;
  return true;
}

}  // namespace romdelta::pkgtool
