// FlashRegion and RamFlash.
#include <gtest/gtest.h>

#include "installer/port/flash_ram.h"
#include "tests/support/faulty_flash.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

constexpr FlashGeometry kNor = {256, 16, true};
constexpr FlashGeometry kDisk = {256, 16, false};

// Whether all of a flash of 1024 bytes is usable with this geometry.
bool is_usable(const FlashGeometry& geometry) {
  Bytes memory(1024);
  RamFlash flash(memory, geometry);
  return FlashRegion(&flash, 0, 1024).is_usable();
}

bool is_usable(const FlashGeometry& geometry, std::uint64_t offset, std::uint64_t size) {
  Bytes memory(1024);
  RamFlash flash(memory, geometry);
  return FlashRegion(&flash, offset, size).is_usable();
}

TEST(FlashRegion, IsNotPresentWithoutFlash) {
  EXPECT_FALSE(FlashRegion().present());
  EXPECT_FALSE(FlashRegion().is_usable());
}

TEST(FlashRegion, NeedsAGeometryWithinItsLimits) {
  EXPECT_TRUE(is_usable(kNor));
  EXPECT_FALSE(is_usable({0, 16, true}));
  EXPECT_FALSE(is_usable({256, 0, true}));
  EXPECT_FALSE(is_usable({256, 24, true}));
  EXPECT_FALSE(is_usable({8192, 8192, false}));
  EXPECT_FALSE(is_usable({16u << 20, 16, false}));
  EXPECT_TRUE(is_usable({8u << 20, 16, false}));
  EXPECT_TRUE(is_usable({4096, 4096, false}, 0, 0));
}

TEST(FlashRegion, BeginsAndEndsOnEraseBlocksWhereTheseCount) {
  EXPECT_TRUE(is_usable(kNor, 256, 512));
  EXPECT_FALSE(is_usable(kNor, 16, 512));
  EXPECT_FALSE(is_usable(kNor, 256, 528));
  EXPECT_TRUE(is_usable(kDisk, 16, 528));
  EXPECT_FALSE(is_usable(kDisk, 8, 512));
  EXPECT_FALSE(is_usable(kDisk, 16, 520));
}

TEST(FlashRegion, LiesInsideItsFlash) {
  EXPECT_TRUE(is_usable(kNor, 768, 256));
  EXPECT_FALSE(is_usable(kNor, 768, 512));
  EXPECT_FALSE(is_usable(kNor, 2048, 0));
  EXPECT_FALSE(is_usable(kNor, 256, std::uint64_t{0} - 256));
}

TEST(FlashRegion, KeepsEveryAccessInsideItself) {
  Bytes memory(1024, 0xff);
  RamFlash flash(memory, kNor);
  FaultPlan plan;
  FaultyFlash counted(&flash, &plan);
  const FlashRegion region(&counted, 256, 512);
  Bytes bytes(256);
  EXPECT_EQ(region.read(257, bytes), Status::flash_read_failed);
  EXPECT_EQ(region.read(~std::uint64_t{0}, bytes), Status::flash_read_failed);
  EXPECT_EQ(region.erase(512, 256), Status::flash_erase_failed);
  EXPECT_EQ(region.erase(0, std::uint64_t{0} - 256), Status::flash_erase_failed);
  EXPECT_EQ(region.program(272, bytes), Status::flash_program_failed);
  EXPECT_EQ(plan.total(), 0u);
}

TEST(FlashRegion, CountsFromItsOwnBeginning) {
  Bytes memory(1024, 0xff);
  RamFlash flash(memory, kNor);
  const FlashRegion region(&flash, 256, 512);
  ASSERT_EQ(region.program(16, Bytes(16, 0x42)), Status::ok);
  EXPECT_EQ(memory[271], 0xffu);
  EXPECT_EQ(memory[272], 0x42u);
  Bytes read(1);
  ASSERT_EQ(region.read(16, read), Status::ok);
  EXPECT_EQ(read[0], 0x42u);
  ASSERT_EQ(region.erase(0, 256), Status::ok);
  EXPECT_EQ(memory[272], 0xffu);
}

TEST(FlashRegion, NeverErasesStorageThatOverwrites) {
  Bytes memory(1024, 0x11);
  RamFlash flash(memory, kDisk);
  const FlashRegion region(&flash, 0, 1024);
  EXPECT_EQ(region.erase(0, 1024), Status::ok);
  EXPECT_EQ(flash.erased_blocks(), 0u);
  EXPECT_EQ(memory, Bytes(1024, 0x11));
}

