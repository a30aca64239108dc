#include "installer/dm/fw_update.h"

namespace romdelta {

Status FwUpdate::begin(const romdelta_dm_host& host) {
  host_ = &host;
  transfer_ = {};
  move_count_ = 0;
  record_ = {};
  failure_ = Status::journal_too_small;
  if (host.records.flash == nullptr) return failure_;
  records_flash_ = CallbackFlash(*host.records.flash);
  if (host.inventory.flash != nullptr) inventory_flash_ = CallbackFlash(*host.inventory.flash);
  failure_ = log_.open({&records_flash_, host.records.offset_bytes, host.records.size_bytes},
                       scratch_, &record_);
  if (failure_ != Status::ok) return failure_;
  bool is_changed = false;
  for (std::uint32_t i = 0; i < record_.object_count; ++i) {
    discard(&record_.objects[i], &is_changed);
  }
  return is_changed ? save() : Status::ok;
}

Status FwUpdate::save() {
  if (failure_ != Status::ok) return failure_;
  const Status status = log_.append(record_);
  failure_ = status;
  if (status != Status::ok) return status;
  const std::size_t count = move_count_;
  move_count_ = 0;
  for (std::size_t i = 0; i < count && host_->state_changed != nullptr; ++i) {
    char id[ROMDELTA_DM_ID_SIZE];
    copy_text(moves_[i].id.view(), id);
    host_->state_changed(host_->context, id, static_cast<int>(moves_[i].from),
                         static_cast<int>(moves_[i].to));
  }
  return status;
}

FwUpdate::Answer FwUpdate::answer_of(Status status) {
  if (status == Status::ok) return ROMDELTA_DM_OK;
  return status == Status::inventory_full ? ROMDELTA_DM_DEVICE_FULL : ROMDELTA_DM_STORE_FAILED;
}

FwUpdate::Answer FwUpdate::enter(romdelta_dm_command command, std::string_view server_id,
                                 std::string_view uri, DmAddress* address) const {
  if (failure_ != Status::ok) return ROMDELTA_DM_STORE_FAILED;
  const Answer parsed = parse_dm_address(uri, address);
  if (parsed != ROMDELTA_DM_OK) return parsed;
  if (host_->access != nullptr) {
    char server[ROMDELTA_DM_SERVER_SIZE];
    if (server_id.size() >= sizeof(server)) return ROMDELTA_DM_DENIED;
    copy_text(server_id, server);
    const DmUri canonical = dm_uri(address->node, address->id);
    const Answer allowed = host_->access(host_->context, server, canonical.text, command);
    if (allowed != ROMDELTA_DM_OK) return allowed;
  }
  // Queries are for Get.
  return address->has_query && command != ROMDELTA_DM_GET ? ROMDELTA_DM_NOT_SUPPORTED
                                                          : ROMDELTA_DM_OK;
}

const DmObject* FwUpdate::find(std::string_view id) const {
  for (std::uint32_t i = 0; i < record_.object_count; ++i) {
    if (record_.objects[i].id.view() == id) return &record_.objects[i];
  }
  return nullptr;
}

DmObject* FwUpdate::find(std::string_view id) {
  return const_cast<DmObject*>(static_cast<const FwUpdate*>(this)->find(id));
}

DmObject* FwUpdate::find(std::uint32_t number, DmPhase phase) {
  for (std::uint32_t i = 0; i < record_.object_count; ++i) {
    DmObject& object = record_.objects[i];
    if (object.phase == phase && object.number == number) return &object;
  }
  return nullptr;
}

void FwUpdate::move(DmObject* object, DmState to) {
  // No call leads along another arrow: a fault of this code must not become a state.
  if (!is_dm_arrow(object->state, to) || move_count_ == moves_.size()) {
    failure_ = Status::internal;
    return;
  }
  moves_[move_count_++] = {object->id, object->state, to};
  object->state = to;
}

bool FwUpdate::discard(DmObject* object, bool* is_changed) {
  if (!object->is_discard_due) return true;
  if (host_->package_discard != nullptr) {
    char location[ROMDELTA_DM_LOCATION_SIZE];
    copy_text(object->location.view(), location);
    if (!host_->package_discard(host_->context, location)) return false;
  }
  object->location = {};
  object->is_discard_due = false;
  if (object->state == DmState::failed_have_data) move(object, DmState::failed_no_data);
  if (object->state == DmState::updated_have_data) move(object, DmState::updated_no_data);
  *is_changed = true;
  return true;
}

FwUpdate::Answer FwUpdate::withdraw(DmObject* object) {
  // That the package is given up is durable before it is gone.
  if (!object->location.empty() && !object->is_discard_due) {
    object->is_discard_due = true;
    if (object->state == DmState::ready || object->state == DmState::updated_have_data) {
      move(object, DmState::idle);
    }
    const Status status = save();
    if (status != Status::ok) return answer_of(status);
  }
  bool is_changed = false;
  if (!discard(object, &is_changed)) return ROMDELTA_DM_FAILED;
  if (object->state != DmState::idle) {
    move(object, DmState::idle);
    is_changed = true;
  }
  return is_changed ? answer_of(save()) : Answer{ROMDELTA_DM_OK};
}

}  // namespace romdelta
