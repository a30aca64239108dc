#include "installer/inventory.h"

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>

#include "tests/support/test_device.h"
#include "tests/support/unstable_flash.h"

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

// Gives every ROM package whose version is 1 version 2.
bool raise(const void*, InventoryRecord* record) {
  return record->version.view() == "1" && record->version.assign("2");
}

TEST_P(InventoryTest, ChangesManyRecordsAtOnceWhereverItIsCut) {
  for (const char* id : {"a", "b", "c"}) ASSERT_EQ(update(id, "1"), Status::ok);
  ASSERT_EQ(update("d", "7"), Status::ok);
  const Bytes before = memory_;
  bool is_done = false;
  for (std::uint64_t op = 0; !is_done; ++op) {
    memory_ = before;
    Inventory inventory = opened();
    plan_ = {};
    plan_.fail_at = op;
    plan_.for_good = true;
    is_done = inventory.change({&raise, nullptr, nullptr}) == Status::ok;
    plan_ = {};
    const std::string a = version_of("a");
    EXPECT_TRUE(a == "1" || a == "2") << op;
    EXPECT_EQ(version_of("b"), a);
    EXPECT_EQ(version_of("c"), a);
    EXPECT_EQ(version_of("d"), "7");
    if (is_done) {
      EXPECT_EQ(a, "2");
    }
  }
  EXPECT_EQ(opened().count(), 4u);
}

TEST_P(InventoryTest, SettlesAChangeThatTookPlaceByWritingTheSameBytesAgain) {
  for (const char* id : {"a", "b"}) ASSERT_EQ(update(id, "1"), Status::ok);
  ASSERT_EQ(opened().change({&raise, nullptr, nullptr}), Status::ok);
  const Bytes after = memory_;
  bool is_applied = false;
  ASSERT_EQ(opened().settle({&raise, nullptr, nullptr}, &is_applied), Status::ok);
  EXPECT_TRUE(is_applied);
  EXPECT_EQ(memory_, after);
  EXPECT_EQ(version_of("b"), "2");
}

TEST_P(InventoryTest, SettlesAChangeThatDidNotTakePlaceByErasingTheOtherCopy) {
  for (const char* id : {"a", "b"}) ASSERT_EQ(update(id, "1"), Status::ok);
  bool is_applied = true;
  ASSERT_EQ(opened().settle({&raise, nullptr, nullptr}, &is_applied), Status::ok);
  EXPECT_FALSE(is_applied);
  EXPECT_EQ(version_of("a"), "1");
  EXPECT_EQ(version_of("b"), "1");
  // The only copy is left alone.
  ASSERT_EQ(opened().settle({&raise, nullptr, nullptr}, &is_applied), Status::ok);
  EXPECT_FALSE(is_applied);
  EXPECT_EQ(opened().count(), 2u);
}

INSTANTIATE_TEST_SUITE_P(AllGeometries, InventoryTest, ::testing::ValuesIn(kGeometries),
                         [](const auto& suite) { return std::string(suite.param.name); });

// A device whose package "a" went from 1 to 2 by the package `digest`; "b" is beside it.
// Of one read, by number, a bit is wrong.
class FlickeringFlash final : public Flash {
 public:
  explicit FlickeringFlash(Flash* flash) : flash_(flash) {}
  // Reads are counted from here.
  void flicker_at(std::uint64_t read) { left_ = read; }
  bool has_flickered() const { return left_ == kNever; }

  FlashGeometry geometry() const override { return flash_->geometry(); }
  std::uint64_t size_bytes() const override { return flash_->size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    const Status status = flash_->read(offset, into);
    if (left_ != kNever && left_-- == 0) into.front() = static_cast<std::uint8_t>(into.front() ^ 1);
    return status;
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    return flash_->erase(offset, count);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    return flash_->program(offset, bytes);
  }
  Status sync() override { return flash_->sync(); }

 private:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  Flash* flash_;
  std::uint64_t left_ = kNever;
};

TEST_P(InventoryTest, WritesNoCopyOfWhatDoesNotReadTheSameTwice) {
  FlickeringFlash flash(&flash_);
  int failed = 0;
  for (std::uint64_t read = 0;; ++read) {
    std::fill(memory_.begin(), memory_.end(), std::uint8_t{0xff});
    ASSERT_EQ(update("a", "1"), Status::ok);
    ASSERT_EQ(update("b", "1"), Status::ok);
    Inventory inventory;
    ASSERT_EQ(inventory.open({&flash, 0, flash.size_bytes()}, buffer_), Status::ok);
    flash.flicker_at(read);
    const Status status = inventory.update(record_of("a", "2"));
    const bool was_in_time = flash.has_flickered();
    flash.flicker_at(~std::uint64_t{0});
    if (status == Status::ok) {
      EXPECT_EQ(version_of("a"), "2") << read;
    } else {
      ++failed;
      EXPECT_EQ(version_of("a"), "1") << read;
    }
    if (!was_in_time) break;
  }
  EXPECT_GE(failed, 2);
}

