#include "installer/flash_writer.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kRegionBytes = 16384;

// A region full of old bytes, and a writer over it.
class Bench {
 public:
  Bench(const FlashGeometry& geometry, std::size_t buffer_bytes, std::uint64_t offset = 0)
      : flash(memory, geometry),
        counted(&flash, &plan),
        buffer(buffer_bytes),
        writer({&counted, 0, memory.size()}, offset, buffer, best_kernels()) {}

  Bytes memory = Bytes(kRegionBytes, 0x77);
  RamFlash flash;
  FaultPlan plan;
  FaultyFlash counted;
  Bytes buffer;
  FlashWriter writer;
};

Bytes first(const Bytes& bytes, std::size_t count) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST(FlashWriter, WritesTheSameBytesWithEveryUnitAndEveryPiece) {
  for (const std::uint32_t unit : {1u, 2u, 8u, 16u, 256u, 512u, 1024u, 2048u, 4096u}) {
    for (const bool erase : {false, true}) {
      for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{5000}}) {
        Bench bench({4096, unit, erase}, 4096);
        const Bytes image = make_image(9001, unit);
        for (std::size_t at = 0; at < image.size(); at += piece) {
          const std::size_t count = std::min(piece, image.size() - at);
          ASSERT_EQ(bench.writer.append(ByteSpan(image).subspan(at, count)), Status::ok);
          ASSERT_EQ(bench.writer.offset(), at + count);
        }
        ASSERT_EQ(bench.writer.flush(), Status::ok);
        ASSERT_EQ(first(bench.memory, image.size()), image) << unit << " " << erase;
        EXPECT_EQ(bench.plan.count(FlashOperation::sync), 1u);
      }
    }
  }
}

TEST(FlashWriter, FillsTheLastUnitAndLeavesTheRestAlone) {
  Bench bench({1024, 64, false}, 1024);
  ASSERT_EQ(bench.writer.append(Bytes(70, 1)), Status::ok);
  ASSERT_EQ(bench.writer.flush(), Status::ok);
  EXPECT_EQ(first(bench.memory, 129), concat({Bytes(70, 1), Bytes(58, 0xff), Bytes(1, 0x77)}));
  EXPECT_EQ(bench.flash.programmed_bytes(), 128u);
}

TEST(FlashWriter, ErasesOnlyTheBlocksThatItReaches) {
  Bench bench({1024, 64, true}, 2048, 1024);
  ASSERT_EQ(bench.writer.append(Bytes(1025, 1)), Status::ok);
  EXPECT_EQ(bench.flash.erased_blocks(), 0u);
  ASSERT_EQ(bench.writer.flush(), Status::ok);
  EXPECT_EQ(bench.flash.erased_blocks(), 2u);
  EXPECT_EQ(bench.memory[1023], 0x77u);
  EXPECT_EQ(bench.memory[3071], 0xffu);
  EXPECT_EQ(bench.memory[3072], 0x77u);
}

TEST(FlashWriter, ErasesTheBlockOfASingleByte) {
  Bench bench({1024, 1, true}, 1024);
  ASSERT_EQ(bench.writer.append(Bytes(1025, 1)), Status::ok);
  ASSERT_EQ(bench.writer.flush(), Status::ok);
  EXPECT_EQ(bench.flash.erased_blocks(), 2u);
  EXPECT_EQ(first(bench.memory, 1026), concat({Bytes(1025, 1), Bytes(1, 0xff)}));
}

TEST(FlashWriter, ErasesABlockOnceWhenItTakesSeveralBuffers) {
  Bench bench({4096, 64, true}, 1024);
  ASSERT_EQ(bench.writer.append(Bytes(8192, 1)), Status::ok);
  EXPECT_TRUE(bench.writer.is_flushed());
  EXPECT_EQ(bench.flash.erased_blocks(), 2u);
  EXPECT_EQ(first(bench.memory, 8192), Bytes(8192, 1));
}

