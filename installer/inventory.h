// Inventory: the ROM packages of the device and where each is active. docs/format.md section 10.
//
// Two copies, written in turn: an update writes the older one and becomes visible at once when its
// last byte is durable. That is the commit of an installation.
#pragma once

#include <cstdint>
#include <string_view>

#include "format/inventory_record.h"
#include "installer/port/flash.h"

namespace romdelta {

class Inventory {
 public:
  // Finds the newest intact copy; a region without one counts as empty. `buffer`
  // (limits::record_buffer_bytes) is used during each call and owned by the caller.
  // journal_too_small or flash_read_failed.
  Status open(const FlashRegion& region, MutableByteSpan buffer);

  std::uint32_t count() const { return header_.count; }
  // Requires: index < count(). inventory_corrupt when the record breaks a rule.
  Status at(std::uint32_t index, InventoryRecord* record) const;
  // not_provisioned when there is no record of this id. `index` may be null.
  Status find(std::string_view package_id, InventoryRecord* record,
              std::uint32_t* index = nullptr) const;
  // Replaces the record of the same id, or adds one. inventory_full when it does not fit;
  // inventory_corrupt when a forged copy leaves no sequence number for another.
  Status update(const InventoryRecord& record);

 private:
  std::uint64_t half_offset(unsigned half) const { return half * half_bytes_; }
  std::uint32_t capacity() const;
  Status read_raw(std::uint32_t index, MutableByteSpan bytes) const;
  Status read_copy(unsigned half, InventoryHeader* header) const;
  Status write_copy(unsigned half, const InventoryHeader& header, std::uint32_t changed,
                    ByteSpan changed_bytes);

  FlashRegion region_;
  MutableByteSpan buffer_;
  std::uint64_t half_bytes_ = 0;
  unsigned half_ = 0;  // The half of the newest intact copy.
  InventoryHeader header_;
};

}  // namespace romdelta
