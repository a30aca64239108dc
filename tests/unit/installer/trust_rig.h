// A device's records on flash of which a cut of power leaves units unstable: journal, inventory
// and keyring, and what to do to them. Cuts are counted over all three.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "installer/confirm.h"
#include "installer/keyring.h"
#include "tests/support/keyring_maker.h"
#include "tests/support/unstable_flash.h"

namespace romdelta::test {

class TrustRig {
 public:
  TrustRig(const FlashGeometry& geometry, Random* random)
      : journal(geometry, region_bytes(geometry), random),
        inventory(geometry, region_bytes(geometry), random),
        keyring(geometry, region_bytes(geometry), random) {
    device.journal = {&journal, 0, journal.size_bytes()};
    device.inventory = {&inventory, 0, inventory.size_bytes()};
    device.keyring = {&keyring, 0, keyring.size_bytes()};
  }

  // A record of the inventory, as an installation of a package signed by test key `signer` leaves
  // it; of the factory with 0.
  void put(const std::string& id, std::uint8_t signer, const ReleaseOrder& order = {},
           std::uint64_t counter = 0) {
    InventoryRecord record;
    ASSERT_TRUE(record.package_id.assign(id));
    ASSERT_TRUE(record.version.assign("1"));
    record.security_counter = counter;
    record.release = order;
    if (signer != 0) {
      record.state = PackageState::installed;
      record.vouching_keys[0] = test_key(signer).public_key.id;
      record.manifest_digest.value.fill(static_cast<std::uint8_t>(id.back()));
    }
    Inventory records;
    ASSERT_EQ(records.open(device.inventory, buffer), Status::ok);
    ASSERT_EQ(records.update(record), Status::ok);
  }
  InventoryRecord record(const std::string& id) {
    Inventory records;
    InventoryRecord found;
    EXPECT_EQ(records.open(device.inventory, buffer), Status::ok);
    EXPECT_EQ(records.find(id, &found), Status::ok);
    return found;
  }
  std::uint64_t device_counter() {
    Inventory records;
    EXPECT_EQ(records.open(device.inventory, buffer), Status::ok);
    return records.security_counter();
  }
  void note(const JournalRecord& record) {
    Journal records;
    ASSERT_EQ(records.open(device.journal, buffer), Status::ok);
    ASSERT_EQ(records.append(record), Status::ok);
  }
  JournalRecord newest() {
    Journal records;
    EXPECT_EQ(records.open(device.journal, buffer), Status::ok);
    return records.newest();
  }
  Status confirm(const std::string& id = {}) { return romdelta::confirm(device, buffer, id); }

  std::uint64_t writes() const { return journal.writes() + inventory.writes() + keyring.writes(); }
  // Power fails in the write that begins after `count` more of them, to whichever flash: each
  // counts for itself, so the test walks them one after the other.
  void restart() {
    for (UnstableFlash* flash : {&journal, &inventory, &keyring}) flash->restart();
  }
  void set_mood(UnstableFlash::Mood mood) {
    for (UnstableFlash* flash : {&journal, &inventory, &keyring}) flash->mood = mood;
  }
  unsigned violations() const {
    return journal.violations + inventory.violations + keyring.violations;
  }

  UnstableFlash journal;
  UnstableFlash inventory;
  UnstableFlash keyring;
  Device device;
  Bytes buffer = Bytes(limits::record_buffer_bytes);

 private:
  static std::uint64_t region_bytes(const FlashGeometry& geometry) {
    return 2 * round_up(8192, geometry.erase_block_bytes);
  }
};

inline constexpr FlashGeometry trust_geometries[] = {
    {1024, 16, true}, {8192, 2048, true}, {512, 512, false}};

inline std::string geometry_name(const FlashGeometry& geometry) {
  return "unit_" + std::to_string(geometry.program_unit_bytes) + "_of_" +
         std::to_string(geometry.erase_block_bytes);
}

}  // namespace romdelta::test
