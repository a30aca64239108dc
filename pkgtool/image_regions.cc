#include "pkgtool/image_regions.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "pkgtool/elf.h"

namespace romdelta::pkgtool {
namespace {

// Raw images are divided into at most this many ranges: as many as can still be told apart in a
// picture.
constexpr std::uint64_t kRangeCountMax = 256;
constexpr std::uint64_t kRangeBytesMin = 1 << 10;

// What comes from a file may hold anything, also what a terminal obeys.
std::string printable(const std::string& text) {
  std::string result = text;
  std::ranges::replace_if(
      result, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return result;
}

// Parts that cover [begin, end): those given, ascending, without what overlaps, and between them
// parts called `gap_name`.
std::vector<Region> cover(std::uint64_t begin, std::uint64_t end, std::vector<Region> parts,
                          const std::string& gap_name) {
  std::vector<Region> result;
  std::uint64_t at = begin;
  for (Region& part : parts) {
    const std::uint64_t part_end = std::min(part.end(), end);
    part.begin = std::max(part.begin, at);
    if (part.begin >= part_end) continue;
    part.bytes = part_end - part.begin;
    if (at < part.begin) result.push_back({gap_name, at, part.begin - at, {}});
    at = part_end;
    result.push_back(std::move(part));
  }
  if (at < end) result.push_back({gap_name, at, end - at, {}});
  return result;
}

// Less than this between two symbols is padding.
constexpr std::uint64_t kUnnamedBytesMin = 32;

// Functions that are not exported have no names in a stripped file. They mostly belong to the
// source file of the function before.
void name_gaps(std::vector<Region>* symbols) {
  for (std::size_t i = 1; i < symbols->size(); ++i) {
    Region& gap = (*symbols)[i];
    const bool is_gap = gap.name.empty() && gap.bytes >= kUnnamedBytesMin;
    if (is_gap) gap.name = "(after " + (*symbols)[i - 1].name + ")";
  }
}

// `symbols` are those that begin in the section or later, ascending.
void add_symbols(const std::vector<Symbol>& symbols, Region* section) {
  auto symbol = std::ranges::lower_bound(symbols, section->begin, {}, &Symbol::offset);
  std::vector<Region> parts;
  for (; symbol != symbols.end() && symbol->offset < section->end(); ++symbol) {
    parts.push_back({printable(symbol->name), symbol->offset, symbol->bytes, {}});
  }
  if (parts.empty()) return;
  section->symbols = cover(section->begin, section->end(), std::move(parts), "");
  name_gaps(&section->symbols);
}

std::vector<Region> section_regions(ByteSpan image) {
  std::vector<Region> parts;
  for (const Section& section : elf_sections(image)) {
    parts.push_back({printable(section.name), section.offset, section.bytes, {}});
  }
  if (parts.empty()) return parts;
  std::vector<Region> regions = cover(0, image.size(), std::move(parts), "(no section)");
  const std::vector<Symbol> symbols = elf_symbols(image);
  for (Region& region : regions) add_symbols(symbols, &region);
  return regions;
}

std::vector<Region> range_regions(std::uint64_t image_bytes) {
  std::uint64_t range_bytes = kRangeBytesMin;
  while (range_bytes * kRangeCountMax < image_bytes) range_bytes *= 2;
  std::vector<Region> regions;
  for (std::uint64_t at = 0; at < image_bytes; at += range_bytes) {
    regions.push_back({hex_offset(at), at, std::min(range_bytes, image_bytes - at), {}});
  }
  return regions;
}

}  // namespace

std::string hex_offset(std::uint64_t offset) {
  std::array<char, 24> text;
  (void)std::snprintf(text.data(), text.size(), "0x%08llx",
                      static_cast<unsigned long long>(offset));
  return text.data();
}

ImageRegions image_regions(ByteSpan image) {
  ImageRegions result;
  result.regions = section_regions(image);
  result.are_sections = !result.regions.empty();
  if (!result.are_sections) result.regions = range_regions(image.size());
  return result;
}

}  // namespace romdelta::pkgtool
