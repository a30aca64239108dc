#include "format/inventory_record.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

InventoryRecord sample_record() {
  InventoryRecord record;
  EXPECT_TRUE(record.package_id.assign("com.example.app"));
  EXPECT_TRUE(record.version.assign("1.0"));
  record.active_slot = Slot::b;
  record.state = PackageState::installed;
  record.security_counter = 3;
  record.image_bytes = 5000;
  record.image_digest.value.fill(1);
  record.manifest_digest.value.fill(2);
  record.vouching_keys[0].value.fill(1);
  record.vouching_keys[1].value.fill(2);
  record.release = {4, 5, 6};
  return record;
}

Bytes encoded(const InventoryRecord& record) {
  return written_by([&](ByteWriter* writer) { encode_inventory_record(record, writer); });
}

Status parse_with(std::size_t at, std::uint8_t value) {
  Bytes bytes = encoded(sample_record());
  bytes[at] = value;
  InventoryRecord record;
  return parse_inventory_record(bytes, &record);
}

Bytes encoded(const InventoryHeader& header) {
  return written_by([&](ByteWriter* writer) { encode_inventory_header(header, writer); });
}

TEST(InventoryRecord, ReadsBackEveryValue) {
  const Bytes bytes = encoded(sample_record());
  ASSERT_EQ(bytes.size(), InventoryRecord::bytes);
  InventoryRecord record;
  ASSERT_EQ(parse_inventory_record(bytes, &record), Status::ok);
  EXPECT_EQ(record.package_id.view(), "com.example.app");
  EXPECT_EQ(record.version.view(), "1.0");
  EXPECT_EQ(record.active_slot, Slot::b);
  EXPECT_EQ(record.state, PackageState::installed);
  EXPECT_EQ(record.security_counter, 3u);
  EXPECT_EQ(record.image_bytes, 5000u);
  EXPECT_EQ(record.vouching_keys, sample_record().vouching_keys);
  EXPECT_EQ(record.release.security_counter, 4u);
  EXPECT_EQ(record.release.device_counter, 5u);
  EXPECT_EQ(record.release.number, 6u);
  EXPECT_EQ(encoded(record), bytes);
}

TEST(InventoryRecord, HoldsTheLongestNames) {
  InventoryRecord record = sample_record();
  ASSERT_TRUE(record.package_id.assign(std::string(limits::package_id_bytes_max, 'p')));
  ASSERT_TRUE(record.version.assign(std::string(limits::version_bytes_max, 'v')));
  InventoryRecord parsed;
  ASSERT_EQ(parse_inventory_record(encoded(record), &parsed), Status::ok);
  EXPECT_EQ(parsed.package_id, record.package_id);
  EXPECT_EQ(parsed.version, record.version);
}

TEST(InventoryRecord, HasOneEncodingOnly) {
  // Whatever one byte is changed to, the record is refused or written back the same.
  const Bytes bytes = encoded(sample_record());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned value : {0u, 1u, 2u, 3u, 0x2eu, 0x61u, 0xffu}) {
      Bytes changed = bytes;
      changed[at] = static_cast<std::uint8_t>(value);
      InventoryRecord record;
      if (parse_inventory_record(changed, &record) != Status::ok) continue;
      ASSERT_EQ(to_hex(encoded(record)), to_hex(changed)) << at;
    }
  }
}

TEST(InventoryRecord, RefusesBytesAfterTheEndOfAName) {
  EXPECT_EQ(parse_with(63, 'x'), Status::no_record);
  EXPECT_EQ(parse_with(16, 'x'), Status::no_record);
  EXPECT_EQ(parse_with(15, 'x'), Status::ok);
  EXPECT_EQ(parse_with(111, 'x'), Status::no_record);
  EXPECT_EQ(parse_with(0, 0), Status::no_record);
  EXPECT_EQ(parse_with(0, '.'), Status::no_record);
  EXPECT_EQ(parse_with(64, ' '), Status::no_record);
}

