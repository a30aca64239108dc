#include "installer/journal.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>

#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

// NOR with several records an erase block, NAND with one record a page, a disk that overwrites.
struct Geometry {
  const char* name;
  FlashGeometry flash;
  std::uint64_t region_bytes;
  std::uint64_t stride_bytes;
  friend void PrintTo(const Geometry& geometry, std::ostream* out) { *out << geometry.name; }
};
constexpr Geometry kGeometries[] = {
    {"nor", {256, 16, true}, 512, 64},         {"byte_programmable", {128, 1, true}, 256, 64},
    {"nand", {8192, 2048, true}, 16384, 2048}, {"one_record_a_half", {64, 64, true}, 128, 64},
    {"disk", {512, 512, false}, 4096, 512},
};

class JournalTest : public ::testing::TestWithParam<Geometry> {
 protected:
  FlashRegion region() { return {&counted_, 0, memory_.size()}; }
  std::uint64_t half_bytes() const { return GetParam().region_bytes / 2; }
  std::uint64_t records_in_half() const { return half_bytes() / GetParam().stride_bytes; }

  // As after a restart.
  Journal opened() {
    Journal journal;
    EXPECT_EQ(journal.open(region(), buffer_), Status::ok);
    return journal;
  }
  std::optional<std::uint32_t> newest_chunk() {
    const Journal journal = opened();
    return journal.has_record() ? std::optional(journal.newest().next) : std::nullopt;
  }
  static Status append(Journal* journal, std::uint32_t chunk) {
    JournalRecord record;
    record.kind = JournalKind::checkpoint;
    record.next = chunk;
    return journal->append(record);
  }
  static Status append_step(Journal* journal, std::uint32_t step) {
    JournalRecord record;
    record.kind = JournalKind::step;
    record.layout = Layout::in_place;
    record.next = step;
    return journal->append(record);
  }
  // The sequence number at a place, 0 when there is no record.
  std::uint64_t sequence_at(unsigned half, std::uint64_t number) {
    JournalRecord record;
    return parse_journal_record(record_at(half, number), &record) == Status::ok ? record.sequence
                                                                                : 0;
  }
  bool has_pairs() const { return records_in_half() >= 2; }
  MutableByteSpan record_at(unsigned half, std::uint64_t number) {
    return MutableByteSpan(memory_).subspan(half * half_bytes() + number * GetParam().stride_bytes,
                                            JournalRecord::bytes);
  }
  void write_record(unsigned half, std::uint64_t number, std::uint64_t sequence,
                    std::uint32_t chunk) {
    JournalRecord record;
    record.kind = JournalKind::checkpoint;
    record.sequence = sequence;
    record.next = chunk;
    ByteWriter writer(record_at(half, number));
    encode_journal_record(record, &writer);
  }

  Bytes memory_ = Bytes(GetParam().region_bytes, 0xff);
  RamFlash flash_{memory_, GetParam().flash};
  FaultPlan plan_;
  FaultyFlash counted_{&flash_, &plan_};
  Bytes buffer_ = Bytes(limits::record_buffer_bytes);
};

TEST_P(JournalTest, HasNoRecordInBlankOrForeignBytes) {
  EXPECT_EQ(newest_chunk(), std::nullopt);
  std::fill(memory_.begin(), memory_.end(), std::uint8_t{0});
  EXPECT_EQ(newest_chunk(), std::nullopt);
  EXPECT_EQ(opened().newest().sequence, 0u);
}

TEST_P(JournalTest, FindsTheNewestOfManyRecordsAfterEachRestart) {
  Journal journal = opened();
  for (std::uint32_t chunk = 1; chunk <= 40; ++chunk) {
    ASSERT_EQ(append(&journal, chunk), Status::ok);
    ASSERT_EQ(newest_chunk(), chunk);
    ASSERT_EQ(journal.newest().sequence, chunk);
  }
}

TEST_P(JournalTest, KeepsCountingWhenEveryRecordIsWrittenAfterARestart) {
  for (std::uint32_t chunk = 1; chunk <= 20; ++chunk) {
    Journal journal = opened();
    ASSERT_EQ(append(&journal, chunk), Status::ok);
    ASSERT_EQ(newest_chunk(), chunk);
  }
  // One number is left out each time: a record that cannot be read now may have it.
  EXPECT_EQ(opened().newest().sequence, 39u);
}

TEST_P(JournalTest, FallsBackToTheRecordBeforeATornOne) {
  Journal journal = opened();
  ASSERT_EQ(append(&journal, 1), Status::ok);
  ASSERT_EQ(append(&journal, 2), Status::ok);
  const bool same_half = records_in_half() > 1;
  const MutableByteSpan torn = same_half ? record_at(0, 1) : record_at(1, 0);
  std::fill(torn.begin() + 20, torn.end(), std::uint8_t{0xff});
  EXPECT_EQ(newest_chunk(), 1u);
  Journal next = opened();
  ASSERT_EQ(append(&next, 3), Status::ok);
  EXPECT_EQ(newest_chunk(), 3u);
}

