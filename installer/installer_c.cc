#include "installer/installer_c.h"

#include <array>
#include <new>

#include "format/result_code.h"
#include "installer/callback_flash.h"
#include "installer/confirm.h"
#include "installer/super_session.h"

namespace romdelta {
namespace {

std::string_view text_of(const char* text) { return text == nullptr ? "" : text; }

// A Device that refers to the C caller's structures.
class CDevice {
 public:
  // Requires: the counts of `from` are within their limits.
  void assign(const romdelta_device& from) {
    for (std::size_t i = 0; i < from.region_count; ++i) {
      const romdelta_rom_region& region = from.regions[i];
      regions_[i] = {text_of(region.package_id), add(region.slot_a), add(region.slot_b)};
    }
    for (std::size_t i = 0; i < from.trusted_key_count; ++i) {
      copy_bytes(keys_[i].id.value.data(), from.trusted_keys[i].id);
      copy_bytes(keys_[i].value.data(), from.trusted_keys[i].value);
    }
    device_.vendor = text_of(from.vendor);
    device_.model = text_of(from.model);
    device_.hardware = from.hardware;
    device_.regions = {regions_.data(), from.region_count};
    device_.journal = add(from.journal);
    device_.inventory = add(from.inventory);
    device_.scratch = add(from.scratch);
    device_.trusted_keys = {keys_.data(), from.trusted_key_count};
    device_.production = !from.development;
  }
  const Device& device() const { return device_; }

 private:
  FlashRegion add(const romdelta_region& region) {
    if (region.flash == nullptr) return {};
    flashes_[flash_count_] = CallbackFlash(*region.flash);
    return {&flashes_[flash_count_++], region.offset_bytes, region.size_bytes};
  }

  std::array<CallbackFlash, 2 * ROMDELTA_REGION_COUNT_MAX + 3> flashes_;
  std::size_t flash_count_ = 0;
  std::array<RomRegion, ROMDELTA_REGION_COUNT_MAX> regions_;
  std::array<PublicKey, ROMDELTA_KEY_COUNT_MAX> keys_;
  Device device_;
};

// What a C caller's structure holds: a Session or a SuperSession.
template <typename Engine>
struct Held {
  Engine session;
  CDevice device;
  romdelta_progress progress = nullptr;
  void* progress_context = nullptr;

  static bool forward_progress(void* context, const Progress& progress) {
    const auto* held = static_cast<const Held*>(context);
    return held->progress(held->progress_context, static_cast<int>(progress.stage),
                          progress.done_bytes, progress.total_bytes);
  }
};
using CSession = Held<Session>;
using CSuperSession = Held<SuperSession>;
static_assert(sizeof(CSession) <= ROMDELTA_SESSION_BYTES);
static_assert(alignof(CSession) <= alignof(romdelta_session));
static_assert(sizeof(CSuperSession) <= ROMDELTA_SUPER_SESSION_BYTES);
static_assert(alignof(CSuperSession) <= alignof(romdelta_super_session));

Session& unwrap(const romdelta_session* session) {
  auto* storage = const_cast<std::uint8_t*>(session->storage);
  return std::launder(reinterpret_cast<CSession*>(storage))->session;
}

SuperSession& unwrap(const romdelta_super_session* session) {
  auto* storage = const_cast<std::uint8_t*>(session->storage);
  return std::launder(reinterpret_cast<CSuperSession*>(storage))->session;
}

bool counts_are_valid(const romdelta_device& device) {
  return device.region_count <= ROMDELTA_REGION_COUNT_MAX &&
         device.trusted_key_count <= ROMDELTA_KEY_COUNT_MAX;
}

romdelta_status to_c(Status status) { return static_cast<romdelta_status>(status); }

template <typename Engine>
Status begin_held(std::uint8_t* storage, const romdelta_device& device, MutableByteSpan arena,
                  romdelta_progress progress, void* progress_context) {
  auto* held = new (storage) Held<Engine>;
  if (!counts_are_valid(device)) return Status::out_of_order;
  held->device.assign(device);
  held->progress = progress;
  held->progress_context = progress_context;
  SessionOptions options;
  if (progress != nullptr) {
    options.progress = &Held<Engine>::forward_progress;
    options.progress_context = held;
  }
  return held->session.begin(held->device.device(), arena, options);
}

// The inventory of `device`, read through a buffer on the stack: boot loaders have no arena yet.
class InventoryAccess {
 public:
  Status open(const romdelta_device& device) {
    if (!counts_are_valid(device)) return Status::out_of_order;
    device_.assign(device);
    return inventory_.open(device_.device().inventory, buffer_);
  }
  Inventory& inventory() { return inventory_; }

