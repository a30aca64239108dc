// ImageLayout: at which addresses the bytes of an image lie when it runs.
#pragma once

#include <optional>
#include <vector>

#include "installer/address_map.h"
#include "pkgtool/cover.h"
#include "pkgtool/elf.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// Addresses are counted from a base that is not known here.
class ImageLayout {
 public:
  ImageLayout() = default;
  ImageLayout(std::vector<Segment> segments, std::uint64_t base);

  // Nothing when the byte has none.
  std::optional<std::uint64_t> address(std::uint64_t offset) const;
  // Behind the last address, also of memory that is not in the image.
  std::uint64_t address_end() const;
  // As AddressMap::segments.
  std::vector<MapStep> steps() const;

 private:
  std::vector<Segment> segments_;
};

// A part of the source in which offsets may be counted from its begin: a section, or all of it.
struct Table {
  std::uint64_t offset = 0;
  std::uint64_t end = 0;
  // Where it begins, in both images.
  std::uint64_t source_address = 0;
  std::uint64_t target_address = 0;
};

struct ImageLayouts {
  std::uint64_t base = 0;
  ImageLayout source;
  ImageLayout target;
  std::vector<Table> tables;  // In ascending order, not overlapping.
};

// From the headers of ELF files; else as one segment, whose base is found by what became of words
// that look like addresses. Nothing when the images have no layout that an address map can hold.
std::optional<ImageLayouts> find_layouts(ByteSpan source, ByteSpan target, const Cover& cover);

}  // namespace romdelta::pkgtool
