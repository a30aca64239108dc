// The devices that a package is for, as people write them.
#pragma once

#include <string>

#include "format/manifest.h"

namespace romdelta::pkgtool {

inline constexpr const char* kNameHint = "use 1 to 32 printable ASCII characters";
inline constexpr const char* kHardwareHint = "give a number, or MIN-MAX with MIN not above MAX";

// A vendor or model. False: `text` is not a name.
bool parse_name(const std::string& text, IdentityName* name);

// "3" or "2-5". False: `text` is not a hardware range.
bool parse_hardware(const std::string& text, DeviceFilter* filter);

}  // namespace romdelta::pkgtool
