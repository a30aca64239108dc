#include "pkgtool/elf.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/made_elf.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

class ElfSymbolsTest : public ::testing::Test {
 protected:
  ElfSymbolsTest() {
    elf_.text = make_image(1000, 1);
    elf_.symbols = {{"second", MadeElf::text_address + 600, 100},
                    {"first", MadeElf::text_address + 16, 40},
                    {"table", MadeElf::text_address + 800, 200, STT_OBJECT}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const Symbol& symbol : elf_symbols(elf_.make())) result.push_back(symbol.name);
    return result;
  }

  MadeElf elf_;
};

TEST_F(ElfSymbolsTest, SectionsAreWhereTheyAre) {
  const std::vector<Section> sections = elf_sections(elf_.make());
  ASSERT_EQ(sections.size(), 4u);
  EXPECT_EQ(sections[0].name, ".text");
  EXPECT_EQ(sections[0].offset, MadeElf::text_offset);
  EXPECT_EQ(sections[0].bytes, 1000u);
  EXPECT_EQ(sections[3].name, ".shstrtab");
}

TEST_F(ElfSymbolsTest, SymbolsComeInOrderWithTheirOffsets) {
  const std::vector<Symbol> symbols = elf_symbols(elf_.make());
  ASSERT_EQ(symbols.size(), 3u);
  EXPECT_EQ(symbols[0].name, "first");
  EXPECT_EQ(symbols[0].offset, MadeElf::text_offset + 16);
  EXPECT_EQ(symbols[0].bytes, 40u);
  EXPECT_EQ(symbols[2].name, "table");
}

TEST_F(ElfSymbolsTest, DynamicSymbolsWillDo) {
  elf_.table_type = SHT_DYNSYM;
  EXPECT_EQ(names().size(), 3u);
}

TEST_F(ElfSymbolsTest, SymbolsOfObjectFilesAreOffsets) {
  elf_.type = ET_REL;
  elf_.symbols = {{"here", 16, 40}};
  ASSERT_EQ(names().size(), 1u);
  EXPECT_EQ(elf_symbols(elf_.make())[0].offset, MadeElf::text_offset + 16);
}

TEST_F(ElfSymbolsTest, TheThumbBitIsNoPartOfTheAddress) {
  elf_.machine = EM_ARM;
  elf_.symbols = {{"thumb", MadeElf::text_address + 17, 40}};
  ASSERT_EQ(names().size(), 1u);
  EXPECT_EQ(elf_symbols(elf_.make())[0].offset, MadeElf::text_offset + 16);
}

TEST_F(ElfSymbolsTest, SymbolsOutsideOfTheirSectionAreLeftOut) {
  elf_.symbols = {{"before", MadeElf::text_address - 4, 8},
                  {"beyond", MadeElf::text_address + 990, 11},
                  {"far", ~std::uint64_t{0}, 8},
                  {"huge", MadeElf::text_address, ~std::uint64_t{0}},
                  {"empty", MadeElf::text_address, 0},
                  {"elsewhere", MadeElf::text_address, 8, STT_FUNC, 900},
                  {"file", MadeElf::text_address, 8, STT_FILE},
                  {"good", MadeElf::text_address + 990, 10}};
  EXPECT_EQ(names(), std::vector<std::string>{"good"});
}

TEST_F(ElfSymbolsTest, LongNamesAreCut) {
  elf_.symbols = {{std::string(100'000, 'x'), MadeElf::text_address, 8}};
  ASSERT_EQ(names().size(), 1u);
  EXPECT_LT(names()[0].size(), 300u);
}

TEST_F(ElfSymbolsTest, DamageIsHarmless) {
  const Bytes good = elf_.make();
  EXPECT_TRUE(elf_symbols(Bytes(good.begin(), good.begin() + 63)).empty());
  Random random = test::seeded_random();
  for (int round = 0; round < 3000; ++round) {
    Bytes bad = good;
    for (std::uint64_t i = test::pick(&random, 1, 4); i != 0; --i) {
      // Headers and tables; code is not read.
      const std::uint64_t at = test::pick(&random, 0, bad.size() - 1000 - 1);
      bad[at < 64 ? at : at + 1000] = static_cast<std::uint8_t>(random());
    }
    bad.resize(test::pick(&random, 0, 3) == 0 ? test::pick(&random, 0, bad.size()) : bad.size());
    for (const Symbol& symbol : elf_symbols(bad)) {
      ASSERT_TRUE(range_inside(symbol.offset, symbol.bytes, bad.size()));
    }
    for (const Section& section : elf_sections(bad)) {
      ASSERT_TRUE(range_inside(section.offset, section.bytes, bad.size()));
    }
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
