#include "pkgtool/replay.h"

#include <algorithm>

#include "pkgtool/replay_parts.h"

namespace romdelta::pkgtool {
namespace {

// One slot and scratch for a package in place, two slots for others.
struct ReplayDevice {
  ReplayDevice(const Manifest& manifest, std::optional<ByteSpan> source)
      : is_in_place(manifest.layout == Layout::in_place),
        slot_a(slot_bytes(manifest, source ? source->size() : 0), manifest.erase_block_bytes),
        slot_b(is_in_place ? 0 : slot_bytes(manifest, 0), manifest.erase_block_bytes),
        journal(ReplayFlash::of_records()),
        inventory(ReplayFlash::of_records()),
        scratch(manifest.budgets.scratch_bytes, manifest.erase_block_bytes) {
    std::ranges::fill(target().memory, std::uint8_t{0});  // Nothing there is erased yet.
    if (source) copy_bytes(slot_a.memory.data(), *source);
  }

  ReplayFlash& target() { return is_in_place ? slot_a : slot_b; }

  bool is_in_place;
  ReplayFlash slot_a;
  ReplayFlash slot_b;
  ReplayFlash journal;
  ReplayFlash inventory;
  ReplayFlash scratch;

 private:
  static std::uint64_t slot_bytes(const Manifest& manifest, std::uint64_t source_bytes) {
    const bool is_in_place = manifest.layout == Layout::in_place;
    if (is_in_place) return std::max(source_bytes, manifest.target.bytes);
    return source_bytes != 0 ? source_bytes : manifest.target.bytes;
  }
};

Status provision(const Manifest& manifest, const FlashRegion& inventory_region) {
  Bytes buffer(limits::record_buffer_bytes);
  Inventory inventory;
  const Status status = inventory.open(inventory_region, buffer);
  if (status != Status::ok) return status;
  InventoryRecord record;
  record.package_id = manifest.package_id;
  record.version = manifest.is_full() ? manifest.target.version : manifest.sources[0].version;
  record.security_counter = manifest.order.security_counter;
  return inventory.update(record, manifest.order.device_counter);
}

// The device that the manifest describes, so that nothing but the package's content is judged.
Device describe(const Manifest& manifest, const RomRegion& region, ReplayDevice* parts,
                TrustedKeys keys) {
  Device device;
  device.vendor = manifest.device.vendor.view();
  device.model = manifest.device.model.view();
  device.hardware = manifest.device.hardware_min;
  device.regions = {&region, 1};
  device.journal = parts->journal.region();
  device.inventory = parts->inventory.region();
  if (!parts->scratch.memory.empty()) device.scratch = parts->scratch.region();
  device.trusted_keys = keys;
  device.production = manifest.role == KeyRole::release;
  return device;
}

Status push_all(Session* session, ByteSpan package, std::size_t piece_bytes) {
  Status status = Status::need_input;
  for (std::size_t at = 0; at < package.size();) {
    const std::size_t step = std::min(piece_bytes, package.size() - at);
    status = session->push(at, package.subspan(at, step));
    if (status != Status::ok && status != Status::need_input) return status;
    at += step;
  }
  return session->finish();
}

}  // namespace

ReplayResult replay(ByteSpan package, std::optional<ByteSpan> source, TrustedKeys keys,
                    const ReplayOptions& options) {
  ReplayResult result;
  // Nothing is sized from a manifest that is not authentic: the same session without a device then
  // says why.
  PackageHead head;
  head.manifest.erase_block_bytes = 1;
  const ByteSpan front = package.first(std::min(package.size(), limits::head_bytes_max));
  if (verify_head(front, keys, &head) == Status::ok) result.head = head;
  const Manifest& manifest = head.manifest;

  ReplayDevice parts(manifest, source);
  RomRegion region;
  region.package_id = manifest.package_id.view();
  region.slot_a = parts.slot_a.region();
  if (!parts.is_in_place) region.slot_b = parts.slot_b.region();
  if (result.head) {
    result.status = provision(manifest, parts.inventory.region());
    if (result.status != Status::ok) return result;
  }
  const std::uint64_t arena_bytes =
      std::max<std::uint64_t>(manifest.budgets.ram_bytes, Session::arena_bytes_min);
  Bytes arena(static_cast<std::size_t>(arena_bytes));
  StageProgress progress = options.progress;
  Session session;
  const Device device = describe(manifest, region, &parts, keys);
  result.status = session.begin(device, arena, replay_options(&progress));
  if (result.status == Status::need_input) {
    result.status = push_all(&session, package, options.piece_bytes);
  }
  result.failed_offset_bytes = session.next_offset_bytes();
  result.arena_used_bytes = session.arena_used_bytes();
  result.flash_write_bytes =
      parts.target().flash.programmed_bytes() + parts.scratch.flash.programmed_bytes();
  result.erase_count = parts.target().flash.erased_blocks() + parts.scratch.flash.erased_blocks();
  result.journal_bytes = parts.journal.flash.programmed_bytes();
  if (result.status == Status::ok) {
    parts.target().memory.resize(static_cast<std::size_t>(manifest.target.bytes));
    result.target = std::move(parts.target().memory);
  }
  return result;
}

}  // namespace romdelta::pkgtool
