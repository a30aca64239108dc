#include "installer/journal.h"

#include <algorithm>
#include <array>

#include "format/limits.h"

namespace romdelta {

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

Status Journal::scan_half(unsigned half) {
  std::array<std::uint8_t, JournalRecord::bytes> bytes;
  for (std::uint64_t at = 0; range_inside(at, stride_bytes_, half_bytes_); at += stride_bytes_) {
    Status status = region_.read(half_offset(half) + at, bytes);
    if (status != Status::ok) return status;
    JournalRecord record;
    status = parse_journal_record(bytes, &record);
    if (status != Status::ok) continue;
    if (has_record_ && record.sequence <= newest_.sequence) continue;
    has_record_ = true;
    newest_ = record;
    half_ = half;
  }
  return Status::ok;
}

Status Journal::append(JournalRecord record) {
  if (failed_) return Status::out_of_order;
  failed_ = true;
  if (newest_.sequence >= limits::record_sequence_max) {
    const Status status = forget();
    if (status != Status::ok) return status;
  }
  const bool is_full = !range_inside(cursor_, stride_bytes_, half_bytes_);
  if (!appended_ || is_full) {
    half_ = has_record_ ? 1 - half_ : 0;
    cursor_ = 0;
    const Status status = region_.erase(half_offset(half_), half_bytes_);
    if (status != Status::ok) return status;
  }
  record.sequence = newest_.sequence + 1;
  const MutableByteSpan unit = buffer_.first(static_cast<std::size_t>(stride_bytes_));
  std::ranges::fill(unit, std::uint8_t{0xff});
  ByteWriter writer(unit);
  encode_journal_record(record, &writer);
  Status status = region_.program(half_offset(half_) + cursor_, unit);
  if (status == Status::ok) status = region_.sync();
  if (status != Status::ok) return status;
  cursor_ += stride_bytes_;
  appended_ = true;
  failed_ = false;
  has_record_ = true;
  newest_ = record;
  return Status::ok;
}

// Only a forged record counts so far that the next one would not be read back. All are given up:
// they are hints.
Status Journal::forget() {
  const MutableByteSpan blank = buffer_.first(static_cast<std::size_t>(stride_bytes_));
  std::ranges::fill(blank, std::uint8_t{0xff});
  for (unsigned half = 0; half < 2; ++half) {
    Status status = region_.erase(half_offset(half), half_bytes_);
    // Storage that overwrites keeps what was there.
    const bool keeps = !region_.geometry().erase_before_program;
    for (std::uint64_t at = 0; keeps && range_inside(at, stride_bytes_, half_bytes_);
         at += stride_bytes_) {
      if (status == Status::ok) status = region_.program(half_offset(half) + at, blank);
    }
    if (status != Status::ok) return status;
  }
  has_record_ = false;
  appended_ = false;
  newest_ = {};
  return Status::ok;
}

}  // namespace romdelta