 private:
  CDevice device_;
  std::array<std::uint8_t, limits::record_buffer_bytes> buffer_;
  Inventory inventory_;
};

}  // namespace
}  // namespace romdelta

extern "C" {

romdelta_status romdelta_begin(romdelta_session* session, const romdelta_device* device,
                               void* arena, size_t arena_bytes, romdelta_progress progress,
                               void* progress_context) {
  using namespace romdelta;
  const MutableByteSpan memory(static_cast<std::uint8_t*>(arena), arena_bytes);
  return to_c(begin_held<Session>(session->storage, *device, memory, progress, progress_context));
}

romdelta_status romdelta_push(romdelta_session* session, uint64_t offset_bytes, const void* bytes,
                              size_t count) {
  using namespace romdelta;
  const ByteSpan span(static_cast<const std::uint8_t*>(bytes), count);
  return to_c(unwrap(session).push(offset_bytes, span));
}

uint64_t romdelta_next_offset_bytes(const romdelta_session* session) {
  return romdelta::unwrap(session).next_offset_bytes();
}

romdelta_status romdelta_finish(romdelta_session* session) {
  return romdelta::to_c(romdelta::unwrap(session).finish());
}

romdelta_status romdelta_super_begin(romdelta_super_session* session, const romdelta_device* device,
                                     void* arena, size_t arena_bytes, romdelta_progress progress,
                                     void* progress_context) {
  using namespace romdelta;
  const MutableByteSpan memory(static_cast<std::uint8_t*>(arena), arena_bytes);
  return to_c(
      begin_held<SuperSession>(session->storage, *device, memory, progress, progress_context));
}

romdelta_status romdelta_super_push(romdelta_super_session* session, uint64_t offset_bytes,
                                    const void* bytes, size_t count) {
  using namespace romdelta;
  const ByteSpan span(static_cast<const std::uint8_t*>(bytes), count);
  return to_c(unwrap(session).push(offset_bytes, span));
}

uint64_t romdelta_super_next_offset_bytes(const romdelta_super_session* session) {
  return romdelta::unwrap(session).next_offset_bytes();
}

romdelta_status romdelta_super_finish(romdelta_super_session* session) {
  return romdelta::to_c(romdelta::unwrap(session).finish());
}

size_t romdelta_super_member_count(const romdelta_super_session* session) {
  const romdelta::SuperHead* head = romdelta::unwrap(session).head();
  return head != nullptr ? head->manifest.member_count : 0;
}

romdelta_status romdelta_super_member_status(const romdelta_super_session* session, size_t index) {
  return romdelta::to_c(romdelta::unwrap(session).member_status(index));
}

romdelta_status romdelta_provision(const romdelta_device* device, const char* package_id,
                                   const char* version) {
  using namespace romdelta;
  InventoryRecord record;
  if (!is_valid_package_id(text_of(package_id)) || !record.package_id.assign(package_id) ||
      !is_valid_version(text_of(version)) || !record.version.assign(version)) {
    return to_c(Status::out_of_order);
  }
  InventoryAccess access;
  const Status status = access.open(*device);
  return to_c(status == Status::ok ? access.inventory().update(record) : status);
}

romdelta_status romdelta_confirm(const romdelta_device* device, const char* package_id) {
  using namespace romdelta;
  if (!counts_are_valid(*device)) return to_c(Status::out_of_order);
  CDevice c_device;
  c_device.assign(*device);
  std::array<std::uint8_t, limits::record_buffer_bytes> buffer;
  return to_c(confirm(c_device.device(), buffer, text_of(package_id)));
}

romdelta_status romdelta_active_slot(const romdelta_device* device, const char* package_id,
                                     int* slot) {
  using namespace romdelta;
  InventoryAccess access;
  InventoryRecord record;
  Status status = access.open(*device);
  if (status == Status::ok) status = access.inventory().find(text_of(package_id), &record);
  if (status == Status::ok && record.state == PackageState::broken) status = Status::source_damaged;
  if (status == Status::ok) *slot = static_cast<int>(record.active_slot);
  return to_c(status);
}

const char* romdelta_status_name(romdelta_status status) {
  return romdelta::to_string(static_cast<romdelta::Status>(status));
}

uint16_t romdelta_result_code(romdelta_status status) {
  return static_cast<uint16_t>(romdelta::result_code(static_cast<romdelta::Status>(status)));
}

}  // extern "C"
