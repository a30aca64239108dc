// Bytes -> the journal and inventory regions of a device that then installs a good package. It ends
// well or with a clean failure, and never leaves a device that cannot be helped.
#include <algorithm>

#include "tests/fuzz/fuzz_input.h"
#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

// What the seeds are made from, too: make_seeds.cc.
struct Fixture {
  PackagePlan plan;
  MadePackage package;
  Digest manifest_digest;
};

const Fixture& fixture() {
  static const Fixture made = [] {
    Fixture f;
    f.plan.source = make_image(5000, 31);
    f.plan.target = revise(f.plan.source, 5200, 32);
    f.package = make_package(f.plan);
    PackageHead head;
    require(inspect_head(f.package.file, &head), "the package is good");
    f.manifest_digest = head.manifest_digest;
    return f;
  }();
  return made;
}

DeviceShape shape(std::uint8_t bits) {
  DeviceShape small;
  small.slot_bytes = 8 * 1024;
  small.journal_bytes = 2 * 1024;
  small.inventory_bytes = 2 * 1024;
  if ((bits & 0x20) != 0) small.records = {512, 512, false};
  return small;
}

// Makes records of whatever lies where records may lie.
void mend_journal(std::uint8_t bits, MutableByteSpan region) {
  for (std::size_t at = 0; at + JournalRecord::bytes <= region.size(); at += JournalRecord::bytes) {
    const MutableByteSpan record = region.subspan(at, JournalRecord::bytes);
    if ((bits & 0x02) != 0) copy_bytes(record.data() + 20, fixture().manifest_digest.value);
    const Checksum checksum = checksum_of(record.first(JournalRecord::bytes - Checksum::bytes));
    ByteWriter writer(record.last(Checksum::bytes));
    writer.u64(checksum.value);
  }
}

// Makes copies of whatever lies where copies may lie.
void mend_inventory(MutableByteSpan region) {
  const std::size_t half_bytes = region.size() / 2;
  for (std::size_t half = 0; half < 2; ++half) {
    const MutableByteSpan copy = region.subspan(half * half_bytes, half_bytes);
    InventoryHeader header;
    if (parse_inventory_header(copy.first(InventoryHeader::bytes), &header) != Status::ok) continue;
    const std::size_t capacity = (half_bytes - InventoryHeader::bytes) / InventoryRecord::bytes;
    header.count = static_cast<std::uint32_t>(header.count % (capacity + 1));
    ChecksumStream checksum = begin_inventory_checksum(header);
    checksum.update(copy.subspan(InventoryHeader::bytes, header.count * InventoryRecord::bytes));
    header.checksum = checksum.finish();
    ByteWriter writer(copy.first(InventoryHeader::bytes));
    encode_inventory_header(header, &writer);
  }
}

void overwrite(Bytes* memory, ByteSpan bytes) {
  copy_bytes(memory->data(), bytes.first(std::min(bytes.size(), memory->size())));
}

// The device after the hostile bytes were undone, as a technician would.
void repair_and_install(TestDevice* device, const Bytes& inventory) {
  std::ranges::fill(device->journal_memory(), std::uint8_t{0xff});
  device->inventory_memory() = inventory;
  require(run_session(device, fixture().package.file).status, "a repaired device can be updated");
  require(device->active_image() == fixture().plan.target, "a repaired device has the target");
}

}  // namespace

// [options u8][target bytes already there u16][journal, 2 KiB][inventory].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::uint8_t bits = input.u8();
  TestDevice device(shape(bits));
  device.provision(fixture().plan.source, "1.0");
  const Bytes good_inventory = device.inventory_memory();
  const Bytes slot_a = device.slot_memory(Slot::a);

  std::ranges::fill(device.slot_memory(Slot::b), std::uint8_t{0xee});
  const ByteSpan target(fixture().plan.target);
  overwrite(&device.slot_memory(Slot::b),
            target.first(std::min<std::size_t>(input.u16(), target.size())));
  overwrite(&device.journal_memory(), input.take(device.journal_memory().size()));
  if ((bits & 0x01) != 0) mend_journal(bits, device.journal_memory());
  const bool is_inventory_hostile = (bits & 0x04) != 0;
  if (is_inventory_hostile) {
    overwrite(&device.inventory_memory(), input.rest());
    if ((bits & 0x08) != 0) mend_inventory(device.inventory_memory());
  }

  const Status status = run_session(&device, fixture().package.file).status;
  require(device.slot_memory(Slot::a) == slot_a, "the source is never written");
  require(status != Status::internal && status != Status::out_of_order,
          "the flash is at fault, not the engine");
  if (!is_inventory_hostile) {
    require(status == Status::ok || status == Status::target_mismatch,
            "a forged journal can only make the target wrong");
    // Nobody repairs anything: a journal costs time, never the device.
    require(run_session(&device, fixture().package.file).status, "the next session succeeds");
    require(device.active_image() == fixture().plan.target, "the target is there");
  }
  repair_and_install(&device, good_inventory);
  return 0;
}
