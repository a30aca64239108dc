#include "format/journal_record.h"

#include <gtest/gtest.h>

#include "format/limits.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

JournalRecord sample_record() {
  JournalRecord record;
  record.kind = JournalKind::checkpoint;
  record.target_slot = Slot::b;
  record.outcome = Status::cancelled;
  record.next = 0x01020304;
  record.sequence = 77;
  record.manifest_digest.value.fill(0x5a);
  return record;
}

Bytes encoded(const JournalRecord& record) {
  return written_by([&](ByteWriter* writer) { encode_journal_record(record, writer); });
}

JournalRecord sample_step() {
  JournalRecord record = sample_record();
  record.kind = JournalKind::step;
  record.layout = Layout::in_place;
  record.spill_sequence = 0x0a0b0c0d;
  return record;
}

// The status after one byte was changed and the checksum made right again, as a forger would.
Status parse_forged(std::size_t at, std::uint8_t value,
                    const JournalRecord& from = sample_record()) {
  Bytes bytes = encoded(from);
  bytes[at] = value;
  ByteWriter checksum(MutableByteSpan(bytes).last(8));
  checksum.u64(checksum_of(ByteSpan(bytes).first(56)).value);
  JournalRecord record;
  return parse_journal_record(bytes, &record);
}

TEST(JournalRecord, ReadsBackEveryValue) {
  const Bytes bytes = encoded(sample_record());
  ASSERT_EQ(bytes.size(), JournalRecord::bytes);
  JournalRecord record;
  ASSERT_EQ(parse_journal_record(bytes, &record), Status::ok);
  EXPECT_EQ(record.kind, JournalKind::checkpoint);
  EXPECT_EQ(record.target_slot, Slot::b);
  EXPECT_EQ(record.outcome, Status::cancelled);
  EXPECT_EQ(record.next, 0x01020304u);
  EXPECT_EQ(record.sequence, 77u);
  EXPECT_EQ(record.manifest_digest, sample_record().manifest_digest);
  EXPECT_EQ(encoded(record), bytes);
}

TEST(JournalRecord, ReadsBackAStepInPlace) {
  const Bytes bytes = encoded(sample_step());
  EXPECT_EQ(bytes[7], 1);
  EXPECT_EQ(bytes[52], 0x0d);
  JournalRecord record;
  ASSERT_EQ(parse_journal_record(bytes, &record), Status::ok);
  EXPECT_EQ(record.kind, JournalKind::step);
  EXPECT_EQ(record.layout, Layout::in_place);
  EXPECT_EQ(record.spill_sequence, 0x0a0b0c0du);
  EXPECT_EQ(encoded(record), bytes);
}

TEST(JournalRecord, KnowsStepsAndSpillInPlaceOnly) {
  EXPECT_EQ(parse_forged(4, 4), Status::no_record);  // A/B has no steps.
  EXPECT_EQ(parse_forged(7, 1), Status::ok);
  EXPECT_EQ(parse_forged(7, 2), Status::no_record);
  EXPECT_EQ(parse_forged(7, 0, sample_step()), Status::no_record);
  EXPECT_EQ(parse_forged(4, 2, sample_step()), Status::ok);
  for (const std::uint8_t kind : {std::uint8_t{1}, std::uint8_t{3}}) {  // Intent, done.
    EXPECT_EQ(parse_forged(4, kind, sample_step()), Status::no_record);
  }
}

TEST(JournalRecord, RefusesEveryChangedBit) {
  const Bytes bytes = encoded(sample_record());
  JournalRecord record;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    ASSERT_EQ(parse_journal_record(changed, &record), Status::no_record) << bit;
  }
  EXPECT_EQ(record.sequence, 0u);
}

TEST(JournalRecord, IsNotFoundInBlankOrZeroFlashOrAtAnotherLength) {
  JournalRecord record;
  EXPECT_EQ(parse_journal_record(Bytes(64, 0xff), &record), Status::no_record);
  EXPECT_EQ(parse_journal_record(Bytes(64, 0x00), &record), Status::no_record);
  Bytes bytes = encoded(sample_record());
  bytes.push_back(0);
  EXPECT_EQ(parse_journal_record(bytes, &record), Status::no_record);
  EXPECT_EQ(parse_journal_record(ByteSpan(bytes).first(63), &record), Status::no_record);
  EXPECT_EQ(parse_journal_record({}, &record), Status::no_record);
}

TEST(JournalRecord, KeepsItsRulesUnderAForgedChecksum) {
  EXPECT_EQ(parse_forged(4, 3), Status::ok);
  EXPECT_EQ(parse_forged(0, 0), Status::no_record);  // Magic.
  EXPECT_EQ(parse_forged(4, 0), Status::no_record);  // Kind.
  EXPECT_EQ(parse_forged(4, 6), Status::no_record);
  EXPECT_EQ(parse_forged(5, 2), Status::no_record);             // Slot.
  EXPECT_EQ(parse_forged(6, status_count), Status::no_record);  // Outcome.
  EXPECT_EQ(parse_forged(6, status_count - 1), Status::ok);
  EXPECT_EQ(parse_forged(52, 1), Status::no_record);  // Spill sequence.
  EXPECT_EQ(parse_forged(55, 1), Status::no_record);
}

TEST(JournalRecord, RefusesSequenceNumbersThatNoDeviceReaches) {
  JournalRecord record = sample_record();
  record.sequence = limits::record_sequence_max + 1;
  JournalRecord parsed;
  EXPECT_EQ(parse_journal_record(encoded(record), &parsed), Status::no_record);
  record.sequence = limits::record_sequence_max - 1;
  EXPECT_EQ(parse_journal_record(encoded(record), &parsed), Status::ok);
}

TEST(OtherSlot, IsTheOtherOne) {
  EXPECT_EQ(other_slot(Slot::a), Slot::b);
  EXPECT_EQ(other_slot(Slot::b), Slot::a);
}

TEST(JournalRecord, CommitsInPlaceOnly) {
  JournalRecord record = sample_step();
  record.kind = JournalKind::commit;
  record.spill_sequence = 0;
  JournalRecord parsed;
  ASSERT_EQ(parse_journal_record(encoded(record), &parsed), Status::ok);
  EXPECT_EQ(parsed.kind, JournalKind::commit);
  EXPECT_EQ(parsed.outcome, Status::cancelled);
  EXPECT_EQ(parsed.next, record.next);
  record.spill_sequence = 1;
  EXPECT_EQ(parse_journal_record(encoded(record), &parsed), Status::no_record);
  EXPECT_EQ(parse_forged(4, 5), Status::no_record);  // A/B.
}

}  // namespace
}  // namespace romdelta::test
