#include "installer/installer_c.h"

#include <array>
#include <new>

#include "format/result_code.h"
#include "installer/callback_flash.h"
#include "installer/confirm.h"
#include "installer/session.h"

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

struct CSession {
  Session session;
  CDevice device;
  romdelta_progress progress = nullptr;
  void* progress_context = nullptr;
};
static_assert(sizeof(CSession) <= ROMDELTA_SESSION_BYTES);
static_assert(alignof(CSession) <= alignof(romdelta_session));

CSession& unwrap(romdelta_session* session) {
  return *std::launder(reinterpret_cast<CSession*>(session->storage));
}

bool forward_progress(void* context, const Progress& progress) {
  const auto* session = static_cast<const CSession*>(context);
  return session->progress(session->progress_context, static_cast<int>(progress.stage),
                           progress.done_bytes, progress.total_bytes);
}

bool counts_are_valid(const romdelta_device& device) {
  return device.region_count <= ROMDELTA_REGION_COUNT_MAX &&
         device.trusted_key_count <= ROMDELTA_KEY_COUNT_MAX;
}

romdelta_status to_c(Status status) { return static_cast<romdelta_status>(status); }

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
  auto* state = new (session->storage) CSession;
  if (!counts_are_valid(*device)) return to_c(Status::out_of_order);
  state->device.assign(*device);
  state->progress = progress;
  state->progress_context = progress_context;
  SessionOptions options;
  if (progress != nullptr) {
    options.progress = forward_progress;
    options.progress_context = state;
  }
  return to_c(state->session.begin(state->device.device(),
                                   {static_cast<std::uint8_t*>(arena), arena_bytes}, options));
}

romdelta_status romdelta_push(romdelta_session* session, uint64_t offset_bytes, const void* bytes,
                              size_t count) {
  using namespace romdelta;
  const ByteSpan span(static_cast<const std::uint8_t*>(bytes), count);
  return to_c(unwrap(session).session.push(offset_bytes, span));
}

uint64_t romdelta_next_offset_bytes(const romdelta_session* session) {
  return romdelta::unwrap(const_cast<romdelta_session*>(session)).session.next_offset_bytes();
}

romdelta_status romdelta_finish(romdelta_session* session) {
  return romdelta::to_c(romdelta::unwrap(session).session.finish());
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
