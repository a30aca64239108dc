// Confirming: a release has proved that it works, so its security counters hold from now on, and
// the keys of the release before it may be revoked. docs/format.md section 10.5.
#pragma once

#include <cstdint>
#include <string_view>

#include "installer/device.h"
#include "installer/inventory.h"
#include "installer/journal.h"

namespace romdelta {

// Confirms the active release of one ROM package, or with an empty id of all that wait for it.
// Call it when what was installed has started and does its work. Power may fail at any instant:
// then nothing is confirmed or all of it, and the call may be repeated. `buffer`
// (limits::record_buffer_bytes) is used during the call. ok also when it is confirmed already;
// not_confirmable when the package was not installed by a package; not_provisioned;
// update_pending; counter_not_stored when the flash fails; journal_too_small, inventory_corrupt,
// flash_read_failed.
Status confirm(const Device& device, MutableByteSpan buffer, std::string_view package_id = {});

// Ends what a cut of power left of confirm(). Call before anything else is written to either; does
// nothing when the journal's newest record is another.
Status settle_confirm(Inventory* inventory, Journal* journal);

// A record confirm or keyring, or the done that ends it. What the last done said about the slot of
// an installation in place is carried on: that its update failed is still true afterwards.
Status append_trust_record(Journal* journal, JournalKind kind, const Digest& digest);

// An installation holds the journal, and nothing may be written over its records.
bool is_held(const Journal& journal);

// Before the journal is written for something else: an installation into the other slot is given
// up, which costs it time only. Requires: not is_held().
Status set_aside_installation(Inventory* inventory, const Journal& journal);

}  // namespace romdelta
