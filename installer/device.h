// Device: what the engine is told about the machine that it runs on.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "format/journal_record.h"
#include "format/manifest.h"
#include "format/signature.h"
#include "installer/port/flash.h"

namespace romdelta {

// Where one ROM package lives.
struct RomRegion {
  std::string_view package_id;
  FlashRegion slot_a;
  FlashRegion slot_b;  // Not present: one slot only.

  const FlashRegion& slot(Slot which) const { return which == Slot::a ? slot_a : slot_b; }
};

// Everything here is the caller's and must outlive the Session that uses it.
struct Device {
  std::string_view vendor;
  std::string_view model;
  std::uint32_t hardware = 0;
  std::span<const RomRegion> regions;
  FlashRegion journal;    // At least two erase blocks of at least one record each.
  FlashRegion inventory;  // The same.
  FlashRegion scratch;    // Not present: none.
  FlashRegion keyring;    // Not present: the caller knows whom to trust. See keyring.h.
  TrustedKeys trusted_keys;
  bool production = true;  // What development keys sign is never accepted.
};

// True when a package with this filter is for this device.
inline bool is_for(const DeviceFilter& filter, const Device& device) {
  if (!filter.vendor.empty() && filter.vendor.view() != device.vendor) return false;
  if (!filter.model.empty() && filter.model.view() != device.model) return false;
  if (!filter.has_hardware_range) return true;
  return filter.hardware_min <= device.hardware && device.hardware <= filter.hardware_max;
}

}  // namespace romdelta