TEST_P(JournalTest, NeverWritesIntoTheHalfOfTheNewestRecordFirst) {
  Journal journal = opened();
  ASSERT_EQ(append(&journal, 1), Status::ok);
  const Bytes before(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(half_bytes()));
  Journal next = opened();
  ASSERT_EQ(append(&next, 2), Status::ok);
  const Bytes after(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(half_bytes()));
  EXPECT_EQ(before, after);
}

TEST_P(JournalTest, ChangesHalvesWhenOneIsFull) {
  Journal journal = opened();
  for (std::uint32_t i = 0; i <= records_in_half(); ++i) {
    ASSERT_EQ(append(&journal, i + 1), Status::ok);
  }
  JournalRecord record;
  ASSERT_EQ(parse_journal_record(record_at(1, 0), &record), Status::ok);
  EXPECT_EQ(record.next, records_in_half() + 1);
}

TEST_P(JournalTest, SyncsEveryRecord) {
  Journal journal = opened();
  for (std::uint32_t i = 1; i <= 5; ++i) {
    ASSERT_EQ(append(&journal, i), Status::ok);
    EXPECT_EQ(plan_.count(FlashOperation::sync), i);
  }
}

TEST_P(JournalTest, KeepsTheNewestRecordWhateverOperationFails) {
  for (const auto effect :
       {FaultPlan::Effect::none, FaultPlan::Effect::half, FaultPlan::Effect::all}) {
    for (std::uint64_t fail_at = 0;; ++fail_at) {
      plan_.reset();
      std::fill(memory_.begin(), memory_.end(), std::uint8_t{0xff});
      Journal journal = opened();
      ASSERT_EQ(append(&journal, 1), Status::ok);
      plan_.reset();
      Journal next = opened();
      const std::uint64_t reads = plan_.total();
      plan_.fail_at = reads + fail_at;
      plan_.effect = effect;
      const Status status = append(&next, 2);
      if (!plan_.fired) break;
      EXPECT_NE(status, Status::ok);
      plan_.reset();
      // Trying again without opening again could erase it.
      EXPECT_EQ(append(&next, 3), Status::out_of_order);
      EXPECT_TRUE(newest_chunk() == 1u || newest_chunk() == 2u) << fail_at;
    }
  }
}

TEST_P(JournalTest, PassesOnFailedReads) {
  plan_.fail_at = records_in_half();
  Journal journal;
  EXPECT_EQ(journal.open(region(), buffer_), Status::flash_read_failed);
}

TEST_P(JournalTest, IgnoresSequenceNumbersThatNoDeviceReaches) {
  write_record(0, 0, 5, 50);
  write_record(1, 0, limits::record_sequence_max + 1, 99);
  EXPECT_EQ(newest_chunk(), 50u);
}

TEST_P(JournalTest, OutlivesAForgedRecordWithTheLargestSequence) {
  for (const unsigned below : {0u, 1u, 2u}) {
    std::fill(memory_.begin(), memory_.end(), std::uint8_t{0xff});
    write_record(0, 0, limits::record_sequence_max - below, 99);
    for (std::uint32_t chunk = 1; chunk <= 4; ++chunk) {
      Journal journal = opened();
      ASSERT_EQ(append(&journal, chunk), Status::ok);
      ASSERT_EQ(newest_chunk(), chunk) << below;
    }
  }
}

TEST_P(JournalTest, RefusesRecordsInPlaceWhereAHalfHasOnePlace) {
  Journal journal = opened();
  EXPECT_EQ(journal.can_hold_in_place(), has_pairs());
  EXPECT_EQ(append_step(&journal, 1), has_pairs() ? Status::ok : Status::journal_too_small);
  // Nothing was written: the journal is still good for others.
  EXPECT_EQ(append(&journal, 1), Status::ok);
}

TEST_P(JournalTest, BeginsAHalfInPlaceWithTwoEqualRecords) {
  if (!has_pairs()) GTEST_SKIP();
  Journal journal = opened();
  for (std::uint32_t step = 0; step < records_in_half(); ++step) {
    ASSERT_EQ(append_step(&journal, step), Status::ok);
  }
  EXPECT_EQ(sequence_at(0, 0), 1u);
  EXPECT_EQ(sequence_at(0, 1), 2u);
  const std::uint64_t last = records_in_half();
  EXPECT_EQ(sequence_at(1, 0), last + 1);
  EXPECT_EQ(sequence_at(1, 1), last + 2);
  EXPECT_EQ(journal.newest().sequence, last + 2);
}

TEST_P(JournalTest, KeepsTheHalfOfTheNewestRecordInPlaceWhenItIsRepeated) {
  if (!has_pairs()) GTEST_SKIP();
  Journal journal = opened();
  ASSERT_EQ(append_step(&journal, 7), Status::ok);
  Journal next = opened();
  ASSERT_EQ(append_step(&next, 7), Status::ok);
  EXPECT_EQ(sequence_at(0, 1), 2u);
  EXPECT_EQ(sequence_at(1, 0), 4u);
  EXPECT_EQ(sequence_at(1, 1), 5u);
}

