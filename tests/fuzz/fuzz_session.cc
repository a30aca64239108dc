// Bytes -> a package with right digests and signature (resign.h) -> a whole Session, in one piece
// and in random pieces.
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/resign.h"
#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

// What the seeds are made from, too: make_seeds.cc.
const Bytes& source_image() {
  static const Bytes image = make_image(5000, 31);
  return image;
}

DeviceShape shape() {
  DeviceShape small;
  small.slot_bytes = 16 * 1024;
  small.journal_bytes = 2 * 1024;
  small.inventory_bytes = 2 * 1024;
  return small;
}

void check_target(TestDevice* device, ByteSpan file) {
  PackageHead head;
  require(inspect_head(file, &head), "what was installed can be inspected");
  const InventoryRecord record = device->installed();
  require(record.active_slot == Slot::b, "the target slot became active");
  require(record.version == head.manifest.target.version, "the inventory has its version");
  const Bytes target = device->active_image();
  require(target.size() == head.manifest.target.bytes, "the target has its size");
  require(checksum_of(target) == head.manifest.target_checksum, "the target is the signed one");
}

Status install(ByteSpan file, Random* random) {
  TestDevice device(shape());
  device.provision(source_image(), "1.0");
  const Bytes inventory = device.inventory_memory();
  const Bytes slot_a = device.slot_memory(Slot::a);
  RunOptions options;
  options.random = random;
  options.piece_bytes = random != nullptr ? 200 : file.size() + 1;
  options.from_beginning = true;
  const RunResult result = run_session(&device, file, options);
  require(device.slot_memory(Slot::a) == slot_a, "the source is never written");
  if (result.status == Status::ok) {
    check_target(&device, file);
  } else {
    require(device.inventory_memory() == inventory, "a failure commits nothing");
    require(result.status != Status::internal && result.status != Status::out_of_order,
            "the package is at fault, not the engine");
  }
  return result.status;
}

}  // namespace

// [options u8][seed u64][package].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ImageIdentity source = identity_of(source_image(), "1.0");
  FuzzInput input(data, size);
  const std::uint8_t bits = input.u8();
  Random random(input.u64());
  const ResignOptions options{(bits & 1) == 0, (bits & 2) == 0 ? &source : nullptr};
  const Bytes file = resign(input.rest(), test_key(1), options);
  const Status whole = install(file, nullptr);
  require(install(file, &random) == whole, "the pieces do not change the result");
  return 0;
}
