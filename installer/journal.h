// Journal: how far an installation came, on flash. docs/format.md section 9.
//
// An append-only ring of two halves. For a package of layout A/B it is a hint: losing or forging
// any part of it costs time, never the device, because what it claims is checked against signed
// digests. For one in place it is what says which bytes still are the source's: there the newest
// durable record is found again whatever a cut of power does to what was being written
// (section 9.3).
#pragma once

#include <cstdint>

#include "format/journal_record.h"
#include "installer/port/flash.h"

namespace romdelta {

class Journal {
 public:
  // Reads both halves and finds the newest intact record. `buffer` (limits::record_buffer_bytes)
  // is used during each call and owned by the caller. journal_too_small or flash_read_failed.
  Status open(const FlashRegion& region, MutableByteSpan buffer);

  // False when no intact record was found; newest() is then a default record.
  bool has_record() const { return has_record_; }
  const JournalRecord& newest() const { return newest_; }

  // A half needs two places for records in place; append() refuses them otherwise.
  bool can_hold_in_place() const { return half_bytes_ / 2 >= stride_bytes_; }

  // Writes `record` (its sequence is set here) and syncs. The first append after open() begins a
  // half by erasing it: a unit that was being programmed when power failed is never trusted to be
  // blank. After a failure the journal has to be opened again: out_of_order. Requires, in place:
  // the first append after open() says the same as newest(), if that is pending. journal_too_small
  // when a record in place has no room.
  Status append(JournalRecord record);

 private:
  std::uint64_t half_offset(unsigned half) const { return half * half_bytes_; }
  Status scan_half(unsigned half);
  Status read_place(std::uint64_t offset, JournalRecord* record) const;
  bool has_to_forget(const JournalRecord& record) const;
  unsigned next_half() const;
  Status begin_half(bool is_wiped);
  Status wipe(unsigned half);
  Status write(const JournalRecord& record);

  FlashRegion region_;
  MutableByteSpan buffer_;
  std::uint64_t half_bytes_ = 0;
  std::uint64_t stride_bytes_ = 0;  // From one record to the next.
  std::uint64_t cursor_ = 0;        // Where the next record goes in the current half.
  unsigned half_ = 0;               // The half that holds newest_.
  bool newest_is_first_ = false;    // Of its half, when it was opened.
  bool appended_ = false;           // Since open().
  bool failed_ = false;             // Since open().
  bool has_record_ = false;
  JournalRecord newest_;
};

}  // namespace romdelta
