// DmLog: the records of the management object on flash. docs/dm.md, "What lies on flash".
//
// Two halves of records, each behind the one before it, in the manner of the journal's records in
// place (docs/format.md section 9.2): whatever a cut of power does to what was being written, the
// newest record that an append() or open() has returned for is found again.
#pragma once

#include <cstdint>

#include "installer/dm/dm_record.h"
#include "installer/port/flash.h"

namespace romdelta {

class DmLog {
 public:
  // Reads the newest record into `record`, which is empty when there is none, and writes it again,
  // so that it is durable whatever was interrupted before. `buffer` (limits::record_buffer_bytes)
  // is used during each call and owned by the caller. journal_too_small when a half has no room for
  // two records of one object; a failure of the flash.
  Status open(const FlashRegion& region, MutableByteSpan buffer, DmRecord* record);

  // True when records of this size can be appended.
  bool fits(std::size_t content_bytes) const { return 2 * stride(content_bytes) <= half_bytes_; }

  // Writes `record` and syncs. Requires: fits(). After a failure the log has to be opened again:
  // out_of_order.
  Status append(const DmRecord& record);

 private:
  struct Place {
    unsigned half = 0;
    std::uint64_t at = 0;
    DmRecordHeader header;  // Sequence 0: there is none.
  };
  class Reader;
  class Writer;

  std::uint64_t stride(std::size_t content_bytes) const;
  std::uint64_t half_offset(unsigned half) const { return half * half_bytes_; }
  Status check(const Place& place) const;
  Status scan_half(unsigned half, Place* last) const;
  Status load(DmRecord* record);
  Status forget(DmRecord* record);
  unsigned next_half() const;
  Status begin_half(const DmRecord& record);
  Status write(const DmRecord& record);

  FlashRegion region_;
  MutableByteSpan buffer_;
  std::uint64_t half_bytes_ = 0;
  Place newest_;
  bool other_has_records_ = false;  // The half that does not hold the newest.
  std::uint64_t cursor_ = 0;        // Where the next record goes in the half of the newest.
  bool appended_ = false;           // Since open().
  bool failed_ = false;
};

}  // namespace romdelta
