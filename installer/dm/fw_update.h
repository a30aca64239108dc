// FwUpdate: the management object behind dm_c.h, which documents each call. docs/dm.md.
//
// What counts is on flash before a call returns; in memory is a copy of it. Ownership, threads and
// errors are those of dm_c.h. After a failed write the object does nothing more until begun again.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "installer/callback_flash.h"
#include "installer/dm/dm_c.h"
#include "installer/dm/dm_log.h"
#include "installer/dm/dm_node.h"
#include "installer/dm/dm_record.h"
#include "installer/inventory.h"

namespace romdelta {

class FwUpdate {
 public:
  using Answer = romdelta_dm_answer;

  Status begin(const romdelta_dm_host& host);

  // Commands: fw_update_get.cc and fw_update_set.cc.
  bool is_node(std::string_view uri);
  Answer describe(std::string_view uri, romdelta_dm_node* node);
  Answer get(std::string_view server_id, std::string_view uri, romdelta_dm_visit visit,
             void* visit_context);
  // `command` is ROMDELTA_DM_ADD or ROMDELTA_DM_REPLACE.
  Answer set(romdelta_dm_command command, std::string_view server_id, std::string_view uri,
             const romdelta_dm_data& data);
  bool object_is_open() const { return transfer_.is_open; }
  void drop_object() { transfer_.is_open = false; }
  Answer remove(std::string_view server_id, std::string_view uri);
  // `correlator` null: none was given.
  Answer exec(std::string_view server_id, std::string_view uri, const char* correlator);

  // Work and alerts: fw_update_work.cc.
  bool next_task(romdelta_dm_task* task) const;
  Status download_done(std::uint32_t number, Status status, std::string_view location);
  Status update_started(std::uint32_t number);
  Status update_done(std::uint32_t number, Status status, bool keep);
  bool next_alert(const char* server_id, std::uint32_t after, romdelta_dm_alert* alert) const;
  Status alert_answered(std::uint32_t number, Answer answer);
  Status request(romdelta_dm_request_kind kind, std::string_view object_id, std::string_view data);

 private:
  // A value that arrives in pieces.
  struct Transfer {
    bool is_open = false;
    DmNode node = DmNode::root;
    DmObjectId id;
    std::uint64_t total_bytes = 0;  // 0: the server did not say.
    std::uint64_t received_bytes = 0;
  };
  struct Move {
    DmObjectId id;
    DmState from = DmState::idle;
    DmState to = DmState::idle;
  };
  struct Visitor;

  // Where a command leads: OK, or what to answer. Asks the host whether the server may.
  Answer enter(romdelta_dm_command command, std::string_view server_id, std::string_view uri,
               DmAddress* address) const;
  DmObject* find(std::string_view id);
  const DmObject* find(std::string_view id) const;
  // The object whose operation has this number and is in this phase; null when there is none.
  DmObject* find(std::uint32_t number, DmPhase phase);
  bool exists(const DmAddress& address);
  bool has_node(const DmObject& object, DmNode node) const;

  Status open_inventory(Inventory* inventory);
  Answer property(const DmAddress& address, std::string_view name, Visitor* visitor);
  Answer item(const DmAddress& address, Visitor* visitor);
  Answer list(const DmAddress& address, bool with_values, Visitor* visitor);
  Answer list_children(const DmAddress& address, bool with_values, Visitor* visitor);
  Answer value_of(const DmAddress& address, std::string_view* value);
  Answer leaf_of_package(const DmAddress& address, std::string_view* value);
  Answer children_of(const DmAddress& address, std::string_view* value);

  Answer add_node(const DmAddress& address, const romdelta_dm_data& data);
  Answer check_target(romdelta_dm_command command, const DmAddress& address) const;
  Answer take_piece(const DmAddress& address, const romdelta_dm_data& data);
  Answer put_bytes(const romdelta_dm_data& data);
  Answer set_text(const DmAddress& address, std::string_view value);
  Answer begin_package(const DmAddress& address, const romdelta_dm_data& data);
  Answer end_package();
  // The object called `id`, made if it is not there; null when there is no room for it and `bytes`
  // more.
  DmObject* make_object(std::string_view id, std::size_t bytes);
  bool has_room(std::size_t more_bytes) const;
  void mark_added(DmObject* object, DmNode node) const;
  bool is_set(const DmObject& object, DmNode node) const;

  // State changes, told to the host by save().
  void move(DmObject* object, DmState to);
  // Back to idle, as Figure 2 leads there; a package that is there is discarded. 200, 500, 510.
  Answer withdraw(DmObject* object);
  // Deletes what is to be deleted of `object`; ok when nothing is left. `is_changed` is set when
  // the object has changed and is to be saved.
  bool discard(DmObject* object, bool* is_changed);
  Status end_operation(DmObject* object, DmState to, Status status);
  Status save();
  static Answer answer_of(Status status);

  const romdelta_dm_host* host_ = nullptr;
  CallbackFlash records_flash_;
  CallbackFlash inventory_flash_;
  DmLog log_;
  DmRecord record_;
  Status failure_ = Status::out_of_order;  // Not ok: nothing works until the next begin().
  Transfer transfer_;
  std::array<Move, 8> moves_;  // Not told yet.
  std::size_t move_count_ = 0;
  std::array<std::uint8_t, limits::dm_url_bytes_max> value_{};  // Of a transfer to a text leaf.
  std::array<std::uint8_t, limits::record_buffer_bytes> scratch_{};
};

// A C string of at most N - 1 characters.
template <std::size_t N>
void copy_text(std::string_view from, char (&to)[N]) {
  const std::size_t count = from.size() < N ? from.size() : N - 1;
  copy_bytes(reinterpret_cast<std::uint8_t*>(to),
             {reinterpret_cast<const std::uint8_t*>(from.data()), count});
  to[count] = 0;
}

}  // namespace romdelta
