#include "tests/ota/recorded.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace romdelta::ota {

std::string recorded(const std::string& name) {
  std::ifstream file(std::string(ROMDELTA_RECORDED_DIR) + '/' + name, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace romdelta::ota
