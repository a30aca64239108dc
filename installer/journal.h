// Journal: how far an installation came, on flash. docs/format.md section 9.
//
// An append-only ring of two halves. It is a hint: losing or forging any part of it costs time,
// never the device, because what it claims is checked against signed digests.
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

  // Writes `record` (its sequence is set here) and syncs. The first append after open() begins the
  // half that does not hold the newest record: the end of the other may have been torn, and a unit
  // that was being programmed when power failed is never trusted to be blank. After a failure the
  // journal has to be opened again: out_of_order.
  Status append(JournalRecord record);

 private:
  std::uint64_t half_offset(unsigned half) const { return half * half_bytes_; }
  Status scan_half(unsigned half);
  Status forget();

  FlashRegion region_;
  MutableByteSpan buffer_;
  std::uint64_t half_bytes_ = 0;
  std::uint64_t stride_bytes_ = 0;  // From one record to the next.
  std::uint64_t cursor_ = 0;        // Where the next record goes in the current half.
  unsigned half_ = 0;               // The half that holds newest_.
  bool appended_ = false;           // Since open().
  bool failed_ = false;             // Since open().
  bool has_record_ = false;
  JournalRecord newest_;
};

}  // namespace romdelta
