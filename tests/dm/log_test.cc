// Records of the management object on flash, and cuts of power that leave units unstable.
#include "installer/dm/dm_log.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "tests/support/unstable_flash.h"

namespace romdelta::test {
namespace {

constexpr FlashGeometry kNor = {2048, 64, true};
constexpr FlashGeometry kLargeUnits = {4096, 4096, true};
constexpr FlashGeometry kDisk = {2048, 512, false};
constexpr std::uint64_t kBytes = 16 * 1024;

// A record that says `step`, of a size that varies.
DmRecord record_of(std::uint32_t step) {
  DmRecord record;
  record.last_number = step;
  record.object_count = step % 3;
  for (std::uint32_t i = 0; i < record.object_count; ++i) {
    const char id[] = {static_cast<char>('a' + i), 0};
    EXPECT_TRUE(record.objects[i].id.assign(id));
    EXPECT_TRUE(record.objects[i].download_url.assign(std::string(1 + step * 7 % 200, 'u')));
  }
  return record;
}

// A device that counts: each append says one more, and what an append or open has returned for is
// never forgotten.
class Counter {
 public:
  Counter(const FlashGeometry& geometry, Random* random) : flash(geometry, kBytes, random) {}

  // Starts, and appends `count` records or as many as there is power for.
  void run(std::uint32_t count) {
    flash.restart();
    if (writes_) flash.cut_after(*writes_);
    writes_.reset();
    DmLog log;
    const Status opened = log.open({&flash, 0, kBytes}, buffer_, &record_);
    if (flash.is_cut()) return;
    ASSERT_EQ(opened, Status::ok);
    std::uint32_t step = record_.last_number;
    ASSERT_TRUE(allowed_.contains(step)) << "step " << step << " is not what was durable";
    const DmRecord expected = record_of(step);
    ASSERT_EQ(record_.object_count, expected.object_count);
    for (std::uint32_t i = 0; i < record_.object_count; ++i) {
      ASSERT_EQ(record_.objects[i].download_url, expected.objects[i].download_url);
    }
    allowed_ = {step};
    for (std::uint32_t i = 0; i < count; ++i) {
      allowed_.insert(step + 1);
      if (log.append(record_of(step + 1)) != Status::ok) return;
      allowed_ = {++step};
    }
  }
  // As run(), with a cut after that many writes.
  void run_cut(std::uint32_t count, std::uint64_t writes) {
    writes_ = writes;
    run(count);
  }

  UnstableFlash flash;