TEST_P(InventoryTest, SettlesWhatReadsWellNowAndThen) {
  FlickeringFlash flash(&flash_);
  ASSERT_EQ(update("a", "1"), Status::ok);
  Digest pending;
  pending.value.fill(0x55);
  for (std::uint64_t read = 0;; ++read) {
    Inventory inventory;
    ASSERT_EQ(inventory.open({&flash, 0, flash.size_bytes()}, buffer_), Status::ok);
    flash.flicker_at(read);
    EXPECT_EQ(inventory.settle(pending), Status::ok) << read;
    const bool was_in_time = flash.has_flickered();
    flash.flicker_at(~std::uint64_t{0});
    if (!was_in_time) break;
  }
  EXPECT_EQ(version_of("a"), "1");
}

TEST_P(InventoryTest, ClearsTheOtherHalfForGood) {
  ASSERT_EQ(update("a", "1"), Status::ok);
  Inventory inventory = opened();
  Digest pending;
  pending.value.fill(0x55);
  plan_.reset();
  ASSERT_EQ(inventory.settle(pending), Status::ok);
  EXPECT_EQ(plan_.count(FlashOperation::sync), 1u);
  // It comes last.
  const std::uint64_t last = plan_.total() - 1;
  plan_.reset();
  plan_.fail_at = last;
  EXPECT_EQ(inventory.settle(pending), Status::flash_sync_failed);
}

class UnstableInventoryTest : public ::testing::TestWithParam<Geometry> {
 protected:
  using Mood = UnstableFlash::Mood;
  UnstableInventoryTest() {
    digest_.value.fill(0x77);
    EXPECT_EQ(update("b", "1"), Status::ok);
    EXPECT_EQ(update("a", "1"), Status::ok);
  }
  Inventory opened() {
    flash_.restart();
    Inventory inventory;
    EXPECT_EQ(inventory.open({&flash_, 0, flash_.size_bytes()}, buffer_), Status::ok);
    return inventory;
  }
  Status update(const std::string& id, const std::string& version) {
    Inventory inventory = opened();
    return inventory.update(record_of(id, version));
  }
  Status commit(Inventory* inventory) {
    InventoryRecord record = record_of("a", "2");
    record.manifest_digest = digest_;
    return inventory->update(record);
  }
  static InventoryRecord record_of(const std::string& id, const std::string& version) {
    InventoryRecord record;
    EXPECT_TRUE(record.package_id.assign(id));
    EXPECT_TRUE(record.version.assign(version));
    return record;
  }
  std::string version_of(const std::string& id) {
    InventoryRecord record;
    Inventory inventory = opened();
    const Status status = inventory.find(id, &record);
    return status == Status::ok ? std::string(record.version.view()) : to_string(status);
  }
  Bytes all_bytes() {
    Bytes bytes(flash_.size_bytes());
    EXPECT_EQ(flash_.read(0, bytes), Status::ok);
    return bytes;
  }

  Random random_ = seeded_random();
  UnstableFlash flash_{GetParam().flash, GetParam().region_bytes, &random_};
  Bytes buffer_ = Bytes(limits::record_buffer_bytes);
  Digest digest_;
};

// Guards against writing over the only stable copy when a commit is repeated.
TEST_P(UnstableInventoryTest, SurvivesAnyNumberOfCutsOfACommitAndItsRepetition) {
  for (int round = 0; round < 300; ++round) {
    Inventory inventory = opened();
    ASSERT_EQ(inventory.update(record_of("a", "1")), Status::ok);
    flash_.cut_after(pick(&random_, 0, 3));
    bool is_durable = commit(&inventory) == Status::ok;
    for (int cut = 0; cut < 4; ++cut) {
      Inventory again = opened();
      InventoryRecord record;
      const Status found = again.find("a", &record);
      ASSERT_EQ(found, Status::ok);
      ASSERT_TRUE(record.version.view() == "2" || !is_durable);
      if (cut < 3) flash_.cut_after(pick(&random_, 0, 3));
      Status status = again.settle(digest_);
      if (status == Status::ok && record.version.view() == "1") status = commit(&again);
      // Nothing is lost when it read otherwise meanwhile; that takes another start.
      is_durable = status == Status::ok;
      if (cut == 3 && status == Status::inventory_corrupt) --cut;
    }
    for (const Mood mood : {Mood::old, Mood::latest}) {
      flash_.mood = mood;
      ASSERT_EQ(version_of("a"), "2") << round;
      ASSERT_EQ(version_of("b"), "1") << round;
    }
    flash_.mood = Mood::any;
    ASSERT_EQ(flash_.violations, 0u);
  }
}

