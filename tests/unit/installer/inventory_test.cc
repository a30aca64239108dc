#include "installer/inventory.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

struct Geometry {
  const char* name;
  FlashGeometry flash;
  std::uint64_t region_bytes;
  friend void PrintTo(const Geometry& geometry, std::ostream* out) { *out << geometry.name; }
};
constexpr Geometry kGeometries[] = {
    {"nor", {1024, 16, true}, 8192},
    {"nand", {8192, 2048, true}, 16384},
    {"disk", {512, 512, false}, 4096},
    {"odd_unit", {960, 96, true}, 7680},
};

class InventoryTest : public ::testing::TestWithParam<Geometry> {
 protected:
  FlashRegion region() { return {&counted_, 0, memory_.size()}; }
  std::size_t half_bytes() const {
    const std::size_t block = GetParam().flash.erase_block_bytes;
    return GetParam().region_bytes / 2 / block * block;
  }
  std::size_t capacity() const {
    return (half_bytes() - InventoryHeader::bytes) / InventoryRecord::bytes;
  }
  // As after a restart.
  Inventory opened() {
    Inventory inventory;
    EXPECT_EQ(inventory.open(region(), buffer_), Status::ok);
    return inventory;
  }
  static InventoryRecord record_of(const std::string& id, const std::string& version) {
    InventoryRecord record;
    EXPECT_TRUE(record.package_id.assign(id));
    EXPECT_TRUE(record.version.assign(version));
    return record;
  }
  Status update(const std::string& id, const std::string& version) {
    return opened().update(record_of(id, version));
  }
  std::string version_of(const std::string& id) {
    InventoryRecord record;
    const Status status = opened().find(id, &record);
    return status == Status::ok ? std::string(record.version.view()) : to_string(status);
  }

  Bytes memory_ = Bytes(GetParam().region_bytes, 0xff);
  RamFlash flash_{memory_, GetParam().flash};
  FaultPlan plan_;
  FaultyFlash counted_{&flash_, &plan_};
  Bytes buffer_ = Bytes(limits::record_buffer_bytes);
};

TEST_P(InventoryTest, IsEmptyOnBlankOrForeignFlash) {
  EXPECT_EQ(opened().count(), 0u);
  EXPECT_EQ(version_of("a"), "not_provisioned");
  std::fill(memory_.begin(), memory_.end(), std::uint8_t{0});
  EXPECT_EQ(opened().count(), 0u);
}

TEST_P(InventoryTest, AddsAndReplacesRecordsAcrossRestarts) {
  ASSERT_EQ(update("a", "1"), Status::ok);
  ASSERT_EQ(update("b", "1"), Status::ok);
  ASSERT_EQ(update("c", "1"), Status::ok);
  ASSERT_EQ(update("b", "2"), Status::ok);
  EXPECT_EQ(opened().count(), 3u);
  EXPECT_EQ(version_of("a"), "1");
  EXPECT_EQ(version_of("b"), "2");
  EXPECT_EQ(version_of("c"), "1");
  InventoryRecord record;
  std::uint32_t index = 9;
  ASSERT_EQ(opened().find("c", &record, &index), Status::ok);
  EXPECT_EQ(index, 2u);
}

TEST_P(InventoryTest, SeesItsOwnUpdatesWithoutRestart) {
  Inventory inventory = opened();
  for (int i = 0; i < 10; ++i) {
    const std::string version = std::to_string(i);
    ASSERT_EQ(inventory.update(record_of("a", version)), Status::ok);
    InventoryRecord record;
    ASSERT_EQ(inventory.find("a", &record), Status::ok);
    EXPECT_EQ(record.version.view(), version);
    EXPECT_EQ(version_of("a"), version);
  }
}

TEST_P(InventoryTest, HoldsAsManyRecordsAsFitAndReplacesWhenFull) {
  for (std::size_t i = 0; i < capacity(); ++i) {
    ASSERT_EQ(update("p" + std::to_string(i), "1"), Status::ok);
  }
  EXPECT_EQ(update("one-more", "1"), Status::inventory_full);
  EXPECT_EQ(update("p0", "2"), Status::ok);
  EXPECT_EQ(opened().count(), capacity());
  EXPECT_EQ(version_of("p0"), "2");
  EXPECT_EQ(version_of("p" + std::to_string(capacity() - 1)), capacity() == 1 ? "2" : "1");
}

TEST_P(InventoryTest, KeepsTheOldCopyWhateverOperationFails) {
  for (const auto effect :
       {FaultPlan::Effect::none, FaultPlan::Effect::half, FaultPlan::Effect::all}) {
    for (std::uint64_t fail_at = 0;; ++fail_at) {
      std::fill(memory_.begin(), memory_.end(), std::uint8_t{0xff});
      ASSERT_EQ(update("a", "1"), Status::ok);
      ASSERT_EQ(update("b", "1"), Status::ok);
      Inventory inventory = opened();
      plan_.reset();
      plan_.fail_at = fail_at;
      plan_.effect = effect;
      const Status status = inventory.update(record_of("a", "2"));
      const bool fired = plan_.fired;
      plan_.reset();
      if (!fired) break;
      EXPECT_NE(status, Status::ok);
      const std::string version = version_of("a");
      EXPECT_TRUE(version == "1" || version == "2") << version;
      EXPECT_EQ(version_of("b"), "1");
      // And the next update succeeds.
      EXPECT_EQ(update("a", "3"), Status::ok);
      EXPECT_EQ(version_of("a"), "3");
    }
  }
}

