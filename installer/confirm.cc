#include "installer/confirm.h"

#include <algorithm>

namespace romdelta {
namespace {

// Which releases are confirmed: the one that this package installed, or all when it is zero.
struct Confirmation {
  Digest manifest_digest;
};

bool is_meant(const Confirmation& confirmation, const InventoryRecord& record) {
  return record.state == PackageState::installed &&
         (confirmation.manifest_digest == Digest{} ||
          confirmation.manifest_digest == record.manifest_digest);
}

bool confirm_record(const void* context, InventoryRecord* record) {
  if (!is_meant(*static_cast<const Confirmation*>(context), *record)) return false;
  record->state = PackageState::confirmed;
  record->security_counter = std::max(record->security_counter, record->release.security_counter);
  return true;
}

void confirm_device(const void* /*context*/, const InventoryRecord* changed,
                    InventoryHeader* header) {
  if (changed == nullptr) return;
  header->security_counter = std::max(header->security_counter, changed->release.device_counter);
}

RecordChange change_of(const Confirmation& confirmation) {
  return {confirm_record, confirm_device, &confirmation};
}

Status write_confirmation(Inventory* inventory, Journal* journal,
                          const Confirmation& confirmation) {
  Status status = append_trust_record(journal, JournalKind::confirm, confirmation.manifest_digest);
  if (status == Status::ok) status = inventory->change(change_of(confirmation));
  if (status == Status::ok)
    status = append_trust_record(journal, JournalKind::done, confirmation.manifest_digest);
  return status;
}

// What is to be confirmed. ok and `*is_done` when all of it is.
Status find_confirmation(Inventory* inventory, std::string_view package_id,
                         Confirmation* confirmation, bool* is_done) {
  *is_done = true;
  if (!package_id.empty()) {
    InventoryRecord record;
    const Status status = inventory->find(package_id, &record);
    if (status != Status::ok) return status;
    if (!is_from_installer(record.state)) return Status::not_confirmable;
    confirmation->manifest_digest = record.manifest_digest;
    *is_done = record.state == PackageState::confirmed;
    return Status::ok;
  }
  bool has_installed = false;
  for (std::uint32_t i = 0; i < inventory->count(); ++i) {
    InventoryRecord record;
    const Status status = inventory->at(i, &record);
    if (status != Status::ok) return status;
    has_installed |= is_from_installer(record.state);
    if (record.state == PackageState::installed) *is_done = false;
  }
  return has_installed ? Status::ok : Status::not_confirmable;
}

// What the server hears when the flash did not take the counter.
Status as_counter_failure(Status status) {
  const bool is_write = status == Status::flash_erase_failed ||
                        status == Status::flash_program_failed ||
                        status == Status::flash_sync_failed;
  return is_write ? Status::counter_not_stored : status;
}

}  // namespace

Status confirm(const Device& device, MutableByteSpan buffer, std::string_view package_id) {
  Inventory inventory;
  Journal journal;
  Status status = inventory.open(device.inventory, buffer);
  if (status == Status::ok) status = journal.open(device.journal, buffer);
  if (status == Status::ok) status = settle_confirm(&inventory, &journal);
  if (status == Status::ok && is_held(journal)) status = Status::update_pending;
  if (status == Status::ok) status = set_aside_installation(&inventory, journal);
  Confirmation confirmation;
  bool is_done = false;
  if (status == Status::ok) {
    status = find_confirmation(&inventory, package_id, &confirmation, &is_done);
  }
  if (status == Status::ok && !is_done) {
    status = write_confirmation(&inventory, &journal, confirmation);
  }
  return as_counter_failure(status);
}

Status settle_confirm(Inventory* inventory, Journal* journal) {
  if (!journal->has_record() || journal->newest().kind != JournalKind::confirm) return Status::ok;
  const Confirmation confirmation{journal->newest().manifest_digest};
  // First what the journal says now: a done that cannot be read at this start may show up at the
  // next, and would be newer than this one.
  Status status = append_trust_record(journal, JournalKind::confirm, confirmation.manifest_digest);
  bool is_applied = false;
  if (status == Status::ok && inventory->count() != 0) {
    status = inventory->settle(change_of(confirmation), &is_applied);
    if (status == Status::ok && !is_applied) status = inventory->change(change_of(confirmation));
  }
  return status == Status::ok
             ? append_trust_record(journal, JournalKind::done, confirmation.manifest_digest)
             : status;
}

Status append_trust_record(Journal* journal, JournalKind kind, const Digest& digest) {
  JournalRecord record;
  record.kind = kind;
  record.manifest_digest = digest;
  const JournalRecord& newest = journal->newest();
  if (journal->has_record() && !newest.is_pending()) {
    record.target_slot = newest.target_slot;
    record.outcome = newest.outcome;
    record.layout = newest.layout;
  }
  return journal->append(record);
}

bool is_held(const Journal& journal) {
  if (!journal.has_record()) return false;
  const JournalRecord& newest = journal.newest();
  const bool is_hint = newest.layout == Layout::ab && (newest.kind == JournalKind::intent ||
                                                       newest.kind == JournalKind::checkpoint);
  return newest.is_pending() && !is_hint;
}

Status set_aside_installation(Inventory* inventory, const Journal& journal) {
  if (!journal.has_record() || !journal.newest().is_pending()) return Status::ok;
  return inventory->settle(journal.newest().manifest_digest);
}

}  // namespace romdelta
