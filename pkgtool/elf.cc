#include "pkgtool/elf.h"

#include <elf.h>

#include <algorithm>
#include <optional>

namespace romdelta::pkgtool {
namespace {

// The fields of the headers that are needed, of either class.
struct Fields {
  bool is_64 = false;
  unsigned type = 0;     // ET_*
  unsigned machine = 0;  // EM_*
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
  fields.type = reader.u16();
  fields.machine = reader.u16();
  reader.u32();  // Version.
  word();        // Entry.
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
  std::uint32_t link = 0;
  Section section;

  bool has_bytes(ByteSpan image) const {
    return type != SHT_NULL && type != SHT_NOBITS && section.bytes != 0 &&
           range_inside(section.offset, section.bytes, image.size());
  }
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
  header.link = reader.u32();
  return header;
}

// All of them, by their numbers.
std::vector<SectionHeader> read_sections(const Fields& fields, ByteSpan image) {
  const std::size_t size = fields.section_header_bytes();
  std::vector<SectionHeader> headers;
  for (std::size_t i = 0; i < fields.section_header_count; ++i) {
    headers.push_back(read_section(fields, part(image, fields.section_headers + i * size, size)));
  }
  return headers;
}

// Names are not longer, so that a damaged table with many references to one long text stays small.
constexpr std::size_t kNameBytesMax = 255;

std::string name_at(ByteSpan text, std::size_t at) {
  std::string name;
  while (at < text.size() && text[at] != 0 && name.size() < kNameBytesMax) {
    name += static_cast<char>(text[at++]);
  }
  return name;
}

struct SymbolEntry {
  std::uint32_t name = 0;
  unsigned type = 0;  // STT_*
  std::size_t section = 0;
  std::uint64_t value = 0;
  std::uint64_t bytes = 0;
};

SymbolEntry read_symbol(const Fields& fields, ByteReader* reader) {
  SymbolEntry entry;
  entry.name = reader->u32();
  if (!fields.is_64) {
    entry.value = reader->u32();
    entry.bytes = reader->u32();
  }
  entry.type = ELF64_ST_TYPE(reader->u8());
  reader->u8();  // Visibility.
  entry.section = reader->u16();
  if (fields.is_64) {
    entry.value = reader->u64();
    entry.bytes = reader->u64();
  }
  return entry;
}

// The table that names most.
const SectionHeader* symbol_table(const std::vector<SectionHeader>& headers, ByteSpan image) {
  for (const auto type : {std::uint32_t{SHT_SYMTAB}, std::uint32_t{SHT_DYNSYM}}) {
    for (const SectionHeader& header : headers) {
      if (header.type == type && header.has_bytes(image) && header.link < headers.size()) {
        return &header;
      }
    }
  }
  return nullptr;
}

// Where the symbol is in the image, when it is a function or an object inside of its section.
std::optional<Symbol> locate(const SymbolEntry& entry, const Fields& fields,
                             const std::vector<SectionHeader>& headers, ByteSpan image) {
  const bool is_code = entry.type == STT_FUNC || entry.type == STT_GNU_IFUNC;
  if ((!is_code && entry.type != STT_OBJECT) || entry.bytes == 0) return std::nullopt;
  if (entry.section >= headers.size() || !headers[entry.section].has_bytes(image)) {
    return std::nullopt;
  }
  const Section& section = headers[entry.section].section;
  // The lowest bit of a Thumb function is no part of its address.
  const bool is_marked = is_code && fields.machine == EM_ARM;
  const std::uint64_t value = is_marked ? entry.value & ~std::uint64_t{1} : entry.value;
  // Wraps for addresses below the section's, which then lie outside of it.
  const std::uint64_t past = fields.type == ET_REL ? value : value - section.address;
  if (!range_inside(past, entry.bytes, section.bytes)) return std::nullopt;
  return Symbol{{}, section.offset + past, entry.bytes};
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
  const std::vector<SectionHeader> headers = read_sections(*fields, image);
  if (fields->section_names >= headers.size()) return sections;
  const Section& names = headers[fields->section_names].section;
  const ByteSpan text = part(image, names.offset, names.bytes);
  for (const SectionHeader& header : headers) {
    if (!header.has_bytes(image)) continue;
    sections.push_back(header.section);
    sections.back().name = name_at(text, header.name);
  }
  std::ranges::stable_sort(sections, {}, &Section::offset);
  return sections;
}

std::vector<Symbol> elf_symbols(ByteSpan image) {
  std::vector<Symbol> symbols;
  const auto fields = read_header(image);
  if (!fields) return symbols;
  const std::vector<SectionHeader> headers = read_sections(*fields, image);
  const SectionHeader* table = symbol_table(headers, image);
  if (table == nullptr) return symbols;
  const Section& names = headers[table->link].section;
  const ByteSpan text = part(image, names.offset, names.bytes);
  ByteReader reader(part(image, table->section.offset, table->section.bytes));
  const std::size_t entry_bytes = fields->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
  while (reader.remaining() >= entry_bytes) {
    const SymbolEntry entry = read_symbol(*fields, &reader);
    auto symbol = locate(entry, *fields, headers, image);
    if (!symbol) continue;
    symbol->name = name_at(text, entry.name);
    symbols.push_back(std::move(*symbol));
  }
  std::ranges::stable_sort(symbols, [](const Symbol& a, const Symbol& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes > b.bytes;
  });
  return symbols;
}

}  // namespace romdelta::pkgtool