TEST_P(UnstableInventoryTest, RepeatsACommitWhereItLies) {
  Inventory inventory = opened();
  ASSERT_EQ(commit(&inventory), Status::ok);
  const Bytes before = all_bytes();
  const std::uint64_t writes = flash_.writes();
  Inventory next = opened();
  ASSERT_EQ(next.settle(digest_), Status::ok);
  EXPECT_GT(flash_.writes(), writes);
  EXPECT_EQ(all_bytes(), before);
  EXPECT_EQ(version_of("a"), "2");
}

// A later update was made of the copy that the commit wrote: that one is good, and not undone.
TEST_P(UnstableInventoryTest, DoesNotUndoAnUpdateThatFollowedTheCommit) {
  Inventory inventory = opened();
  ASSERT_EQ(commit(&inventory), Status::ok);
  ASSERT_EQ(update("b", "9"), Status::ok);
  const std::uint64_t writes = flash_.writes();
  Inventory next = opened();
  ASSERT_EQ(next.settle(digest_), Status::ok);
  EXPECT_EQ(flash_.writes(), writes);
  EXPECT_EQ(version_of("b"), "9");
}

// Guards against a boot loader that starts the target while a later session writes it.
TEST_P(UnstableInventoryTest, ErasesACopyThatMayShowUpLater) {
  Inventory inventory = opened();
  const std::uint64_t erases = GetParam().flash.erase_before_program ? 1 : 0;
  flash_.cut_after(erases);
  EXPECT_NE(commit(&inventory), Status::ok);
  flash_.mood = Mood::old;
  Inventory next = opened();
  ASSERT_EQ(next.settle(digest_), Status::ok);
  flash_.mood = Mood::latest;
  EXPECT_EQ(version_of("a"), "1");
}

// Guards against records that were never checked: the bytes are read again after open().
TEST_P(UnstableInventoryTest, TakesTheOtherCopyWhenTheNewestReadsOtherwiseAfterOpening) {
  Inventory inventory = opened();
  ASSERT_EQ(commit(&inventory), Status::ok);
  Inventory next = opened();
  // The third copy lies in the first half; its first record is "b".
  flash_.make_unstable(InventoryHeader::bytes + limits::package_id_bytes_max, Bytes{'7'});
  flash_.mood = Mood::latest;
  InventoryRecord record;
  EXPECT_EQ(next.at(0, &record), Status::inventory_corrupt);
  ASSERT_EQ(next.find("b", &record), Status::ok);
  EXPECT_EQ(record.version.view(), "1");
  ASSERT_EQ(next.find("a", &record), Status::ok);
  EXPECT_EQ(record.version.view(), "1");
  // And the copy that counts now is not the one that is written.
  ASSERT_EQ(commit(&next), Status::ok);
  EXPECT_EQ(version_of("a"), "2");
}

constexpr Geometry kTwoRecords[] = {
    {"nor", {1024, 16, true}, 2048},
    {"nand", {8192, 2048, true}, 16384},
    {"disk", {512, 512, false}, 2048},
};
INSTANTIATE_TEST_SUITE_P(Unstable, UnstableInventoryTest, ::testing::ValuesIn(kTwoRecords),
                         [](const auto& suite) { return std::string(suite.param.name); });

TEST(Inventory, NeedsTwoBlocksOfOneRecordEach) {
  Bytes buffer(limits::record_buffer_bytes);
  const auto open_with = [&](const FlashGeometry& geometry, std::size_t region_bytes) {
    Bytes memory(region_bytes, 0xff);
    RamFlash flash(memory, geometry);
    Inventory inventory;
    return inventory.open({&flash, 0, region_bytes}, buffer);
  };
  EXPECT_EQ(open_with({512, 16, true}, 1024), Status::ok);
  EXPECT_EQ(open_with({512, 16, true}, 512), Status::journal_too_small);
  EXPECT_EQ(open_with({16, 16, true}, 32), Status::journal_too_small);
  EXPECT_EQ(open_with({256, 16, true}, 512), Status::journal_too_small);
  EXPECT_EQ(open_with({112, 16, true}, 672), Status::ok);
  Inventory inventory;
  EXPECT_EQ(inventory.open({}, buffer), Status::journal_too_small);
}

}  // namespace
}  // namespace romdelta::test
