// MadeElf: small ELF files with a section of code and symbols in it.
#pragma once

#include <elf.h>

#include <string>
#include <vector>

#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

struct MadeSymbol {
  std::string name;
  std::uint64_t value = 0;  // An address, or an offset in .text for ET_REL.
  std::uint64_t bytes = 0;
  unsigned type = STT_FUNC;
  unsigned section = 1;  // .text
};

struct MadeElf {
  static constexpr std::uint64_t text_address = 0x10000;
  static constexpr std::uint64_t text_offset = sizeof(Elf64_Ehdr);

  Bytes text;
  std::vector<MadeSymbol> symbols;
  unsigned type = ET_DYN;
  unsigned machine = EM_AARCH64;
  unsigned table_type = SHT_SYMTAB;

  // .text, .symtab, .strtab and .shstrtab, and then the section headers.
  Bytes make() const;
};

}  // namespace romdelta::pkgtool