TEST_P(InventoryTest, FallsBackToTheOldCopyWhenAnyByteOfTheNewIsDamaged) {
  ASSERT_EQ(update("a", "1"), Status::ok);
  ASSERT_EQ(update("a", "2"), Status::ok);
  for (std::size_t i = 0; i < InventoryHeader::bytes + InventoryRecord::bytes; ++i) {
    memory_[half_bytes() + i] ^= 1;
    ASSERT_EQ(version_of("a"), "1") << i;
    memory_[half_bytes() + i] ^= 1;
  }
  EXPECT_EQ(version_of("a"), "2");
}

TEST_P(InventoryTest, SaysSoWhenARecordBreaksARule) {
  InventoryHeader header;
  header.count = 1;
  header.sequence = 1;
  const Bytes foreign(InventoryRecord::bytes, 0xee);
  ChecksumStream checksum = begin_inventory_checksum(header);
  checksum.update(foreign);
  header.checksum = checksum.finish();
  ByteWriter writer(memory_);
  encode_inventory_header(header, &writer);
  writer.bytes(foreign);
  InventoryRecord record;
  EXPECT_EQ(opened().at(0, &record), Status::inventory_corrupt);
  EXPECT_EQ(version_of("a"), "inventory_corrupt");
  EXPECT_EQ(update("a", "1"), Status::inventory_corrupt);
}

TEST_P(InventoryTest, IgnoresACopyThatClaimsMoreRecordsThanFit) {
  InventoryHeader header;
  header.count = static_cast<std::uint32_t>(capacity()) + 1;
  header.sequence = 9;
  ByteWriter writer(memory_);
  encode_inventory_header(header, &writer);
  EXPECT_EQ(opened().count(), 0u);
}

// What a forger left must not make an update vanish that was reported as done.
TEST_P(InventoryTest, NeverLosesAnUpdateBehindAForgedSequence) {
  for (const std::uint64_t sequence :
       {std::uint64_t{0}, limits::record_sequence_max - 1, limits::record_sequence_max}) {
    std::fill(memory_.begin(), memory_.end(), std::uint8_t{0xff});
    InventoryHeader header;
    header.sequence = sequence;
    header.checksum = begin_inventory_checksum(header).finish();
    ByteWriter writer(memory_);
    encode_inventory_header(header, &writer);
    for (const char* version : {"1", "2"}) {
      if (update("a", version) == Status::ok) {
        EXPECT_EQ(version_of("a"), version) << sequence;
      }
    }
  }
}

TEST_P(InventoryTest, PassesOnFailedReads) {
  ASSERT_EQ(update("a", "1"), Status::ok);
  Inventory inventory = opened();
  plan_.reset();
  plan_.fail_at = 0;
  plan_.for_good = true;
  InventoryRecord record;
  EXPECT_EQ(inventory.at(0, &record), Status::flash_read_failed);
  EXPECT_EQ(inventory.find("a", &record), Status::flash_read_failed);
  EXPECT_EQ(inventory.update(record_of("a", "2")), Status::flash_read_failed);
  EXPECT_EQ(inventory.open(region(), buffer_), Status::flash_read_failed);
}

INSTANTIATE_TEST_SUITE_P(AllGeometries, InventoryTest, ::testing::ValuesIn(kGeometries),
                         [](const auto& suite) { return std::string(suite.param.name); });

TEST(Inventory, NeedsTwoBlocksOfOneRecordEach) {
  Bytes buffer(limits::record_buffer_bytes);
  const auto open_with = [&](const FlashGeometry& geometry, std::size_t region_bytes) {
    Bytes memory(region_bytes, 0xff);
    RamFlash flash(memory, geometry);
    Inventory inventory;
    return inventory.open({&flash, 0, region_bytes}, buffer);
  };
  EXPECT_EQ(open_with({256, 16, true}, 512), Status::ok);
  EXPECT_EQ(open_with({256, 16, true}, 256), Status::journal_too_small);
  EXPECT_EQ(open_with({16, 16, true}, 32), Status::journal_too_small);
  EXPECT_EQ(open_with({128, 16, true}, 256), Status::journal_too_small);
  EXPECT_EQ(open_with({112, 16, true}, 448), Status::ok);
  Inventory inventory;
  EXPECT_EQ(inventory.open({}, buffer), Status::journal_too_small);
}

}  // namespace
}  // namespace romdelta::test
