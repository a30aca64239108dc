// Product: what an OEM ships, as PRODUCT.toml says: its ROM packages, and where the images of each
// release are. docs/pkgtool.md describes the file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "format/manifest.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// What holds for every version of a ROM package.
struct RomPackage {
  std::string id;
  std::uint64_t ram_bytes = 0;
  std::uint32_t erase_block_bytes = 0;
  Layout layout = Layout::ab;
  std::uint64_t scratch_bytes = 0;       // In place.
  std::uint32_t program_unit_bytes = 0;  // In place.
};

// One version of a ROM package.
struct RomImage {
  std::string version;
  std::string path;  // As the file system understands it.
};

struct Release {
  std::string version;
  ReleaseOrder order;
  std::map<std::string, RomImage> images;  // By package id.
};

struct Product {
  DeviceFilter device;
  std::string member_of;  // The super package that alone may install its packages; empty: any.
  std::vector<RomPackage> packages;
  std::vector<Release> releases;

  // Null: there is no such release.
  const Release* release(const std::string& version) const;
};

// Images are not opened. Throws Error (bad_input) with line and column.
Product read_product(const std::string& path);

}  // namespace romdelta::pkgtool
