#include "pkgtool/elf.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/elf_maker.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

ElfPlan sample_plan(bool is_64) {
  ElfPlan plan;
  plan.is_64 = is_64;
  plan.image_bytes = 0x800;
  plan.segments = {{0x400, 0x100, 0x08000400, 0x100}, {0x500, 0x80, 0x20000000, 0x1000}};
  plan.sections = {{".text", 0x400, 0x100, 0x08000400}, {".data", 0x500, 0x80, 0x20000000}};
  return plan;
}

void expect_segment(const Segment& one, const Segment& two) {
  EXPECT_EQ(one.offset, two.offset);
  EXPECT_EQ(one.bytes, two.bytes);
  EXPECT_EQ(one.address, two.address);
  EXPECT_EQ(one.memory_bytes, two.memory_bytes);
}

// Whatever the headers say, what is returned lies inside the image, in order and not overlapping.
void expect_inside(ByteSpan image) {
  std::uint64_t end = 0;
  for (const Segment& segment : elf_segments(image)) {
    EXPECT_GE(segment.offset, end);
    EXPECT_NE(segment.bytes, 0u);
    ASSERT_LE(segment.offset, image.size());
    ASSERT_LE(segment.bytes, image.size() - segment.offset);
    EXPECT_GE(segment.memory_bytes, segment.bytes);
    end = segment.offset + segment.bytes;
  }
  std::uint64_t offset = 0;
  for (const Section& section : elf_sections(image)) {
    EXPECT_GE(section.offset, offset);
    ASSERT_LE(section.offset, image.size());
    ASSERT_LE(section.bytes, image.size() - section.offset);
    offset = section.offset;
  }
}

class Elf : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Classes, Elf, ::testing::Bool());

TEST_P(Elf, TellsItsSegmentsAndSections) {
  const ElfPlan plan = sample_plan(GetParam());
  const Bytes image = make_elf(plan);
  const auto segments = elf_segments(image);
  ASSERT_EQ(segments.size(), 2u);
  expect_segment(segments[0], plan.segments[0]);
  expect_segment(segments[1], plan.segments[1]);
  const auto sections = elf_sections(image);
  ASSERT_GE(sections.size(), 2u);
  bool has_text = false;
  for (const Section& section : sections) {
    if (section.name != ".text") continue;
    has_text = true;
    EXPECT_EQ(section.offset, 0x400u);
    EXPECT_EQ(section.bytes, 0x100u);
    EXPECT_EQ(section.address, 0x08000400u);
  }
  EXPECT_TRUE(has_text);
}

TEST_P(Elf, PutsSegmentsInOrderAndApart) {
  ElfPlan plan = sample_plan(GetParam());
  plan.segments = {
      {0x500, 0x80, 0x3000, 0x80}, {0x400, 0x180, 0x1000, 0x180}, {0x600, 0, 0x9000, 0x100}};
  const auto segments = elf_segments(make_elf(plan));
  ASSERT_EQ(segments.size(), 2u);
  expect_segment(segments[0], {0x400, 0x100, 0x1000, 0x180});
  expect_segment(segments[1], {0x500, 0x80, 0x3000, 0x80});
}

TEST_P(Elf, LeavesOutWhatLiesBehindTheImage) {
  for (const Segment& bad :
       {Segment{0x700, 0x101, 0, 0x101}, Segment{0x801, 1, 0, 1}, Segment{0x7fffffff, 1, 0, 1},
        Segment{0xffffff00, 0x100, 0, 0x100}, Segment{0, 0xffffffff, 0, 0xffffffff}}) {
    ElfPlan plan = sample_plan(GetParam());
    plan.segments = {bad};
    plan.sections = {{".bad", bad.offset, bad.bytes, 0}};
    const Bytes image = make_elf(plan);
    EXPECT_TRUE(elf_segments(image).empty()) << bad.offset;
    for (const Section& section : elf_sections(image)) EXPECT_NE(section.name, ".bad");
  }
}

TEST_P(Elf, IsNoneWhenTruncatedInItsHeader) {
  const Bytes image = make_elf(sample_plan(GetParam()));
  const std::size_t header = GetParam() ? 64 : 52;
  for (std::size_t count = 0; count < image.size(); ++count) {
    const ByteSpan front = ByteSpan(image).first(count);
    ASSERT_NO_FATAL_FAILURE(expect_inside(front)) << count;
    if (count < header) {
      EXPECT_TRUE(elf_segments(front).empty()) << count;
      EXPECT_TRUE(elf_sections(front).empty()) << count;
    }
  }
}

TEST_P(Elf, OfDamagedHeadersNamesNothingOutsideTheImage) {
  const Bytes image = make_elf(sample_plan(GetParam()));
  Random random = test::seeded_random();
  for (std::size_t i = 0; i < 0x400; ++i) {
    for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{0x7f}, std::uint8_t{0xff}}) {
      Bytes damaged = image;
      damaged[i] = value;
      ASSERT_NO_FATAL_FAILURE(expect_inside(damaged)) << i;
    }
  }
  for (int run = 0; run < 2000; ++run) {
    Bytes damaged = image;
    for (int i = 0; i < 8; ++i) {
      damaged[test::pick(&random, 16, 0x3ff)] = static_cast<std::uint8_t>(random());
    }
    ASSERT_NO_FATAL_FAILURE(expect_inside(damaged)) << "run " << run;
  }
}

TEST(Elf, IsNoneWhenItIsBigEndianOrSomethingElse) {
  Bytes image = make_elf(sample_plan(true));
  image[5] = 2;
  EXPECT_TRUE(elf_segments(image).empty());
  EXPECT_TRUE(elf_sections(image).empty());
  image[5] = 1;
  image[4] = 3;
  EXPECT_TRUE(elf_segments(image).empty());
  EXPECT_TRUE(elf_segments(make_image(5000, 1)).empty());
  EXPECT_TRUE(elf_segments({}).empty());
  EXPECT_TRUE(elf_sections({}).empty());
}

}  // namespace
}  // namespace romdelta::pkgtool
