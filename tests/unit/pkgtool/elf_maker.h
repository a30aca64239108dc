// ELF files for tests: headers as they are told, also wrong ones, and nothing else.
#pragma once

#include <string>
#include <vector>

#include "pkgtool/elf.h"

namespace romdelta::pkgtool {

struct ElfPlan {
  bool is_64 = true;
  std::size_t image_bytes = 0x800;  // All headers lie in the first 0x400 bytes.
  std::vector<Segment> segments;
  std::vector<Section> sections;
};

Bytes make_elf(const ElfPlan& plan);

}  // namespace romdelta::pkgtool
