// One record of the inventory, as it lies on flash: which version of a ROM package the device has,
// and in which slot. docs/format.md section 10.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/journal_record.h"
#include "format/limits.h"
#include "format/signature.h"
#include "format/status.h"
#include "format/text.h"

namespace romdelta {

// Written to flash: never renumber.
enum class PackageState : std::uint8_t {
  factory = 1,    // Provisioned: the bytes were written by the factory.
  installed = 2,  // Written by the installer.
  confirmed = 3,  // And it has proved that it works.
  broken = 4,     // A super package could not be finished: the slot may hold anything.
};

const char* to_string(PackageState state);

// The installer wrote the slot, and all of it.
inline bool is_from_installer(PackageState state) {
  return state == PackageState::installed || state == PackageState::confirmed;
}

struct InventoryRecord {
  static constexpr std::size_t bytes = 256;

  PackageId package_id;
  Version version;
  Slot active_slot = Slot::a;
  PackageState state = PackageState::factory;
  std::uint64_t security_counter = 0;  // Packages below it are refused.
  std::uint64_t image_bytes = 0;       // 0 when the factory did not say.
  Digest image_digest;                 // All zero when the factory did not say.
  Digest manifest_digest;              // The package that installed it; all zero for factory.
  // Whose signatures that package was accepted for; all zero ids at the end stand for nobody.
  std::array<KeyId, limits::vouching_key_count_max> vouching_keys;
  ReleaseOrder release;  // Of the active release: its own numbers, whether confirmed or not.
};

// no_record when a rule is broken: the caller has checked the checksum of the whole inventory, so
// this means a forged or foreign one.
Status parse_inventory_record(ByteSpan bytes, InventoryRecord* record);
void encode_inventory_record(const InventoryRecord& record, ByteWriter* writer);

// The header of one copy of the inventory; `count` records follow it.
struct InventoryHeader {
  static constexpr std::size_t bytes = 40;
  std::uint32_t count = 0;
  std::uint64_t sequence = 0;  // The newest copy has the largest.
  Checksum checksum;           // Of what is between magic and checksum, and of the records.
  std::uint64_t security_counter =
      0;  // Of the device: what speaks for all of it and is below is refused.
  std::uint64_t keyring_version = 0;  // Of the last keyring whose resets of counters took place.
};

// no_record when `bytes` (exactly InventoryHeader::bytes) is no header.
Status parse_inventory_header(ByteSpan bytes, InventoryHeader* header);
void encode_inventory_header(const InventoryHeader& header, ByteWriter* writer);

// Begins the checksum of a copy with what its header says; the records follow.
ChecksumStream begin_inventory_checksum(const InventoryHeader& header);

}  // namespace romdelta