TEST(FlashRegion, IsReadInPiecesThatFitTheWindow) {
  Bytes memory(1024);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::uint8_t>(i * 7);
  RamFlash flash(memory, kNor);
  const FlashRegion region(&flash, 256, 512);
  for (const std::size_t window_bytes : {1u, 3u, 16u, 299u, 300u, 301u}) {
    Bytes window(window_bytes);
    Bytes all;
    const auto take = [&](std::uint64_t at, ByteSpan piece) {
      EXPECT_EQ(at, all.size());
      EXPECT_LE(piece.size(), window_bytes);
      EXPECT_FALSE(piece.empty());
      all.insert(all.end(), piece.begin(), piece.end());
      return Status::ok;
    };
    EXPECT_EQ(region.read_pieces(5, 300, window, take), Status::ok);
    EXPECT_EQ(all, Bytes(memory.begin() + 261, memory.begin() + 561));
    all.clear();
    EXPECT_EQ(region.read_pieces(5, 0, window, take), Status::ok);
    EXPECT_TRUE(all.empty());
  }
}

TEST(FlashRegion, EndsReadingInPiecesWithTheFirstFailure) {
  Bytes memory(1024);
  RamFlash flash(memory, kNor);
  const FlashRegion region(&flash, 256, 512);
  Bytes window(100);
  int count = 0;
  const auto take = [&](std::uint64_t, ByteSpan) {
    return ++count == 3 ? Status::cancelled : Status::ok;
  };
  EXPECT_EQ(region.read_pieces(0, 512, window, take), Status::cancelled);
  EXPECT_EQ(count, 3);
  count = 10;
  EXPECT_EQ(region.read_pieces(0, 513, window, take), Status::flash_read_failed);
  EXPECT_EQ(count, 15);
}

TEST(RamFlash, ErasesWholeBlocksOnly) {
  Bytes memory(1024, 0);
  RamFlash flash(memory, kNor);
  EXPECT_EQ(flash.erase(16, 256), Status::flash_erase_failed);
  EXPECT_EQ(flash.erase(0, 16), Status::flash_erase_failed);
  EXPECT_EQ(flash.erase(1024, 256), Status::flash_erase_failed);
  EXPECT_EQ(memory, Bytes(1024, 0));
  EXPECT_EQ(flash.erase(256, 512), Status::ok);
  EXPECT_EQ(flash.erased_blocks(), 2u);
  EXPECT_EQ(memory[255], 0u);
  EXPECT_EQ(memory[256], 0xffu);
  EXPECT_EQ(memory[768], 0u);
}

TEST(RamFlash, ProgramsWholeErasedUnitsOnly) {
  Bytes memory(1024, 0xff);
  RamFlash flash(memory, kNor);
  EXPECT_EQ(flash.program(8, Bytes(16)), Status::flash_program_failed);
  EXPECT_EQ(flash.program(0, Bytes(8)), Status::flash_program_failed);
  EXPECT_EQ(flash.program(1024, Bytes(16)), Status::flash_program_failed);
  EXPECT_EQ(flash.program(16, Bytes(32, 7)), Status::ok);
  EXPECT_EQ(flash.program(32, Bytes(16, 7)), Status::flash_program_failed);
  EXPECT_EQ(flash.programmed_bytes(), 32u);
}

TEST(RamFlash, OverwritesWhereNoEraseIsNeeded) {
  Bytes memory(1024, 3);
  RamFlash flash(memory, kDisk);
  EXPECT_EQ(flash.program(0, Bytes(16, 7)), Status::ok);
  EXPECT_EQ(flash.program(0, Bytes(16, 8)), Status::ok);
  EXPECT_EQ(memory[15], 8u);
  EXPECT_EQ(memory[16], 3u);
  EXPECT_EQ(flash.sync(), Status::ok);
}

TEST(RamFlash, ReadsInsideItsMemoryOnly) {
  Bytes memory(1024, 3);
  RamFlash flash(memory, kNor);
  Bytes bytes(2);
  EXPECT_EQ(flash.read(1022, bytes), Status::ok);
  EXPECT_EQ(flash.read(1023, bytes), Status::flash_read_failed);
  EXPECT_EQ(flash.read(~std::uint64_t{0}, bytes), Status::flash_read_failed);
}

}  // namespace
}  // namespace romdelta::test
