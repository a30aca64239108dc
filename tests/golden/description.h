// What a package says about itself, as text that is compared with a frozen one.
#pragma once

#include <string>

#include "format/package.h"

namespace romdelta::test {

// One fact a line, "name value"; every field of docs/format.md section 4 that the package has.
std::string describe(const PackageHead& head);

}  // namespace romdelta::test
