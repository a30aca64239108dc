// Inventory: the ROM packages of the device and where each is active. docs/format.md section 10.
//
// Two copies, written in turn: an update writes the older one and becomes visible at once when its
// last byte is durable. That is the commit of an installation. Until the journal says done, the
// copy that it wrote may read right and change its mind: settle() takes care of that, and every
// pass over a copy checks its checksum anew.
#pragma once

#include <cstdint>
#include <string_view>

#include "format/inventory_record.h"
#include "installer/port/flash.h"

namespace romdelta {

// What is made of the records that one update changes, all at once.
struct RecordChange {
  // False: this record stays as it is. Called for every record, more than once; depends on the
  // record and on nothing that the update changes.
  bool (*apply)(const void* context, InventoryRecord* record) = nullptr;
  // May be null. Called with null, then after each record that was changed.
  void (*apply_header)(const void* context, const InventoryRecord* changed,
                       InventoryHeader* header) = nullptr;
  const void* context = nullptr;
};

class Inventory {
 public:
  // Finds the newest intact copy; a region without one counts as empty. `buffer`
  // (limits::record_buffer_bytes) is used during each call and owned by the caller.
  // journal_too_small or flash_read_failed.
  Status open(const FlashRegion& region, MutableByteSpan buffer);

  std::uint32_t count() const { return newest_.header.count; }
  // The device's own counters; 0 while there is no inventory.
  std::uint64_t security_counter() const { return newest_.header.security_counter; }
  std::uint64_t keyring_version() const { return newest_.header.keyring_version; }
  // Requires: index < count(). inventory_corrupt when the record breaks a rule or the copy does not
  // read as it did.
  Status at(std::uint32_t index, InventoryRecord* record) const;
  // not_provisioned when there is no record of this id. `index` may be null. When the newest copy
  // does not read as it did, the other one counts from here on.
  Status find(std::string_view package_id, InventoryRecord* record, std::uint32_t* index = nullptr);
  // Replaces the record of the same id, or adds one, and raises the device's security counter to
  // `device_counter` if it is below. inventory_full when it does not fit; inventory_corrupt when a
  // forged copy leaves no sequence number for another.
  Status update(const InventoryRecord& record, std::uint64_t device_counter = 0);
  // Changes records without adding any, all of them by one write. Requires: count() is not 0.
  Status change(const RecordChange& change);
  // As settle() below, when power may have failed during this change: `*is_applied` says whether
  // it took place.
  Status settle(const RecordChange& change, bool* is_applied);
  // Call before anything else is written when power failed during the installation of the package
  // `pending`: it may have been at its commit. A newest copy that the commit wrote is written again
  // where it lies. When there is none, one may lie in the other half and show up later: that half
  // is erased. The copy that was valid before the commit is not touched.
  Status settle(const Digest& pending);

 private:
  struct Copy {
    unsigned half = 0;
    InventoryHeader header;
  };
  // A copy made of `base` and one record, changed or added; or of `base`, changed by `change`.
  struct Revision {
    Copy base;
    std::uint32_t index = 0;
    ByteSpan record;
    std::uint64_t device_counter = 0;
    RecordChange change;
  };
  std::uint64_t half_offset(unsigned half) const { return half * half_bytes_; }
  std::uint32_t capacity() const;
  // Calls visit(index, bytes) for each record. no_record when the checksum was not right after all:
  // then what was visited does not count.
  template <typename Visit>
  Status each_record(const Copy& copy, Visit visit) const;
  Status read_copy(unsigned half, Copy* copy) const;
  Status search(std::string_view package_id, InventoryRecord* record, std::uint32_t* index) const;
  // The header of what a revision makes.
  Status header_of(const Revision& revision, InventoryHeader* header) const;
  static ByteSpan revised(const Revision& revision, std::uint32_t index, ByteSpan bytes,
                          MutableByteSpan buffer);
  Status change_header(const Revision& revision, InventoryHeader* header) const;
  Status write_next(const Revision& revision);
  Status write_copy(const Revision& revision, const Copy& copy);
  Status repeat_update(std::uint32_t index, const InventoryRecord& record);
  Status clear_other_half();

  FlashRegion region_;
  MutableByteSpan buffer_;
  std::uint64_t half_bytes_ = 0;
  Copy newest_;
  Copy older_;  // Sequence 0 when it is not intact, or not known any more.
};

}  // namespace romdelta