 private:
  std::set<std::uint32_t> allowed_ = {0};
  std::optional<std::uint64_t> writes_;
  DmRecord record_;
  Bytes buffer_ = Bytes(limits::record_buffer_bytes);
};

class DmLogCutTest : public ::testing::TestWithParam<FlashGeometry> {
 protected:
  Random random_ = seeded_random();
};

TEST_P(DmLogCutTest, KeepsWhatWasDurableThroughAnyTwoCuts) {
  unsigned states = 0;
  for (std::uint64_t first = 0; first < 32; ++first) {
    for (std::uint64_t second = 0; second < 8; ++second) {
      for (int round = 0; round < 4; ++round, ++states) {
        Counter counter(GetParam(), &random_);
        counter.run(static_cast<std::uint32_t>(pick(&random_, 0, 24)));
        counter.run_cut(24, first);
        counter.run_cut(24, second);
        counter.run(9);
        counter.run(0);
        ASSERT_FALSE(HasFatalFailure()) << first << " " << second;
        ASSERT_EQ(counter.flash.violations, 0u) << first << " " << second;
      }
    }
  }
  std::printf("states after two cuts: %u\n", states);
}

TEST_P(DmLogCutTest, KeepsWhatWasDurableThroughManyPairsOfCuts) {
  for (int round = 0; round < 300; ++round) {
    Counter counter(GetParam(), &random_);
    for (int pair = 0; pair < 6; ++pair) {
      counter.run_cut(24, pick(&random_, 0, 32));
      counter.run_cut(24, pick(&random_, 0, 8));
      counter.run(static_cast<std::uint32_t>(pick(&random_, 0, 20)));
      ASSERT_FALSE(HasFatalFailure()) << round;
    }
    ASSERT_EQ(counter.flash.violations, 0u) << round;
  }
}

// A record that could not be read at one start and can at the next is older than what that start
// wrote.
TEST_P(DmLogCutTest, NeverTakesAHiddenRecordForTheNewest) {
  using Mood = UnstableFlash::Mood;
  for (std::uint64_t writes = 0; writes < 32; ++writes) {
    for (const auto& [first, second] :
         {std::pair(Mood::old, Mood::latest), std::pair(Mood::latest, Mood::old)}) {
      Counter counter(GetParam(), &random_);
      counter.run(5);
      counter.run_cut(24, writes);
      counter.flash.mood = first;
      counter.run(1);
      counter.flash.mood = second;
      counter.run(0);
      ASSERT_FALSE(HasFatalFailure()) << writes;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Geometries, DmLogCutTest, ::testing::Values(kNor, kLargeUnits, kDisk),
                         [](const auto& suite) {
                           return "unit_" + std::to_string(suite.param.program_unit_bytes) +
                                  "_of_" + std::to_string(suite.param.erase_block_bytes);
                         });

// Writes down in which order it is written and synced.
class RecordingFlash final : public Flash {
 public:
  explicit RecordingFlash(Flash* flash) : flash_(flash) {}
  FlashGeometry geometry() const override { return flash_->geometry(); }
  std::uint64_t size_bytes() const override { return flash_->size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    return flash_->read(offset, into);
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    done += 'e';
    return flash_->erase(offset, count);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    done += 'p';
    return flash_->program(offset, bytes);
  }
  Status sync() override {
    done += 's';
    return flash_->sync();
  }
  std::string done;

 private:
  Flash* flash_;
};

class DmLogTest : public ::testing::Test {
 protected:
  Status open() { return log.open({&flash, 0, kBytes}, buffer, &record); }
  Random random{1};
  UnstableFlash flash{kNor, kBytes, &random};
  Bytes buffer = Bytes(limits::record_buffer_bytes);
  DmLog log;
  DmRecord record;
};

TEST_F(DmLogTest, WritesEachRecordOnceAndOpensWithThreeWrites) {
  ASSERT_EQ(open(), Status::ok);
  EXPECT_EQ(flash.writes(), 3u);
  ASSERT_EQ(log.append(record_of(1)), Status::ok);
  EXPECT_EQ(flash.writes(), 4u);
}

// Storage may keep writes back, and in any order, until it is synced.
TEST_F(DmLogTest, SyncsBetweenTheTwinsAndBeforeItReturns) {
  RecordingFlash recording(&flash);
  const FlashRegion region(&recording, 0, kBytes);
  ASSERT_EQ(log.open(region, buffer, &record), Status::ok);
  EXPECT_EQ(recording.done, "espsps");
  recording.done.clear();
  ASSERT_EQ(log.append(record_of(1)), Status::ok);
  EXPECT_EQ(recording.done, "ps");
}

TEST_F(DmLogTest, IsEmptyWhenTheFlashIsBlankOrNoise) {
  ASSERT_EQ(open(), Status::ok);
  EXPECT_EQ(record.object_count, 0u);
  const Bytes noise = random_bytes(&random, kBytes);
  for (std::uint64_t at = 0; at < kBytes; at += kNor.erase_block_bytes) {
    ASSERT_EQ(flash.erase(at, kNor.erase_block_bytes), Status::ok);
  }
  ASSERT_EQ(flash.program(0, noise), Status::ok);
  ASSERT_EQ(open(), Status::ok);
  EXPECT_EQ(record.object_count, 0u);
  EXPECT_EQ(flash.violations, 0u);
}

TEST_F(DmLogTest, RefusesARecordThatDoesNotFitTwice) {
  ASSERT_EQ(open(), Status::ok);
  DmRecord large;
  large.object_count = 4;
  for (char i = 0; i < 4; ++i) {
    DmObject& object = large.objects[static_cast<std::size_t>(i)];
    ASSERT_TRUE(object.id.assign(std::string(1, static_cast<char>('a' + i))));
    ASSERT_TRUE(object.download_url.assign(std::string(1024, 'u')));
  }
  EXPECT_FALSE(log.fits(dm_record_bytes(large)));
  EXPECT_EQ(log.append(large), Status::inventory_full);
  EXPECT_EQ(log.append(record_of(1)), Status::ok) << "nothing was written";
}

TEST_F(DmLogTest, HasToBeOpenedAgainAfterAFailure) {
  ASSERT_EQ(open(), Status::ok);
  flash.cut_after(0);
  EXPECT_NE(log.append(record_of(1)), Status::ok);
  flash.restart();
  EXPECT_EQ(log.append(record_of(1)), Status::out_of_order);
  ASSERT_EQ(open(), Status::ok);
  EXPECT_EQ(log.append(record_of(1)), Status::ok);
}

// Only a forger gets so far.
TEST_F(DmLogTest, StartsAnewAfterTheLargestSequence) {
  std::array<std::uint8_t, 64> bytes;
  bytes.fill(0xff);
  DmRecordHeader header{0, limits::record_sequence_max, {}};
  header.checksum = begin_dm_checksum(header).finish();
  ByteWriter writer(bytes);
  encode_dm_header(header, &writer);
  for (const bool erases : {true, false}) {
    UnstableFlash forged({2048, 64, erases}, kBytes, &random);
    ASSERT_EQ(forged.program(8192, bytes), Status::ok);
    const FlashRegion region(&forged, 0, kBytes);
    ASSERT_EQ(log.open(region, buffer, &record), Status::ok);
    EXPECT_EQ(record.object_count, 0u);
    ASSERT_EQ(log.append(record_of(5)), Status::ok);
    ASSERT_EQ(log.open(region, buffer, &record), Status::ok);
    EXPECT_EQ(record.last_number, 5u);
  }
}

}  // namespace
}  // namespace romdelta::test
