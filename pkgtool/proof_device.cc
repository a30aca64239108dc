#include "pkgtool/proof_device.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "installer/inventory.h"
#include "installer/journal.h"
#include "installer/plan_reader.h"

namespace romdelta::pkgtool {
namespace {

// What memory holds that nobody has written since power came back.
constexpr int kPoison = 0xa5;

// Seeds of what the writable parts hold before the first installation.
constexpr std::uint64_t kLeftovers = 0x6c656674;

Part part_of(Slot slot) { return slot == Slot::a ? Part::slot_a : Part::slot_b; }

std::size_t arena_bytes_for(const Manifest& manifest) {
  return static_cast<std::size_t>(
      std::max<std::uint64_t>(manifest.budgets.ram_bytes, Session::arena_bytes_min));
}

// Programs the bytes as the factory would.
void put(SimulatedStorage* storage, Part part, ByteSpan bytes) {
  const FlashGeometry flash = storage->geometry(part).flash;
  FlashContents& contents = storage->image(part).contents;
  contents.write(0, bytes);
  if (!flash.erase_before_program) return;
  for (std::uint64_t at = 0; at < bytes.size(); at += flash.program_unit_bytes) contents.touch(at);
}

// What the device asks for before the installation, so that a counter that rises is seen.
std::uint64_t floor_below(std::uint64_t counter) { return counter == 0 ? 0 : counter - 1; }

}  // namespace

ApplierResult apply_with_session(const Device& device, ByteSpan package, MutableByteSpan arena) {
  alignas(Session) std::array<std::uint8_t, sizeof(Session)> memory;
  std::memset(memory.data(), kPoison, memory.size());
  auto* session = new (memory.data()) Session;
  Status status = session->begin(device, arena, {});
  while (status == Status::need_input) {
    const std::uint64_t at = session->next_offset_bytes();
    if (at >= package.size()) break;
    status = session->push(at, package.subspan(static_cast<std::size_t>(at)));
  }
  if (status == Status::ok || status == Status::need_input) status = session->finish();
  const ApplierResult result = {status, session->arena_used_bytes()};
  session->~Session();
  return result;
}

ProofDevice::ProofDevice(const ProofSubject& subject)
    : subject_(subject),
      simulator_(subject.shape),
      inspector_(subject.shape),
      record_buffer_(limits::record_buffer_bytes) {
  const ByteSpan front =
      subject.package.first(std::min(subject.package.size(), limits::head_bytes_max));
  const Status status = verify_head(front, subject.keys, &head_);
  if (status != Status::ok) {
    throw Error(Exit::bad_input, result_row(status).meaning, {}, result_row(status).action);
  }
  const Manifest& manifest = head_.manifest;
  add_others();
  std::size_t arena_bytes = arena_bytes_for(manifest);
  for (const PackageHead& other : other_heads_) {
    arena_bytes = std::max(arena_bytes, arena_bytes_for(other.manifest));
  }
  arena_ = std::make_unique<std::uint64_t[]>(arena_bytes / sizeof(std::uint64_t) + 1);
  regions_[0].package_id = manifest.package_id.view();
  regions_[0].slot_a = simulator_.region(Part::slot_a);
  regions_[0].slot_b = simulator_.region(Part::slot_b);
  device_.vendor = manifest.device.vendor.view();
  device_.model = manifest.device.model.view();
  device_.hardware = manifest.device.hardware_min;
  device_.regions = std::span(regions_).first(region_count_);
  device_.journal = simulator_.region(Part::journal);
  device_.inventory = simulator_.region(Part::inventory);
  device_.scratch = simulator_.region(Part::scratch);
  device_.trusted_keys = subject.keys;
  device_.production = manifest.role == KeyRole::release;
  if (manifest.plan.present()) read_plan();
}

void ProofDevice::add_others() {
  for (const ByteSpan package : subject_.others) {
    PackageHead head;
    const ByteSpan front = package.first(std::min(package.size(), limits::head_bytes_max));
    const Status status = verify_head(front, subject_.keys, &head);
    if (status != Status::ok || !head.manifest.is_full()) {
      throw Error(Exit::internal, "another package is not authentic, or not full");
    }
    if (head.manifest.package_id.view() != head_.manifest.package_id.view()) {
      second_id_ = head.manifest.package_id;
      region_count_ = 2;
    }
    other_heads_.push_back(head);
  }
  if (!has_second()) return;
  regions_[1].package_id = second_id_.view();
  regions_[1].slot_a = simulator_.region(Part::other_a);
  regions_[1].slot_b = simulator_.region(Part::other_b);
}

// The first step of each chunk, and one past the last of all.
void ProofDevice::read_plan() {
  const Manifest& manifest = head_.manifest;
  const ByteSpan bytes =
      subject_.package.subspan(head_.head_bytes + manifest.map.bytes, manifest.plan.bytes);
  const auto model = std::make_unique<PlanModel>();
  PlanReader reader(manifest, bytes, model.get());
  std::vector<Hole> holes(manifest.plan.hole_count);
  std::vector<std::uint32_t> groups(manifest.plan.chunk_steps_max);
  std::vector<std::uint32_t> words((grains_of_group(manifest) + 31) / 32);
  GrainSet kept(words, static_cast<std::uint32_t>(grains_of_group(manifest)));
  Status status = reader.holes(holes);
  for (std::uint32_t chunk = 0; status == Status::ok && chunk < manifest.chunk_count; ++chunk) {
    chunk_first_steps_.push_back(reader.steps_read());
    ChunkPlan plan;
    status = reader.chunk(&plan, groups);
    std::uint32_t until = 0;
    while (status == Status::ok && reader.steps_left() != 0) status = reader.step(&kept, &until);
  }
  chunk_first_steps_.push_back(reader.steps_read());
  std::vector<std::uint64_t> lent;
  lent.reserve(holes.size());
  for (const Hole& hole : holes) {
    lent.push_back(std::uint64_t{hole.group} * manifest.group_bytes);
  }
  simulator_.set_lent(std::move(lent), manifest.group_bytes);
}

bool ProofDevice::has_two_slots() const {
  return subject_.shape[static_cast<std::size_t>(Part::slot_b)].bytes != 0;
}

const SimulatedStorage& ProofDevice::provisioned() {
  if (!provisioned_) provisioned_ = provision();
  return *provisioned_;
}

SimulatedStorage ProofDevice::provision() {
  SimulatedStorage storage(subject_.shape);
  for (const Part part :
       {Part::slot_a, Part::slot_b, Part::scratch, Part::other_a, Part::other_b}) {
    const std::uint64_t bytes = subject_.shape[static_cast<std::size_t>(part)].bytes;
    Bytes leftovers(static_cast<std::size_t>(bytes));
    fill_noise(kLeftovers + static_cast<std::uint64_t>(part), leftovers);
    put(&storage, part, leftovers);
  }
  const ByteSpan source = subject_.source.value_or(ByteSpan());
  const SimulatedPart& slot = subject_.shape[static_cast<std::size_t>(Part::slot_a)];
  if (source.size() > slot.bytes) throw Error(Exit::bad_input, "the source does not fit its slot");
  storage.image(Part::slot_a).contents.write(0, source);
  provision_inventory(&storage);
  for (const PastBoot& past : subject_.past) {
    boot(std::move(storage));
    if (past.fault) simulator_.plan(*past.fault);
    const Status status = run_other(past.other).status;
    if (past.fault ? !simulator_.fired() : status != Status::ok) {
      throw Error(Exit::internal,
                  std::string("the past cannot have been so: ") + to_string(status));
    }
    storage = std::move(simulator_.storage());
  }
  return storage;
}

void ProofDevice::provision_inventory(SimulatedStorage* storage) {
  const Manifest& manifest = head_.manifest;
  inspector_.boot(std::move(*storage));
  InventoryRecord record;
  record.package_id = manifest.package_id;
  if (manifest.is_full()) {
    (void)record.version.assign("before");
  } else {
    record.version = manifest.sources[0].version;
  }
  record.security_counter = floor_below(manifest.order.security_counter);
  Inventory inventory;
  Status status = inventory.open(inspector_.region(Part::inventory), record_buffer_);
  const std::uint64_t device_counter = floor_below(manifest.order.device_counter);
  if (status == Status::ok) status = inventory.update(record, device_counter);
  if (status == Status::ok && has_second()) {
    record.package_id = second_id_;
    (void)record.version.assign("before");
    status = inventory.update(record, device_counter);
  }
  if (status != Status::ok) throw Error(Exit::bad_input, "the inventory region is of no use");
  *storage = std::move(inspector_.storage());
}

void ProofDevice::boot(SimulatedStorage storage) {
  simulator_.boot(std::move(storage));
  // In A/B nobody writes the slot that boots.
  if (manifest().layout == Layout::ab && has_two_slots()) simulator_.protect(Part::slot_a);
}

ApplierResult ProofDevice::run() { return run_package(subject_.package, head_.manifest); }

ApplierResult ProofDevice::run_other(std::size_t index) {
  return run_package(subject_.others[index], other_manifest(index));
}

// In just as much memory as it asks for.
ApplierResult ProofDevice::run_package(ByteSpan package, const Manifest& manifest) {
  auto* memory = reinterpret_cast<std::uint8_t*>(arena_.get());
  const std::size_t bytes = arena_bytes_for(manifest);
  std::memset(memory, kPoison, bytes);
  const ApplierResult result = subject_.applier(device_, package, {memory, bytes});
  last_status_ = result.status;
  return result;
}

bool ProofDevice::names_target(const InventoryRecord& record) const {
  return record.state == PackageState::installed &&
         record.version == head_.manifest.target.version &&
         record.manifest_digest == head_.manifest_digest;
}

std::optional<InventoryRecord> ProofDevice::installed(const SimulatedStorage& settled,
                                                      std::size_t region) {
  inspector_.boot(settled);
  Inventory inventory;
  InventoryRecord record;
  Status status = inventory.open(inspector_.region(Part::inventory), record_buffer_);
  if (status == Status::ok) status = inventory.find(regions_[region].package_id, &record);
  device_counter_ = inventory.security_counter();
  return status == Status::ok ? std::optional(record) : std::nullopt;
}

std::string ProofDevice::fault_of_counters(const InventoryRecord& record) const {
  const ReleaseOrder& order = head_.manifest.order;
  const bool is_as_before = record.security_counter == floor_below(order.security_counter) &&
                            device_counter_ == floor_below(order.device_counter);
  return is_as_before ? std::string()
                      : "a security counter rose before the target was confirmed (L7)";
}

Bytes ProofDevice::active_image(const SimulatedStorage& storage) {
  const std::optional<InventoryRecord> record = installed(storage);
  if (!record) return {};
  Bytes image(static_cast<std::size_t>(record->image_bytes));
  const Part part = part_of(record->active_slot);
  if (image.size() > subject_.shape[static_cast<std::size_t>(part)].bytes) return {};
  storage.image(part).contents.read(0, image);
  return image;
}

std::string ProofDevice::fault_of_image(const SimulatedStorage& settled,
                                        const InventoryRecord& record) {
  const Part part = part_of(record.active_slot);
  if (subject_.shape[static_cast<std::size_t>(part)].bytes < target_->size()) {
    return "the inventory names a slot that does not hold the target";
  }
  image_buffer_.resize(target_->size());
  settled.image(part).contents.read(0, image_buffer_);
  return image_buffer_ == *target_ ? std::string()
                                   : "the inventory names the target, and it is not whole";
}

std::string ProofDevice::fault_of_target(const SimulatedStorage& storage) {
  if (std::string fault = fault_of_second(storage); !fault.empty()) return fault;
  const bool stable = storage.is_stable();
  for (const Settled how : all_settlements) {
    const SimulatedStorage settled = stable ? storage : storage.settled(how);
    const std::optional<InventoryRecord> record = installed(settled);
    if (!record) return "the inventory is not readable";
    if (!names_target(*record)) return "the inventory does not name the target";
    std::string fault = fault_of_counters(*record);
    if (fault.empty()) fault = fault_of_image(settled, *record);
    if (!fault.empty() || stable) return fault;
  }
  return {};
}

std::string ProofDevice::fault_of_boot(const SimulatedStorage& storage) {
  if (std::string fault = fault_of_second(storage); !fault.empty()) return fault;
  if (!has_two_slots()) return {};
  const bool stable = storage.is_stable();
  for (const Settled how : all_settlements) {
    const SimulatedStorage settled = stable ? storage : storage.settled(how);
    const std::optional<InventoryRecord> record = installed(settled);
    if (!record) return "nothing can be booted: the inventory is not readable";
    std::string fault = fault_of_counters(*record);
    if (!fault.empty()) return fault;
    if (names_target(*record)) {
      fault = fault_of_image(settled, *record);
      if (!fault.empty()) return fault;
    } else if (record->state != PackageState::factory || record->active_slot != Slot::a) {
      return "the inventory names neither source nor target";
    }
    if (stable) break;
  }
  return {};
}

std::string ProofDevice::fault_of_other(const SimulatedStorage& storage, std::size_t index) {
  const PackageHead& head = other_heads_[index];
  const bool is_second = head.manifest.package_id.view() != head_.manifest.package_id.view();
  const std::optional<InventoryRecord> record = installed(storage, is_second ? 1 : 0);
  if (!record || record->manifest_digest != head.manifest_digest) return "it is not installed";
  const Part part_a = is_second ? Part::other_a : Part::slot_a;
  const Part part_b = is_second ? Part::other_b : Part::slot_b;
  Bytes image(static_cast<std::size_t>(head.manifest.target.bytes));
  storage.image(record->active_slot == Slot::a ? part_a : part_b).contents.read(0, image);
  const bool is_whole = digest_of(DigestDomain::image, image) == head.manifest.target.digest;
  return is_whole ? std::string() : "the inventory names another package, and it is not whole";
}

std::string ProofDevice::fault_of_second(const SimulatedStorage& storage) {
  if (!has_second()) return {};
  const bool stable = storage.is_stable();
  for (const Settled how : all_settlements) {
    const SimulatedStorage settled = stable ? storage : storage.settled(how);
    const std::optional<InventoryRecord> record = installed(settled, 1);
    if (!record) return "the inventory does not name the second package any more";
    std::string fault;
    if (record->state != PackageState::factory) fault = "the inventory names nothing that was made";
    for (std::size_t i = 0; i < other_heads_.size(); ++i) {
      if (record->manifest_digest == other_heads_[i].manifest_digest) {
        fault = fault_of_other(settled, i);
      }
    }
    if (!fault.empty() || stable) return fault;
  }
  return {};
}

bool ProofDevice::is_committed(const SimulatedStorage& storage) {
  const std::optional<InventoryRecord> record = installed(storage);
  return record && names_target(*record);
}

std::uint64_t ProofDevice::journal_progress(const SimulatedStorage& storage) {
  inspector_.boot(storage);
  Journal journal;
  const Status status = journal.open(inspector_.region(Part::journal), record_buffer_);
  if (status != Status::ok || !journal.has_record()) return 0;
  const JournalRecord& newest = journal.newest();
  if (newest.manifest_digest != head_.manifest_digest) return 0;
  if (!newest.is_pending()) return ~std::uint64_t{0};
  if (newest.kind == JournalKind::step) return 2 * std::uint64_t{newest.next} + 1;
  if (newest.kind != JournalKind::checkpoint || !manifest().plan.present()) return newest.next;
  const bool is_known = newest.next < chunk_first_steps_.size();
  return is_known ? 2 * std::uint64_t{chunk_first_steps_[newest.next]} : 0;
}

}  // namespace romdelta::pkgtool
