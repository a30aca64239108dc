// The recorded session of tests/ota/recorded.
#pragma once

#include <string>

namespace romdelta::ota {

// The text of a file there, "01_c2s.xml" and so on. Throws when it cannot be read.
std::string recorded(const std::string& name);

}  // namespace romdelta::ota
