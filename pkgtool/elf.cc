#include "pkgtool/elf.h"

#include <elf.h>

#include <algorithm>
#include <optional>

namespace romdelta::pkgtool {
namespace {

// The fields of the headers that are needed, of either class.
struct Fields {
  bool is_64 = false;
  std::uint64_t program_headers = 0;
  std::uint64_t section_headers = 0;
  std::size_t program_header_count = 0;
  std::size_t section_header_count = 0;
  std::size_t section_names = 0;  // Which section holds the names.

  std::size_t program_header_bytes() const {
    return is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  }
  std::size_t section_header_bytes() const {
    return is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
  }
};

// `count` bytes from `offset` on; empty where the image ends before.
ByteSpan part(ByteSpan image, std::uint64_t offset, std::uint64_t count) {
  if (!range_inside(offset, count, image.size())) return {};
  return image.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
}

std::optional<Fields> read_header(ByteSpan image) {
  ByteReader reader(image);
  const ByteSpan identity = reader.bytes(EI_NIDENT);
  if (!reader.ok() || !std::ranges::equal(identity.first(SELFMAG), std::string(ELFMAG)) ||
      identity[EI_DATA] != ELFDATA2LSB ||
      (identity[EI_CLASS] != ELFCLASS64 && identity[EI_CLASS] != ELFCLASS32)) {
    return std::nullopt;
  }
  Fields fields;
  fields.is_64 = identity[EI_CLASS] == ELFCLASS64;
  const auto word = [&]() -> std::uint64_t { return fields.is_64 ? reader.u64() : reader.u32(); };
  reader.bytes(2 + 2 + 4);  // Type, machine, version.
  word();                   // Entry.
  fields.program_headers = word();
  fields.section_headers = word();
  reader.bytes(4 + 2);  // Flags, size of this header.
  const std::size_t program_header_bytes = reader.u16();
  fields.program_header_count = reader.u16();
  const std::size_t section_header_bytes = reader.u16();
  fields.section_header_count = reader.u16();
  fields.section_names = reader.u16();
  if (!reader.ok()) return std::nullopt;
  if (program_header_bytes != fields.program_header_bytes()) fields.program_header_count = 0;
  if (section_header_bytes != fields.section_header_bytes()) fields.section_header_count = 0;
  return fields;
}

struct SectionHeader {
  std::uint32_t name = 0;
  std::uint32_t type = 0;
  Section section;
};

SectionHeader read_section(const Fields& fields, ByteSpan bytes) {
  ByteReader reader(bytes);
  const auto word = [&]() -> std::uint64_t { return fields.is_64 ? reader.u64() : reader.u32(); };
  SectionHeader header;
  header.name = reader.u32();
  header.type = reader.u32();
  word();  // Flags.
  header.section.address = word();
  header.section.offset = word();
  header.section.bytes = word();
  return header;
}

}  // namespace

std::vector<Segment> elf_segments(ByteSpan image) {
  std::vector<Segment> segments;
  const auto fields = read_header(image);
  if (!fields) return segments;
  const std::size_t size = fields->program_header_bytes();
  for (std::size_t i = 0; i < fields->program_header_count; ++i) {
    const ByteSpan bytes = part(image, fields->program_headers + i * size, size);
    ByteReader reader(bytes);
    const auto word = [&]() -> std::uint64_t {
      return fields->is_64 ? reader.u64() : reader.u32();
    };
    const std::uint32_t type = reader.u32();
    if (fields->is_64) reader.u32();  // Flags.
    Segment segment;
    segment.offset = word();
    segment.address = word();
    word();  // Physical address.
    segment.bytes = word();
    segment.memory_bytes = std::max(word(), segment.bytes);
    const bool is_usable = reader.ok() && type == PT_LOAD && segment.bytes != 0 &&
                           range_inside(segment.offset, segment.bytes, image.size()) &&
                           segment.memory_bytes <= std::uint64_t{1} << 32;
    if (is_usable) segments.push_back(segment);
  }
  std::ranges::stable_sort(segments, {}, &Segment::offset);
  // Linkers may map a page twice, at the end of one segment and the begin of the next.
  for (std::size_t i = 1; i < segments.size(); ++i) {
    Segment& before = segments[i - 1];
    before.bytes = std::min(before.bytes, segments[i].offset - before.offset);
  }
  std::erase_if(segments, [](const Segment& segment) { return segment.bytes == 0; });
  return segments;
}

std::vector<Section> elf_sections(ByteSpan image) {
  std::vector<Section> sections;
  const auto fields = read_header(image);
  if (!fields) return sections;
  const std::size_t size = fields->section_header_bytes();
  const auto header_at = [&](std::size_t i) {
    return read_section(*fields, part(image, fields->section_headers + i * size, size));
  };
  if (fields->section_names >= fields->section_header_count) return sections;
  const Section names = header_at(fields->section_names).section;
  const ByteSpan text = part(image, names.offset, names.bytes);
  for (std::size_t i = 0; i < fields->section_header_count; ++i) {
    SectionHeader header = header_at(i);
    Section& section = header.section;
    if (header.type == SHT_NULL || header.type == SHT_NOBITS || section.bytes == 0 ||
        !range_inside(section.offset, section.bytes, image.size())) {
      continue;
    }
    for (std::size_t at = header.name; at < text.size() && text[at] != 0; ++at) {
      section.name += static_cast<char>(text[at]);
    }
    sections.push_back(std::move(section));
  }
  std::ranges::stable_sort(sections, {}, &Section::offset);
  return sections;
}

}  // namespace romdelta::pkgtool
