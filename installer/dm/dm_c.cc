#include "installer/dm/dm_c.h"

#include <new>

#include "format/result_code.h"
#include "installer/dm/fw_update.h"

namespace romdelta {
namespace {

static_assert(sizeof(FwUpdate) <= ROMDELTA_DM_BYTES);
static_assert(alignof(FwUpdate) <= alignof(romdelta_dm));
// The sizes of dm_c.h are the limits and a 0.
static_assert(ROMDELTA_DM_ID_SIZE == limits::dm_object_id_bytes_max + 1);
static_assert(ROMDELTA_DM_URI_SIZE == limits::dm_uri_bytes_max + 1);
static_assert(ROMDELTA_DM_URL_SIZE == limits::dm_url_bytes_max + 1);
static_assert(ROMDELTA_DM_LOCATION_SIZE == limits::dm_location_bytes_max + 1);
static_assert(ROMDELTA_DM_CORRELATOR_SIZE == limits::dm_correlator_bytes_max + 1);
static_assert(ROMDELTA_DM_SERVER_SIZE == limits::dm_server_id_bytes_max + 1);
static_assert(ROMDELTA_DM_DATA_SIZE == limits::dm_request_bytes_max + 1);

constexpr bool is(int number, Status status) { return number == static_cast<int>(status); }
static_assert(is(ROMDELTA_CANCELLED, Status::cancelled));
static_assert(is(ROMDELTA_DOWNLOAD_UNAUTHORISED, Status::download_unauthorised));
static_assert(is(ROMDELTA_DOWNLOAD_TIMED_OUT, Status::download_timed_out));
static_assert(is(ROMDELTA_BAD_URL, Status::bad_url));
static_assert(is(ROMDELTA_SERVER_UNAVAILABLE, Status::server_unavailable));
static_assert(is(ROMDELTA_SERVER_ERROR, Status::server_error));
static_assert(is(ROMDELTA_NO_ROOM_FOR_DOWNLOAD, Status::no_room_for_download));
static_assert(is(ROMDELTA_NETWORK_FAILED, Status::network_failed));
static_assert(is(ROMDELTA_PACKAGE_MISSING, Status::package_missing));

constexpr bool is(int number, DmState state) { return number == static_cast<int>(state); }
static_assert(is(ROMDELTA_DM_IDLE, DmState::idle));
static_assert(is(ROMDELTA_DM_DOWNLOAD_FAILED, DmState::download_failed));
static_assert(is(ROMDELTA_DM_DOWNLOADING, DmState::downloading));
static_assert(is(ROMDELTA_DM_DOWNLOADED, DmState::downloaded));
static_assert(is(ROMDELTA_DM_READY, DmState::ready));
static_assert(is(ROMDELTA_DM_UPDATING, DmState::updating));
static_assert(is(ROMDELTA_DM_FAILED_HAVE_DATA, DmState::failed_have_data));
static_assert(is(ROMDELTA_DM_FAILED_NO_DATA, DmState::failed_no_data));
static_assert(is(ROMDELTA_DM_UPDATED_HAVE_DATA, DmState::updated_have_data));
static_assert(is(ROMDELTA_DM_UPDATED_NO_DATA, DmState::updated_no_data));

FwUpdate& unwrap(romdelta_dm* dm) {
  return *std::launder(reinterpret_cast<FwUpdate*>(dm->storage));
}
const FwUpdate& unwrap(const romdelta_dm* dm) {
  return *std::launder(reinterpret_cast<const FwUpdate*>(dm->storage));
}

std::string_view text_of(const char* text) { return text == nullptr ? "" : text; }
romdelta_status to_c(Status status) { return static_cast<romdelta_status>(status); }
Status from_c(romdelta_status status) {
  return status < status_count ? static_cast<Status>(status) : Status::internal;
}

}  // namespace
}  // namespace romdelta

using romdelta::from_c;
using romdelta::text_of;
using romdelta::to_c;
using romdelta::unwrap;

extern "C" {

romdelta_status romdelta_dm_begin(romdelta_dm* dm, const romdelta_dm_host* host) {
  auto* state = new (dm->storage) romdelta::FwUpdate;
  return to_c(state->begin(*host));
}

bool romdelta_dm_owns(const char* uri) { return romdelta::is_dm_address(text_of(uri)); }

bool romdelta_dm_is_node(romdelta_dm* dm, const char* uri) {
  return unwrap(dm).is_node(text_of(uri));
}

romdelta_dm_answer romdelta_dm_describe(romdelta_dm* dm, const char* uri, romdelta_dm_node* node) {
  return unwrap(dm).describe(text_of(uri), node);
}

romdelta_dm_answer romdelta_dm_get(romdelta_dm* dm, const char* server_id, const char* uri,
                                   romdelta_dm_visit visit, void* visit_context) {
  return unwrap(dm).get(text_of(server_id), text_of(uri), visit, visit_context);
}

romdelta_dm_answer romdelta_dm_add(romdelta_dm* dm, const char* server_id, const char* uri,
                                   const romdelta_dm_data* data) {
  return unwrap(dm).set(ROMDELTA_DM_ADD, text_of(server_id), text_of(uri), *data);
}

romdelta_dm_answer romdelta_dm_replace(romdelta_dm* dm, const char* server_id, const char* uri,
                                       const romdelta_dm_data* data) {
  return unwrap(dm).set(ROMDELTA_DM_REPLACE, text_of(server_id), text_of(uri), *data);
}

bool romdelta_dm_object_is_open(const romdelta_dm* dm) { return unwrap(dm).object_is_open(); }

void romdelta_dm_drop_object(romdelta_dm* dm) { unwrap(dm).drop_object(); }

romdelta_dm_answer romdelta_dm_delete(romdelta_dm* dm, const char* server_id, const char* uri) {
  return unwrap(dm).remove(text_of(server_id), text_of(uri));
}

romdelta_dm_answer romdelta_dm_exec(romdelta_dm* dm, const char* server_id, const char* uri,
                                    const char* correlator) {
  return unwrap(dm).exec(text_of(server_id), text_of(uri), correlator);
}

bool romdelta_dm_next_task(romdelta_dm* dm, romdelta_dm_task* task) {
  return unwrap(dm).next_task(task);
}

romdelta_status romdelta_dm_download_done(romdelta_dm* dm, uint32_t number, romdelta_status status,
                                          const char* location) {
  return to_c(unwrap(dm).download_done(number, from_c(status), text_of(location)));
}

romdelta_status romdelta_dm_update_started(romdelta_dm* dm, uint32_t number) {
  return to_c(unwrap(dm).update_started(number));
}

romdelta_status romdelta_dm_update_done(romdelta_dm* dm, uint32_t number, romdelta_status status,
                                        bool keep) {
  return to_c(unwrap(dm).update_done(number, from_c(status), keep));
}

bool romdelta_dm_next_alert(romdelta_dm* dm, const char* server_id, uint32_t after,
                            romdelta_dm_alert* alert) {
  return unwrap(dm).next_alert(server_id, after, alert);
}

romdelta_status romdelta_dm_alert_answered(romdelta_dm* dm, uint32_t number,
                                           romdelta_dm_answer answer) {
  return to_c(unwrap(dm).alert_answered(number, answer));
}

romdelta_status romdelta_dm_request(romdelta_dm* dm, romdelta_dm_request_kind kind,
                                    const char* object_id, const char* data) {
  return to_c(unwrap(dm).request(kind, text_of(object_id), text_of(data)));
}

}  // extern "C"
