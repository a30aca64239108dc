#include "installer/journal.h"

#include <algorithm>
#include <array>

#include "format/limits.h"

namespace romdelta {
namespace {

// A place that was being programmed or erased when power failed may read well only now and then.
constexpr int kReadsOfDoubtful = 32;

}  // namespace

Status Journal::open(const FlashRegion& region, MutableByteSpan buffer) {
  *this = Journal{};
  if (!region.is_usable()) return Status::journal_too_small;
  const FlashGeometry geometry = region.geometry();
  region_ = region;
  buffer_ = buffer;
  half_bytes_ = region.size_bytes() / 2 / geometry.erase_block_bytes * geometry.erase_block_bytes;
  stride_bytes_ = round_up(JournalRecord::bytes, geometry.program_unit_bytes);
  if (half_bytes_ < stride_bytes_ || stride_bytes_ > buffer.size()) {
    return Status::journal_too_small;
  }
  for (unsigned half = 0; half < 2; ++half) {
    const Status status = scan_half(half);
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

// Which half is begun next depends on whether the last record of a half is there: two sessions must
// not read it differently. So the place where the records of a session end is read many times.
Status Journal::scan_half(unsigned half) {
  std::uint64_t before = 0;
  bool may_end = true;
  for (std::uint64_t at = 0; range_inside(at, stride_bytes_, half_bytes_); at += stride_bytes_) {
    JournalRecord record;
    Status status = read_place(half_offset(half) + at, &record);
    if (may_end && (at == 0 || record.sequence <= before)) {
      for (int i = 1; status == Status::ok && i < kReadsOfDoubtful; ++i) {
        JournalRecord again;
        status = read_place(half_offset(half) + at, &again);
        if (again.sequence > record.sequence) record = again;
      }
      may_end = record.sequence > before;
    }
    if (status != Status::ok) return status;
    before = record.sequence;
    if (record.sequence == 0 || (has_record_ && record.sequence <= newest_.sequence)) continue;
    has_record_ = true;
    newest_ = record;
    half_ = half;
    newest_is_first_ = at == 0;
  }
  return Status::ok;
}

// Without a record there `record` keeps the sequence 0, which none has.
Status Journal::read_place(std::uint64_t offset, JournalRecord* record) const {
  std::array<std::uint8_t, JournalRecord::bytes> bytes;
  const Status status = region_.read(offset, bytes);
  if (status == Status::ok) (void)parse_journal_record(bytes, record);
  return status;
}

// Only a forged record counts so far that the next ones would not be read back. And what is there
// when the first record in place is written may hide records that a cut left unstable: they must
// not come back to outrank it. Both are given up: as long as nothing is pending in place, records
// are hints.
bool Journal::has_to_forget(const JournalRecord& record) const {
  // The next number may be newest + 2, its repetition one more.
  if (newest_.sequence > limits::record_sequence_max - 3) return true;
  return record.layout == Layout::in_place && !appended_ && newest_.layout != Layout::in_place;
}

// The half that holds the newest record also holds a durable one before it, and is kept - but for a
// record in place that is alone: it was about to be repeated when power failed, so nothing rests on
// it yet, and the durable one that says the same is in the other half.
unsigned Journal::next_half() const {
  if (!has_record_) return 0;
  const bool is_alone = newest_is_first_ && newest_.layout == Layout::in_place;
  return is_alone && !appended_ ? half_ : 1 - half_;
}

Status Journal::append(JournalRecord record) {
  const bool in_place = record.layout == Layout::in_place;
  if (failed_) return Status::out_of_order;
  if (in_place && !can_hold_in_place()) return Status::journal_too_small;
  failed_ = true;
  Status status = Status::ok;
  const bool forgets = has_to_forget(record);
  if (forgets) {
    status = wipe(1);
    has_record_ = appended_ = false;
    newest_ = {};
  }
  // The records of this session are durable; what the other half hides must not outrank this one.
  if (in_place && appended_ && newest_.layout != Layout::in_place) status = wipe(1 - half_);
  // After open() one record more than was found may be there, unreadable for now.
  record.sequence = newest_.sequence + (has_record_ && !appended_ ? 2 : 1);
  const bool begins = !appended_ || !range_inside(cursor_, stride_bytes_, half_bytes_);
  if (status == Status::ok && begins) status = begin_half(in_place || forgets);
  if (status == Status::ok) status = write(record);
  // Two of them: when one is torn, the other is durable, and nobody has to know which.
  if (status == Status::ok && begins && in_place) {
    ++record.sequence;
    status = write(record);
  }
  if (status != Status::ok) return status;
  appended_ = true;
  failed_ = false;
  has_record_ = true;
  newest_ = record;
  return Status::ok;
}

Status Journal::begin_half(bool is_wiped) {
  half_ = next_half();
  cursor_ = 0;
  return is_wiped ? wipe(half_) : region_.erase(half_offset(half_), half_bytes_);
}

// Leaves no old record, also where storage overwrites.
Status Journal::wipe(unsigned half) {
  Status status = region_.erase(half_offset(half), half_bytes_);
  const bool keeps = !region_.geometry().erase_before_program;
  const MutableByteSpan blank = buffer_.first(static_cast<std::size_t>(stride_bytes_));
  std::ranges::fill(blank, std::uint8_t{0xff});
  for (std::uint64_t at = 0; keeps && range_inside(at, stride_bytes_, half_bytes_);
       at += stride_bytes_) {
    if (status == Status::ok) status = region_.program(half_offset(half) + at, blank);
  }
  return status == Status::ok ? region_.sync() : status;
}

Status Journal::write(const JournalRecord& record) {
  const MutableByteSpan unit = buffer_.first(static_cast<std::size_t>(stride_bytes_));
  std::ranges::fill(unit, std::uint8_t{0xff});
  ByteWriter writer(unit);
  encode_journal_record(record, &writer);
  Status status = region_.program(half_offset(half_) + cursor_, unit);
  if (status == Status::ok) status = region_.sync();
  cursor_ += stride_bytes_;
  return status;
}

}  // namespace romdelta
