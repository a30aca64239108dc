#include "tests/unit/pkgtool/made_elf.h"

#include <cstring>

namespace romdelta::pkgtool {
namespace {

template <typename Value>
void put(Bytes* bytes, const Value& value) {
  const std::size_t at = bytes->size();
  bytes->resize(at + sizeof(value));
  std::memcpy(bytes->data() + at, &value, sizeof(value));
}

// Adds a text with its end and says where it begins.
std::uint32_t put_name(std::string* names, const std::string& name) {
  const auto at = static_cast<std::uint32_t>(names->size());
  *names += name + '\0';
  return at;
}

}  // namespace

Bytes MadeElf::make() const {
  std::string names(1, '\0');
  Bytes table(sizeof(Elf64_Sym));
  for (const MadeSymbol& symbol : symbols) {
    put(&table, Elf64_Sym{put_name(&names, symbol.name),
                          static_cast<unsigned char>(ELF64_ST_INFO(STB_GLOBAL, symbol.type)), 0,
                          static_cast<Elf64_Section>(symbol.section), symbol.value, symbol.bytes});
  }
  Bytes body;
  std::string section_names(1, '\0');
  std::vector<Elf64_Shdr> headers(1, Elf64_Shdr{});
  const auto add = [&](const char* name, unsigned kind, const void* bytes, std::size_t count,
                       std::uint64_t address, unsigned link) {
    Elf64_Shdr header{};
    header.sh_name = put_name(&section_names, name);
    header.sh_type = kind;
    header.sh_addr = address;
    header.sh_offset = sizeof(Elf64_Ehdr) + body.size();
    header.sh_size = count;
    header.sh_link = link;
    const auto* first = static_cast<const std::uint8_t*>(bytes);
    body.insert(body.end(), first, first + count);
    headers.push_back(header);
  };
  add(".text", SHT_PROGBITS, text.data(), text.size(), text_address, 0);
  add(".symtab", table_type, table.data(), table.size(), 0, 3);
  add(".strtab", SHT_STRTAB, names.data(), names.size(), 0, 0);
  const std::string all_names = section_names + ".shstrtab" + '\0';
  add(".shstrtab", SHT_STRTAB, all_names.data(), all_names.size(), 0, 0);

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = static_cast<Elf64_Half>(type);
  header.e_machine = static_cast<Elf64_Half>(machine);
  header.e_shoff = sizeof(header) + body.size();
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<Elf64_Half>(headers.size());
  header.e_shstrndx = 4;
  Bytes image;
  put(&image, header);
  image.insert(image.end(), body.begin(), body.end());
  for (const Elf64_Shdr& section : headers) put(&image, section);
  return image;
}

}  // namespace romdelta::pkgtool
