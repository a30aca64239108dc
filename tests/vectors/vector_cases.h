// The inputs that vector files are made from.
#pragma once

#include <vector>

#include "tests/vectors/vector_file.h"

namespace romdelta::test {

std::vector<Vector> vector_cases();

}  // namespace romdelta::test
