// FwUpdate: what an Exec leads to - tasks for the agents, and alerts for the server.
#include "format/result_code.h"
#include "installer/dm/fw_update.h"

namespace romdelta {
namespace {

constexpr const char* kAlertTypes[] = {
    "org.openmobilealliance.dm.firmwareupdate.download",
    "org.openmobilealliance.dm.firmwareupdate.update",
    "org.openmobilealliance.dm.firmwareupdate.downloadandupdate",
};
constexpr const char* kRequestTypes[] = {
    "org.openmobilealliance.dm.firmwareupdate.devicerequest",
    "org.openmobilealliance.dm.firmwareupdate.userrequest",
};

DmNode node_of(DmOperation operation) {
  switch (operation) {
    case DmOperation::download: return DmNode::download;
    case DmOperation::update: return DmNode::update;
    default: return DmNode::download_and_update;
  }
}

// The operation that Exec of a node asks for; none for a node that is not executed.
DmOperation operation_of(DmNode node) {
  switch (node) {
    case DmNode::download: return DmOperation::download;
    case DmNode::update: return DmOperation::update;
    case DmNode::download_and_update: return DmOperation::download_and_update;
    default: return DmOperation::none;
  }
}

const char* mark_of(std::uint16_t result) {
  if (result < 300) return "informational";
  const auto cancelled = static_cast<std::uint16_t>(ResultCode::user_cancelled);
  return result == cancelled ? "warning" : "critical";
}

// `number` in decimal.
template <std::size_t N>
void copy_number(unsigned number, char (&to)[N]) {
  char digits[10];
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  std::size_t at = 0;
  while (count != 0 && at + 1 < N) to[at++] = digits[--count];
  to[at] = 0;
}

void fill_alert(const DmObject& object, romdelta_dm_alert* alert) {
  alert->number = object.number;
  alert->type = kAlertTypes[static_cast<std::size_t>(object.operation) - 1];
  alert->format = "int";
  alert->mark = mark_of(object.result);
  alert->has_correlator = object.has_correlator;
  copy_text(object.correlator.view(), alert->correlator);
  copy_text(dm_uri(node_of(object.operation), object.id.view()).text, alert->source_uri);
  copy_number(object.result, alert->data);
  copy_text(object.server_id.view(), alert->server_id);
}

void fill_alert(const DmRequest& request, romdelta_dm_alert* alert) {
  alert->number = request.number;
  alert->type = kRequestTypes[request.kind - 1];
  alert->format = "chr";
  alert->mark = "informational";
  alert->has_correlator = false;
  alert->correlator[0] = 0;
  alert->source_uri[0] = 0;
  if (!request.object_id.empty()) {
    copy_text(dm_uri(DmNode::object, request.object_id.view()).text, alert->source_uri);
  }
  copy_text(request.data.view(), alert->data);
  alert->server_id[0] = 0;
}

}  // namespace

FwUpdate::Answer FwUpdate::exec(std::string_view server_id, std::string_view uri,
                                const char* correlator) {
  DmAddress address;
  const Answer entered = enter(ROMDELTA_DM_EXEC, server_id, uri, &address);
  // 400 is no status of Exec.
  if (entered == ROMDELTA_DM_BAD_REQUEST) return ROMDELTA_DM_NOT_FOUND;
  if (entered != ROMDELTA_DM_OK) return entered;
  const DmOperation operation = operation_of(address.node);
  if (operation == DmOperation::none) {
    return exists(address) ? ROMDELTA_DM_NOT_ALLOWED : ROMDELTA_DM_NOT_FOUND;
  }
  DmObject* object = find(address.id);
  if (object == nullptr) return ROMDELTA_DM_NOT_FOUND;

  DmCorrelator token;
  DmServerId server;
  if (!token.assign(correlator == nullptr ? "" : correlator) || !server.assign(server_id)) {
    return ROMDELTA_DM_DEVICE_FULL;
  }
  if (!is_dm_text(token.view()) || !is_dm_text(server.view())) return ROMDELTA_DM_FAILED;
  if (record_.last_number == dm_number_max) return ROMDELTA_DM_DEVICE_FULL;
  for (std::uint32_t i = 0; i < record_.object_count; ++i) {
    if (record_.objects[i].is_at_work()) return ROMDELTA_DM_NOT_ALLOWED;
  }
  if (object->phase != DmPhase::none) return ROMDELTA_DM_NOT_ALLOWED;
  const DmUrl& url = operation == DmOperation::download ? object->download_url : object->both_url;
  const bool is_update = operation == DmOperation::update;
  const bool is_ready =
      is_update ? object->state == DmState::ready && object->has_package() : !url.empty();
  if (!is_ready) return ROMDELTA_DM_NOT_ALLOWED;

  if (transfer_.is_open && transfer_.id == object->id) drop_object();
  if (!is_update) {
    const Answer withdrawn = withdraw(object);
    if (withdrawn != ROMDELTA_DM_OK) return withdrawn;
  }
  move(object, is_update ? DmState::updating : DmState::downloading);
  if (failure_ != Status::ok) return ROMDELTA_DM_FAILED;
  object->operation = operation;
  object->phase = is_update ? DmPhase::update : DmPhase::download;
  object->number = ++record_.last_number;
  object->has_correlator = correlator != nullptr;
  object->correlator = token;
  object->server_id = server;
  const Answer saved = answer_of(save());
  return saved == ROMDELTA_DM_OK ? Answer{ROMDELTA_DM_ACCEPTED} : saved;
}

bool FwUpdate::next_task(romdelta_dm_task* task) const {
  *task = {};
  if (failure_ != Status::ok) return false;
  for (std::uint32_t i = 0; i < record_.object_count; ++i) {
    const DmObject& object = record_.objects[i];
    if (!object.is_at_work()) continue;
    task->work = object.phase == DmPhase::download ? ROMDELTA_DM_DOWNLOAD : ROMDELTA_DM_UPDATE;
    task->number = object.number;
    task->installs_after =
        object.operation == DmOperation::download_and_update && object.phase == DmPhase::download;
    task->is_started = object.state == DmState::updating;
    copy_text(object.id.view(), task->object_id);
    copy_text(object.server_id.view(), task->server_id);
    copy_text(object.location.view(), task->location);
    if (object.phase == DmPhase::download) {
      const bool is_download = object.operation == DmOperation::download;
      copy_text((is_download ? object.download_url : object.both_url).view(), task->url);
    }
    return true;
  }
  return false;
}

Status FwUpdate::end_operation(DmObject* object, DmState to, Status status) {
  move(object, to);
  object->phase = DmPhase::alert;
  object->result = static_cast<std::uint16_t>(result_code(status));
  return failure_ == Status::ok ? save() : failure_;
}

Status FwUpdate::download_done(std::uint32_t number, Status status, std::string_view location) {
  if (failure_ != Status::ok) return failure_;
  DmObject* object = find(number, DmPhase::download);
  if (object == nullptr) return Status::out_of_order;
  if (status != Status::ok) return end_operation(object, DmState::download_failed, status);
  DmLocation stored;
  if (location.empty() || !is_dm_text(location) || !stored.assign(location)) {
    return Status::out_of_order;
  }
  object->location = stored;
  move(object, DmState::downloaded);
  if (object->operation == DmOperation::download) {
    return end_operation(object, DmState::ready, Status::ok);
  }
  move(object, DmState::ready);
  object->phase = DmPhase::update;
  return failure_ == Status::ok ? save() : failure_;
}

Status FwUpdate::update_started(std::uint32_t number) {
  if (failure_ != Status::ok) return failure_;
  DmObject* object = find(number, DmPhase::update);
  if (object == nullptr) return Status::out_of_order;
  if (object->state == DmState::updating) return Status::ok;
  move(object, DmState::updating);
  return failure_ == Status::ok ? save() : failure_;
}

Status FwUpdate::update_done(std::uint32_t number, Status status, bool keep) {
  if (failure_ != Status::ok) return failure_;
  DmObject* object = find(number, DmPhase::update);
  if (object == nullptr) return Status::out_of_order;
  if (object->state == DmState::ready) move(object, DmState::updating);
  object->is_discard_due = !keep;
  const DmState to = status == Status::ok ? DmState::updated_have_data : DmState::failed_have_data;
  const Status ended = end_operation(object, to, status);
  if (ended != Status::ok) return ended;
  bool is_changed = false;
  // What cannot be deleted now is tried again: the result does not wait for it.
  discard(object, &is_changed);
  return is_changed ? save() : Status::ok;
}

bool FwUpdate::next_alert(const char* server_id, std::uint32_t after,
                          romdelta_dm_alert* alert) const {
  if (failure_ != Status::ok) return false;
  const DmObject* first = nullptr;
  for (std::uint32_t i = 0; i < record_.object_count; ++i) {
    const DmObject& object = record_.objects[i];
    if (object.phase != DmPhase::alert || object.number <= after) continue;
    const std::string_view owner = object.server_id.view();
    if (server_id != nullptr && !owner.empty() && owner != server_id) continue;
    if (first == nullptr || object.number < first->number) first = &object;
  }
  const DmRequest& request = record_.request;
  if (request.kind != 0 && request.number > after &&
      (first == nullptr || request.number < first->number)) {
    fill_alert(request, alert);
    return true;
  }
  if (first != nullptr) fill_alert(*first, alert);
  return first != nullptr;
}

Status FwUpdate::alert_answered(std::uint32_t number, Answer answer) {
  if (failure_ != Status::ok) return failure_;
  DmObject* object = find(number, DmPhase::alert);
  const bool is_request = record_.request.kind != 0 && record_.request.number == number;
  if (object == nullptr && !is_request) return Status::out_of_order;
  // Credentials are asked for, or the answer is still to come.
  if (answer == 401 || answer == 407 || answer < 200) return Status::ok;
  if (is_request) {
    record_.request = {};
  } else {
    object->phase = DmPhase::none;
    object->operation = DmOperation::none;
    object->result = 0;
    object->number = 0;
    object->has_correlator = false;
    object->correlator = {};
    object->server_id = {};
  }
  return save();
}

Status FwUpdate::request(romdelta_dm_request_kind kind, std::string_view object_id,
                         std::string_view data) {
  if (failure_ != Status::ok) return failure_;
  DmRequest wanted;
  wanted.kind = static_cast<std::uint8_t>(kind);
  if (wanted.kind < 1 || wanted.kind > 2 || !is_dm_text(data) || !wanted.data.assign(data) ||
      !wanted.object_id.assign(object_id)) {
    return Status::out_of_order;
  }
  if (!object_id.empty() && find(object_id) == nullptr) return Status::out_of_order;
  if (record_.last_number == dm_number_max) return Status::out_of_order;
  if (record_.request.kind != 0) {
    const bool is_same = record_.request.kind == wanted.kind &&
                         record_.request.data == wanted.data &&
                         record_.request.object_id == wanted.object_id;
    return is_same ? Status::ok : Status::out_of_order;
  }
  wanted.number = ++record_.last_number;
  record_.request = wanted;
  return save();
}

}  // namespace romdelta
