#include "pkgtool/image_layout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pkgtool/matcher.h"
#include "tests/support/linked_image.h"
#include "tests/unit/pkgtool/elf_maker.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

using test::link_image;
using test::LinkPlan;

std::optional<ImageLayouts> layouts_of(ByteSpan source, ByteSpan target) {
  return find_layouts(source, target, match_roughly(source, target));
}

TEST(ImageLayout, CountsAddressesFromTheBase) {
  const ImageLayout layout({{0x10, 0x20, 0x8000, 0x20}, {0x30, 0x10, 0x9000, 0x100}}, 0x7000);
  EXPECT_EQ(layout.address(0xf), std::nullopt);
  EXPECT_EQ(layout.address(0x10), 0x1000u);
  EXPECT_EQ(layout.address(0x2f), 0x101fu);
  EXPECT_EQ(layout.address(0x30), 0x2000u);
  EXPECT_EQ(layout.address(0x40), std::nullopt);
  EXPECT_EQ(layout.address(~std::uint64_t{0}), std::nullopt);
  EXPECT_EQ(layout.address_end(), 0x2100u);
  const std::vector<MapStep> expected = {
      {0x10, 0x1000}, {0x30, 0x2000}, {0x40, AddressMap::no_address}};
  EXPECT_EQ(layout.steps(), expected);
}

TEST(ImageLayout, FindsTheBaseOfARawImage) {
  for (const std::uint64_t base : {std::uint64_t{0x08000000}, std::uint64_t{0x40010000},
                                   std::uint64_t{0x80000000}, std::uint64_t{0xffffff8008080000}}) {
    LinkPlan plan;
    plan.base = base;
    const Bytes source = link_image(plan);
    plan.grown_words = {0, 4, 0, 9, 0, 0, 100};
    const Bytes target = link_image(plan);
    const auto layouts = layouts_of(source, target);
    ASSERT_TRUE(layouts) << base;
    // Of pointers of 8 bytes the lower halves are enough.
    EXPECT_EQ(layouts->base % (std::uint64_t{1} << 32), base % (std::uint64_t{1} << 32));
    EXPECT_EQ(layouts->source.address(0), 0u);
    EXPECT_EQ(layouts->source.address(source.size() - 1), source.size() - 1);
    EXPECT_EQ(layouts->source.address(source.size()), std::nullopt);
    EXPECT_EQ(layouts->target.address_end(), target.size());
  }
}

TEST(ImageLayout, TakesBase0OfAnImageWithoutPointers) {
  const Bytes source = make_image(20'000, 4);
  const auto layouts = layouts_of(source, revise(source, 21'000, 5));
  ASSERT_TRUE(layouts);
  EXPECT_EQ(layouts->base, 0u);
  EXPECT_TRUE(layouts_of({}, {}));
}

TEST(ImageLayout, IsWhatAnElfHeaderSays) {
  ElfPlan plan;
  plan.segments = {{0x400, 0x100, 0x08001400, 0x100}, {0x500, 0x80, 0x20000000, 0x1000}};
  plan.sections = {{".text", 0x400, 0x100, 0x08001400}, {".data", 0x500, 0x80, 0x20000000}};
  const Bytes source = make_elf(plan);
  plan.segments[1] = {0x540, 0x80, 0x20000100, 0x1000};
  plan.sections[1] = {".data", 0x540, 0x80, 0x20000100};
  const Bytes target = make_elf(plan);
  const auto layouts = layouts_of(source, target);
  ASSERT_TRUE(layouts);
  EXPECT_EQ(layouts->base, 0x08001000u);
  EXPECT_EQ(layouts->source.address(0x400), 0x400u);
  EXPECT_EQ(layouts->source.address(0x500), 0x20000000u - 0x08001000u);
  EXPECT_EQ(layouts->target.address(0x540), 0x20000100u - 0x08001000u);
  EXPECT_EQ(layouts->source.address(0x3ff), std::nullopt);
  const auto data = std::ranges::find(layouts->tables, std::uint64_t{0x500}, &Table::offset);
  ASSERT_NE(data, layouts->tables.end());
  EXPECT_EQ(data->end, 0x580u);
  EXPECT_EQ(data->source_address, 0x20000000u - 0x08001000u);
  EXPECT_EQ(data->target_address, 0x20000100u - 0x08001000u);
}

TEST(ImageLayout, HasNoneWhenAddressesDoNotFit) {
  ElfPlan plan;
  plan.segments = {{0x400, 0x100, 0x1000, 0x100}, {0x500, 0x80, 0x200000000, 0x80}};
  const Bytes source = make_elf(plan);
  EXPECT_FALSE(layouts_of(source, source));
}

TEST(ImageLayout, OfDamagedElfHeadersIsOneThatAMapCanHold) {
  ElfPlan plan;
  plan.segments = {{0x400, 0x100, 0x08001400, 0x100}, {0x500, 0x80, 0x20000000, 0x1000}};
  plan.sections = {{".text", 0x400, 0x100, 0x08001400}, {".data", 0x500, 0x80, 0x20000000}};
  const Bytes image = make_elf(plan);
  Random random = test::seeded_random();
  for (int run = 0; run < 1000; ++run) {
    Bytes damaged = image;
    for (int i = 0; i < 4; ++i) {
      damaged[test::pick(&random, 16, 0x3ff)] = static_cast<std::uint8_t>(random());
    }
    if (run % 4 == 0) damaged.resize(test::pick(&random, 1, damaged.size()));
    const auto layouts = layouts_of(damaged, image);
    if (!layouts) continue;
    const std::vector<MapStep> steps = layouts->source.steps();
    for (std::size_t i = 1; i < steps.size(); ++i) {
      ASSERT_LT(steps[i - 1].begin, steps[i].begin) << "run " << run;
    }
    for (std::size_t i = 0; i < layouts->tables.size(); ++i) {
      ASSERT_LE(layouts->tables[i].offset, layouts->tables[i].end);
      ASSERT_LE(layouts->tables[i].end, damaged.size());
    }
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