// Guards against erasing the only durable record: the one that is alone may be unstable.
TEST_P(JournalTest, BeginsTheHalfOfARecordInPlaceAgainThatIsAlone) {
  if (!has_pairs()) GTEST_SKIP();
  Journal journal = opened();
  ASSERT_EQ(append_step(&journal, 7), Status::ok);
  Journal cut = opened();
  ASSERT_EQ(append_step(&cut, 7), Status::ok);
  std::ranges::fill(record_at(1, 1), std::uint8_t{0xff});
  Journal next = opened();
  ASSERT_EQ(append_step(&next, 7), Status::ok);
  EXPECT_EQ(sequence_at(0, 1), 2u);
  EXPECT_EQ(sequence_at(1, 0), 6u);
  EXPECT_EQ(sequence_at(1, 1), 7u);
}

TEST_P(JournalTest, ForgetsTheRecordsOfOthersBeforeTheFirstInPlace) {
  if (!has_pairs()) GTEST_SKIP();
  write_record(0, 1, 40, 4);
  write_record(1, 1, 50, 5);
  Journal journal = opened();
  ASSERT_EQ(append_step(&journal, 0), Status::ok);
  EXPECT_EQ(sequence_at(0, 0), 1u);
  EXPECT_EQ(sequence_at(1, 1), 0u);
  EXPECT_EQ(opened().newest().sequence, 2u);
}

TEST_P(JournalTest, ForgetsWhatTheOtherHalfHidesWhenASessionGoesOnInPlace) {
  if (!has_pairs() || records_in_half() < 3) GTEST_SKIP();
  write_record(1, 1, 50, 5);
  Journal journal = opened();
  ASSERT_EQ(append(&journal, 6), Status::ok);
  const std::uint64_t first = sequence_at(0, 0);
  EXPECT_EQ(first, 52u);
  EXPECT_EQ(sequence_at(1, 1), 50u);
  ASSERT_EQ(append_step(&journal, 0), Status::ok);
  // Its own records stay: nothing that it did is forgotten.
  EXPECT_EQ(sequence_at(0, 0), first);
  EXPECT_EQ(sequence_at(0, 1), first + 1);
  EXPECT_EQ(sequence_at(1, 1), 0u);
  EXPECT_EQ(opened().newest().kind, JournalKind::step);
}

INSTANTIATE_TEST_SUITE_P(AllGeometries, JournalTest, ::testing::ValuesIn(kGeometries),
                         [](const auto& suite) { return std::string(suite.param.name); });

TEST_P(JournalTest, WritesTheFirstRecordInPlaceWhenTheOldOnesAreGoneForGood) {
  if (!has_pairs()) return;
  unsigned failed_syncs = 0;
  for (std::uint64_t fail_at = 0;; ++fail_at) {
    std::fill(memory_.begin(), memory_.end(), std::uint8_t{0xff});
    write_record(0, 0, 5, 1);
    write_record(1, 0, 6, 2);
    Journal journal = opened();
    plan_.reset();
    plan_.fail_at = fail_at;
    const Status status = append_step(&journal, 3);
    const bool was_sync = plan_.fired && plan_.fired_on == FlashOperation::sync;
    plan_.reset();
    if (status == Status::ok) break;
    // Those of both halves, then those of two records.
    if (!was_sync || ++failed_syncs > 2) continue;
    for (unsigned half = 0; half < 2; ++half) {
      for (std::uint64_t i = 0; i < records_in_half(); ++i) {
        JournalRecord record;
        const bool is_record = parse_journal_record(record_at(half, i), &record) == Status::ok;
        EXPECT_FALSE(is_record && record.layout == Layout::in_place) << fail_at;
      }
    }
  }
  EXPECT_EQ(failed_syncs, 4u);
}

TEST(Journal, NeedsTwoBlocksOfOneRecordEach) {
  Bytes buffer(limits::record_buffer_bytes);
  const auto open_with = [&](const FlashGeometry& geometry, std::size_t region_bytes) {
    Bytes memory(region_bytes, 0xff);
    RamFlash flash(memory, geometry);
    Journal journal;
    return journal.open({&flash, 0, region_bytes}, buffer);
  };
  EXPECT_EQ(open_with({256, 16, true}, 512), Status::ok);
  EXPECT_EQ(open_with({256, 16, true}, 256), Status::journal_too_small);
  EXPECT_EQ(open_with({256, 16, true}, 0), Status::journal_too_small);
  EXPECT_EQ(open_with({32, 16, true}, 64), Status::journal_too_small);
  EXPECT_EQ(open_with({32, 16, true}, 128), Status::ok);
  EXPECT_EQ(open_with({4096, 4096, true}, 8192), Status::ok);
  EXPECT_EQ(open_with({256, 16, true}, 500), Status::journal_too_small);
  Journal journal;
  EXPECT_EQ(journal.open({}, buffer), Status::journal_too_small);
}

}  // namespace
}  // namespace romdelta::test
