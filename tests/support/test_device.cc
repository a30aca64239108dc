#include "tests/support/test_device.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

namespace romdelta::test {
namespace {

constexpr std::align_val_t kLine{Arena::line_bytes};

void require_ok(Status status, const char* what) {
  if (status != Status::ok) throw std::logic_error(std::string(what) + ": " + to_string(status));
}

// Pushes what the session wants until it has enough, fails or reaches the cut.
Status push_all(Session* session, ByteSpan package, const RunOptions& options) {
  std::uint64_t at = 0;
  Status status = Status::need_input;
  while (status == Status::need_input) {
    if (!options.from_beginning) at = session->next_offset_bytes();
    const std::uint64_t end = std::min<std::uint64_t>(package.size(), options.stop_at);
    if (at >= end) break;
    const std::uint64_t piece = options.random != nullptr
                                    ? pick(options.random, 1, options.piece_bytes)
                                    : options.piece_bytes;
    const std::uint64_t count = std::min(piece, end - at);
    status = session->push(at, package.subspan(at, count));
    at += count;
  }
  return status;
}

}  // namespace

AlignedMemory::AlignedMemory(std::size_t bytes)
    : memory_(static_cast<std::uint8_t*>(::operator new(bytes, kLine))), bytes_(bytes) {
  if (bytes != 0) std::memset(memory_.get(), 0xa5, bytes);
}

void AlignedMemory::Free::operator()(std::uint8_t* memory) const {
  ::operator delete(memory, kLine);
}

TestDevice::TestDevice(const DeviceShape& shape) {
  const std::array<std::uint64_t, kFlashCount> sizes = {shape.slot_bytes, shape.slot_bytes,
                                                        shape.journal_bytes, shape.inventory_bytes,
                                                        shape.scratch_bytes};
  for (std::size_t i = 0; i < kFlashCount; ++i) {
    memories_[i].assign(sizes[i], 0xff);
    flashes_[i].emplace(memories_[i], i < 2 || i == 4 ? shape.slots : shape.records);
    faulty_[i].emplace(&*flashes_[i], &faults);
  }
  package_id_ = shape.package_id;
  region.package_id = package_id_;
  region.slot_a = whole(0);
  if (shape.has_slot_b) region.slot_b = whole(1);
  device.vendor = "example";
  device.model = "x1";
  device.hardware = 3;
  device.regions = {&region, 1};
  device.journal = whole(2);
  device.inventory = whole(3);
  if (shape.scratch_bytes != 0) device.scratch = whole(4);
  device.trusted_keys = {&key.public_key, 1};
}

FlashRegion TestDevice::whole(std::size_t flash) {
  return {&*faulty_[flash], 0, memories_[flash].size()};
}

void TestDevice::provision(ByteSpan image, std::string_view version,
                           std::uint64_t security_counter) {
  Bytes& slot = slot_memory(Slot::a);
  std::fill(slot.begin(), slot.end(), std::uint8_t{0xff});
  std::copy(image.begin(), image.end(), slot.begin());
  InventoryRecord record;
  if (!record.package_id.assign(package_id_) || !record.version.assign(version)) {
    throw std::logic_error("name too long");
  }
  record.security_counter = security_counter;
  record.image_bytes = image.size();
  record.image_digest = digest_of(DigestDomain::image, image);
  Inventory inventory;
  require_ok(inventory.open(device.inventory, record_buffer_), "open inventory");
  require_ok(inventory.update(record), "update inventory");
  faults.reset();
}

InventoryRecord TestDevice::installed() {
  Inventory inventory;
  InventoryRecord record;
  require_ok(inventory.open(device.inventory, record_buffer_), "open inventory");
  require_ok(inventory.find(package_id_, &record), "find record");
  return record;
}

Bytes TestDevice::active_image() {
  const InventoryRecord record = installed();
  const Bytes& slot = slot_memory(record.active_slot);
  return {slot.begin(), slot.begin() + static_cast<std::ptrdiff_t>(record.image_bytes)};
}

std::optional<JournalRecord> TestDevice::newest_record() {
  Journal journal;
  require_ok(journal.open(device.journal, record_buffer_), "open journal");
  return journal.has_record() ? std::optional(journal.newest()) : std::nullopt;
}

void TestDevice::append_record(const JournalRecord& record) {
  Journal journal;
  require_ok(journal.open(device.journal, record_buffer_), "open journal");
  require_ok(journal.append(record), "append to journal");
}

RunResult run_session(TestDevice* device, ByteSpan package, const RunOptions& options) {
  AlignedMemory arena(options.arena_bytes);
  auto session = std::make_unique<Session>();
  RunResult result;
  result.status = session->begin(device->device, arena.span(), options.session);
  if (result.status == Status::need_input) {
    result.status = push_all(session.get(), package, options);
  }
  const bool is_cut = options.stop_at < package.size();
  if (result.status == Status::ok || (result.status == Status::need_input && !is_cut)) {
    result.status = session->finish();
  }
  result.resumed_at_chunk = session->resumed_at_chunk();
  result.already_installed = session->already_installed();
  result.target_slot = session->target_slot();
  result.arena_used_bytes = session->arena_used_bytes();
  return result;
}

}  // namespace romdelta::test
