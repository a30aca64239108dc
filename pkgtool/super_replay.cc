#include "pkgtool/super_replay.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "pkgtool/replay_parts.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;

// One ROM package of the device.
struct Place {
  std::string id;
  ImageIdentity target;
  Layout layout = Layout::ab;
  std::unique_ptr<ReplayFlash> slot_a;
  std::unique_ptr<ReplayFlash> slot_b;
};

class ReplayProduct {
 public:
  ReplayProduct(ByteSpan file, const SuperHead& head, const SuperSources& sources, TrustedKeys keys)
      : journal_(ReplayFlash::of_records()), inventory_(ReplayFlash::of_records()) {
    std::uint64_t scratch_bytes = 0;
    std::uint32_t scratch_block = 0;
    SuperMembers members = head.manifest.members();
    SuperMember member;
    while (members.next(&member)) {
      PackageHead package;
      const auto at = static_cast<std::size_t>(head.head_bytes + member.offset_bytes);
      if (inspect_head(file.subspan(at), &package) != Status::ok) continue;
      const std::uint32_t block = package.manifest.erase_block_bytes;
      if (member.scratch_bytes != 0) {
        scratch_block = std::gcd(scratch_block, block);
        scratch_bytes = std::max(scratch_bytes, member.scratch_bytes);
      }
      if (places_.empty() || places_.back().id != member.package_id.view()) {
        add(member, block, sources);
      }
    }
    if (scratch_bytes != 0) scratch_ = std::make_unique<ReplayFlash>(scratch_bytes, scratch_block);
    for (Place& place : places_) {
      RomRegion region;
      region.package_id = place.id;
      region.slot_a = place.slot_a->region();
      if (place.slot_b) region.slot_b = place.slot_b->region();
      regions_.push_back(region);
    }
    const DeviceFilter& filter = head.manifest.facts.device;
    device_.vendor = filter.vendor.view();
    device_.model = filter.model.view();
    device_.hardware = filter.hardware_min;
    device_.regions = regions_;
    device_.journal = journal_.region();
    device_.inventory = inventory_.region();
    if (scratch_) device_.scratch = scratch_->region();
    device_.trusted_keys = keys;
  }

  const Device& device() const { return device_; }

  Status provision(const SuperHead& head, const SuperSources& sources) {
    Bytes buffer(limits::record_buffer_bytes);
    Inventory inventory;
    Status status = inventory.open(device_.inventory, buffer);
    SuperMembers members = head.manifest.members();
    SuperMember member;
    std::map<std::string, InventoryRecord> records;
    std::uint64_t device_counter = 0;
    while (members.next(&member)) {
      const std::string id(member.package_id.view());
      InventoryRecord& record = records[id];
      record.package_id = member.package_id;
      // What the package is built for: how far it may jump is not asked here.
      record.security_counter = member.order.security_counter;
      device_counter = std::max(device_counter, member.order.device_counter);
      if (record.version.empty()) (void)record.version.assign("unknown");
      const auto source = sources.find(id);
      if (source == sources.end() || !member.has_source) continue;
      if (digest_of(DigestDomain::image, source->second) != member.source.digest) continue;
      record.version = member.source.version;
      record.image_bytes = member.source.bytes;
      record.image_digest = member.source.digest;
    }
    for (std::size_t i = 0; i < head.manifest.requirement_count; ++i) {
      const SuperRequirement requirement = head.manifest.requirement(i);
      InventoryRecord& record = records[std::string(requirement.package_id.view())];
      record.package_id = requirement.package_id;
      record.version = requirement.versions[0];
    }
    for (const auto& [id, record] : records) {
      if (status == Status::ok) status = inventory.update(record, device_counter);
    }
    return status;
  }

  // Every ROM package has its target, where the inventory says.
  bool is_right() {
    Bytes buffer(limits::record_buffer_bytes);
    Inventory inventory;
    if (inventory.open(device_.inventory, buffer) != Status::ok) return false;
    for (Place& place : places_) {
      InventoryRecord record;
      if (inventory.find(place.id, &record) != Status::ok) return false;
      const ReplayFlash& slot = record.active_slot == Slot::a ? *place.slot_a : *place.slot_b;
      const ByteSpan image =
          ByteSpan(slot.memory).first(static_cast<std::size_t>(place.target.bytes));
      if (digest_of(DigestDomain::image, image) != place.target.digest ||
          record.image_digest != place.target.digest) {
        return false;
      }
    }
    return true;
  }

 private:
  void add(const SuperMember& member, std::uint32_t block, const SuperSources& sources) {
    Place place;
    place.id = std::string(member.package_id.view());
    place.target = member.target;
    place.layout = member.layout;
    const auto source = sources.find(place.id);
    const std::uint64_t source_bytes = source == sources.end() ? 0 : source->second.size();
    const std::uint64_t bytes = std::max<std::uint64_t>({member.target.bytes, source_bytes, 1});
    place.slot_a = std::make_unique<ReplayFlash>(bytes, block);
    if (member.layout == Layout::ab) place.slot_b = std::make_unique<ReplayFlash>(bytes, block);
    std::ranges::fill(place.slot_a->memory, std::uint8_t{0});
    if (place.slot_b) std::ranges::fill(place.slot_b->memory, std::uint8_t{0});
    if (source != sources.end()) copy_bytes(place.slot_a->memory.data(), source->second);
    places_.push_back(std::move(place));
  }

  std::vector<Place> places_;
  std::vector<RomRegion> regions_;
  ReplayFlash journal_;
  ReplayFlash inventory_;
  std::unique_ptr<ReplayFlash> scratch_;
  Device device_;
};

}  // namespace

SuperReplayResult replay_super(ByteSpan file, const SuperSources& sources, TrustedKeys keys,
                               const StageProgress& progress) {
  SuperReplayResult result;
  SuperHead head;
  result.status = verify_super_head(file.first(std::min(file.size(), limits::super_head_bytes_max)),
                                    keys, &head);
  if (result.status != Status::ok) return result;
  ReplayProduct product(file, head, sources, keys);
  result.status = product.provision(head, sources);
  if (result.status != Status::ok) return result;
  Bytes arena(static_cast<std::size_t>(super_arena_bytes_needed(head)));
  StageProgress callback = progress;
  const auto session = std::make_unique<SuperSession>();
  Status status = session->begin(product.device(), arena, replay_options(&callback));
  while (status == Status::need_input) {
    const auto at = static_cast<std::size_t>(session->next_offset_bytes());
    if (at >= file.size()) break;
    status = session->push(at, file.subspan(at, std::min(kPieceBytes, file.size() - at)));
  }
  if (status == Status::ok) status = session->finish();
  if (status == Status::ok && !product.is_right()) status = Status::target_mismatch;
  result.status = status;
  result.arena_used_bytes = session->arena_used_bytes();
  for (std::size_t i = 0; i < head.manifest.member_count; ++i) {
    if (session->member_state(i) == MemberState::complete) ++result.installed_count;
    if (session->member_state(i) == MemberState::failed) {
      result.failed_package = std::string(head.manifest.member(i).package_id.view());
    }
  }
  return result;
}

}  // namespace romdelta::pkgtool
