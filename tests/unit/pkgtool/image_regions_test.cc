#include "pkgtool/image_regions.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/made_elf.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

// Ascending, without gap or overlap, from `begin` to `end`.
void expect_cover(const std::vector<Region>& regions, std::uint64_t begin, std::uint64_t end) {
  for (const Region& region : regions) {
    ASSERT_EQ(region.begin, begin);
    ASSERT_GT(region.bytes, 0u);
    begin = region.end();
    if (!region.symbols.empty()) expect_cover(region.symbols, region.begin, region.end());
  }
  ASSERT_EQ(begin, end);
}

TEST(ImageRegions, RawImagesHaveRangesOfEqualSize) {
  for (const std::size_t bytes : {1u, 1024u, 100'000u, 262'144u, 262'145u, 5'000'000u}) {
    const ImageRegions parts = image_regions(Bytes(bytes));
    EXPECT_FALSE(parts.are_sections);
    EXPECT_LE(parts.regions.size(), 256u);
    expect_cover(parts.regions, 0, bytes);
    EXPECT_EQ(parts.regions[0].name, "0x00000000");
  }
  EXPECT_EQ(image_regions(Bytes(262'145)).regions[1].name, "0x00000800");
}

TEST(ImageRegions, AnEmptyImageHasNone) { EXPECT_TRUE(image_regions({}).regions.empty()); }

TEST(ImageRegions, ElfFilesHaveSectionsAndSymbols) {
  MadeElf elf;
  elf.text = make_image(1000, 1);
  elf.symbols = {{"first", MadeElf::text_address + 16, 40},
                 {"again", MadeElf::text_address + 16, 40},
                 {"across", MadeElf::text_address + 40, 100},
                 {"b\x1b[2J\xff", MadeElf::text_address + 500, 10}};
  const Bytes image = elf.make();
  const ImageRegions parts = image_regions(image);
  EXPECT_TRUE(parts.are_sections);
  expect_cover(parts.regions, 0, image.size());
  ASSERT_EQ(parts.regions.size(), 6u);
  EXPECT_EQ(parts.regions[0].name, "(no section)");
  EXPECT_EQ(parts.regions[1].name, ".text");
  const std::vector<Region>& symbols = parts.regions[1].symbols;
  ASSERT_EQ(symbols.size(), 6u);
  EXPECT_EQ(symbols[0].name, "");
  EXPECT_EQ(symbols[1].name, "first");
  EXPECT_EQ(symbols[2].name, "across");
  EXPECT_EQ(symbols[2].begin, MadeElf::text_offset + 56);
  EXPECT_EQ(symbols[3].name, "(after across)");
  EXPECT_EQ(symbols[4].name, "b?[2J?");
}

TEST(ImageRegions, DamagedElfFilesAreCoveredAllTheSame) {
  MadeElf elf;
  elf.text = make_image(300, 1);
  elf.symbols = {{"first", MadeElf::text_address + 16, 40},
                 {"second", MadeElf::text_address + 100, 50}};
  const Bytes good = elf.make();
  Random random = test::seeded_random();
  for (int round = 0; round < 2000; ++round) {
    Bytes bad = good;
    for (int i = 0; i < 3; ++i) {
      bad[test::pick(&random, 4, bad.size() - 1)] = static_cast<std::uint8_t>(random());
    }
    expect_cover(image_regions(bad).regions, 0, bad.size());
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
