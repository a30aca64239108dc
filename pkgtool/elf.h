// Elf: what an image that is an ELF file says about its parts.
#pragma once

#include <string>
#include <vector>

#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// Part of an image and where it lies in memory when the image runs.
struct Segment {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t address = 0;
  std::uint64_t memory_bytes = 0;  // At least `bytes`: what lies beyond is not in the image.
};

// A named part of the image.
struct Section {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t address = 0;
};

// A function or an object that the image's tables name.
struct Symbol {
  std::string name;
  std::uint64_t offset = 0;  // In the image.
  std::uint64_t bytes = 0;
};

// The segments to be loaded, in ascending order of their offsets, not overlapping; none when the
// image is no little-endian ELF file or is damaged.
std::vector<Segment> elf_segments(ByteSpan image);

// The sections that have bytes in the image, in ascending order of their offsets.
std::vector<Section> elf_sections(ByteSpan image);

// The symbols that have bytes in one of those sections, of .symtab or, where that was stripped, of
// .dynsym; in ascending order of their offsets, the longer first. They may overlap.
std::vector<Symbol> elf_symbols(ByteSpan image);

}  // namespace romdelta::pkgtool