TEST(InventoryRecord, RefusesSlotsStatesAndReservedBytesOutOfRange) {
  EXPECT_EQ(parse_with(112, 2), Status::no_record);
  EXPECT_EQ(parse_with(113, 0), Status::no_record);
  EXPECT_EQ(parse_with(113, 3), Status::ok);
  EXPECT_EQ(parse_with(113, 4), Status::ok);
  EXPECT_EQ(parse_with(113, 5), Status::no_record);
  for (std::size_t at = 114; at < 120; ++at) EXPECT_EQ(parse_with(at, 1), Status::no_record);
}

TEST(InventoryRecord, RefusesImagesAboveTheLimitAndOtherLengths) {
  InventoryRecord record = sample_record();
  record.image_bytes = limits::image_bytes_max + 1;
  InventoryRecord parsed;
  EXPECT_EQ(parse_inventory_record(encoded(record), &parsed), Status::no_record);
  const Bytes bytes = encoded(sample_record());
  EXPECT_EQ(parse_inventory_record(ByteSpan(bytes).first(InventoryRecord::bytes - 1), &parsed),
            Status::no_record);
  EXPECT_EQ(parse_inventory_record(concat({bytes, Bytes{0}}), &parsed), Status::no_record);
  EXPECT_TRUE(parsed.package_id.empty());
}

TEST(InventoryRecord, NamesVouchingKeysInOrderAndWithoutGaps) {
  EXPECT_EQ(parse_with(200, 3), Status::no_record);  // After the second.
  EXPECT_EQ(parse_with(216, 3), Status::ok);         // A third.
  EXPECT_EQ(parse_with(224, 3), Status::no_record);  // A fourth without a third.
  InventoryRecord twice = sample_record();
  twice.vouching_keys[1] = twice.vouching_keys[0];
  InventoryRecord parsed;
  EXPECT_EQ(parse_inventory_record(encoded(twice), &parsed), Status::no_record);
}

TEST(InventoryHeader, ReadsBackEveryValue) {
  const Bytes bytes = encoded(InventoryHeader{2, 9, {77}, 5, 6});
  ASSERT_EQ(bytes.size(), InventoryHeader::bytes);
  InventoryHeader header;
  ASSERT_EQ(parse_inventory_header(bytes, &header), Status::ok);
  EXPECT_EQ(header.count, 2u);
  EXPECT_EQ(header.sequence, 9u);
  EXPECT_EQ(header.checksum.value, 77u);
  EXPECT_EQ(header.security_counter, 5u);
  EXPECT_EQ(header.keyring_version, 6u);
}

TEST(InventoryHeader, RefusesForeignBytesAndForgedSequences) {
  InventoryHeader header;
  EXPECT_EQ(parse_inventory_header(Bytes(InventoryHeader::bytes, 0xff), &header),
            Status::no_record);
  const Bytes forged = encoded(InventoryHeader{0, limits::record_sequence_max + 1, {}});
  EXPECT_EQ(parse_inventory_header(forged, &header), Status::no_record);
  const Bytes good = encoded(InventoryHeader{0, 1, {}});
  EXPECT_EQ(parse_inventory_header(ByteSpan(good).first(InventoryHeader::bytes - 1), &header),
            Status::no_record);
  EXPECT_EQ(parse_inventory_header(concat({good, Bytes{0}}), &header), Status::no_record);
}

TEST(InventoryChecksum, CoversAllOfTheHeaderButItself) {
  const Checksum one = begin_inventory_checksum({1, 1, {}}).finish();
  EXPECT_NE(one, begin_inventory_checksum({2, 1, {}}).finish());
  EXPECT_NE(one, begin_inventory_checksum({1, 2, {}}).finish());
  EXPECT_NE(one, begin_inventory_checksum({1, 1, {}, 1}).finish());
  EXPECT_NE(one, begin_inventory_checksum({1, 1, {}, 0, 1}).finish());
  EXPECT_EQ(one, begin_inventory_checksum({1, 1, {99}}).finish());
}

TEST(PackageState, HasANameForEveryValue) {
  EXPECT_STREQ(to_string(PackageState::factory), "factory");
  EXPECT_STREQ(to_string(PackageState::installed), "installed");
  EXPECT_STREQ(to_string(PackageState::confirmed), "confirmed");
  EXPECT_STREQ(to_string(PackageState::broken), "broken");
  EXPECT_STREQ(to_string(static_cast<PackageState>(0)), "unknown");
}

}  // namespace
}  // namespace romdelta::test