TEST(FlashWriter, DoesNotProgramWhatIsErasedAnyway) {
  Bench bench({1024, 64, true}, 1024);
  ASSERT_EQ(bench.writer.append(Bytes(2048, 0xff)), Status::ok);
  EXPECT_EQ(bench.plan.count(FlashOperation::program), 0u);
  EXPECT_EQ(bench.flash.erased_blocks(), 2u);
  EXPECT_EQ(first(bench.memory, 2048), Bytes(2048, 0xff));
}

TEST(FlashWriter, ProgramsBlankBytesWhereNothingErases) {
  Bench bench({1024, 64, false}, 1024);
  ASSERT_EQ(bench.writer.append(Bytes(1024, 0xff)), Status::ok);
  EXPECT_EQ(first(bench.memory, 1024), Bytes(1024, 0xff));
}

TEST(FlashWriter, ProgramsAsSoonAsItsBufferIsFull) {
  Bench bench({1024, 64, true}, 1024);
  const MutableByteSpan room = bench.writer.room();
  ASSERT_EQ(room.size(), 1024u);
  std::fill(room.begin(), room.end(), std::uint8_t{5});
  ASSERT_EQ(bench.writer.advance(1023), Status::ok);
  EXPECT_FALSE(bench.writer.is_flushed());
  EXPECT_EQ(bench.writer.room().size(), 1u);
  ASSERT_EQ(bench.writer.advance(1), Status::ok);
  EXPECT_TRUE(bench.writer.is_flushed());
  EXPECT_EQ(bench.writer.room().size(), 1024u);
  EXPECT_EQ(first(bench.memory, 1024), Bytes(1024, 5));
}

TEST(FlashWriter, OnlySyncsWhenNothingWaits) {
  Bench bench({1024, 64, true}, 1024);
  ASSERT_EQ(bench.writer.flush(), Status::ok);
  EXPECT_EQ(bench.plan.total(), 1u);
  EXPECT_EQ(bench.plan.count(FlashOperation::sync), 1u);
}

TEST(FlashWriter, TellsItsObserverWhereItIs) {
  Bench bench({1024, 64, true}, 1024);
  std::vector<std::uint64_t> offsets;
  const auto observe = [](void* context, std::uint64_t offset) {
    static_cast<std::vector<std::uint64_t>*>(context)->push_back(offset);
    return Status::ok;
  };
  bench.writer.set_observer(observe, &offsets);
  ASSERT_EQ(bench.writer.append(Bytes(2500, 1)), Status::ok);
  ASSERT_EQ(bench.writer.flush(), Status::ok);
  EXPECT_EQ(offsets, (std::vector<std::uint64_t>{1024, 2048, 2500}));
}

TEST(FlashWriter, EndsWithItsObserversFailure) {
  Bench bench({1024, 64, true}, 1024);
  bench.writer.set_observer([](void*, std::uint64_t) { return Status::cancelled; }, nullptr);
  EXPECT_EQ(bench.writer.append(Bytes(1024, 1)), Status::cancelled);
}

TEST(FlashWriter, PassesOnEveryFlashFailure) {
  const Status expected[] = {Status::flash_erase_failed, Status::flash_program_failed,
                             Status::flash_erase_failed, Status::flash_program_failed,
                             Status::flash_sync_failed};
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    Bench bench({1024, 64, true}, 1024);
    bench.plan.fail_at = i;
    Status status = bench.writer.append(Bytes(1100, 1));
    if (status == Status::ok) status = bench.writer.flush();
    EXPECT_EQ(status, expected[i]) << i;
  }
}

TEST(FlashWriter, StopsAtTheEndOfItsRegion) {
  Bench bench({1024, 64, true}, 1024, kRegionBytes - 1024);
  ASSERT_EQ(bench.writer.append(Bytes(1024, 1)), Status::ok);
  EXPECT_EQ(bench.writer.append(Bytes(1024, 1)), Status::flash_erase_failed);
}

}  // namespace
}  // namespace romdelta::test
