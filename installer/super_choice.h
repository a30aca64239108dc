// Which member of a super package a ROM package needs. docs/format.md section 15.5.
#pragma once

#include "format/inventory_record.h"
#include "format/super_manifest.h"

namespace romdelta {

struct SuperChoice {
  enum class Kind : std::uint8_t {
    no_member,  // The super package does not list this ROM package.
    none_fits,  // It does, and the device has none of the sources.
    present,    // The device has the target.
    member,
  };
  Kind kind = Kind::no_member;
  std::size_t index = 0;  // Of the member; for present and none_fits of the first one listed.
  SuperMember member;
};

// Depends on the record and on nothing else: what was chosen before a cut is chosen again.
SuperChoice choose_member(const SuperManifest& manifest, const InventoryRecord& record);

}  // namespace romdelta
