// ImageRegions: the parts of an image that a report names. Any bytes are an image: what an ELF file
// says of itself is taken as far as it makes sense.
#pragma once

#include <string>
#include <vector>

#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// A named part of an image. Names consist of printable ASCII.
struct Region {
  std::string name;
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
  // Its symbols and what lies between them, called "(after NAME)" where it is more than padding and
  // else nothing: ascending, and all of the region. None where no symbols are known.
  std::vector<Region> symbols;

  std::uint64_t end() const { return begin + bytes; }
};

struct ImageRegions {
  bool are_sections = false;    // Of an ELF file. Else ranges of equal size.
  std::vector<Region> regions;  // Ascending, and all of the image.
};

ImageRegions image_regions(ByteSpan image);

// "0x0001f000": what a range is called that begins there.
std::string hex_offset(std::uint64_t offset);

}  // namespace romdelta::pkgtool
