// FwUpdate: Add, Replace and Delete, and values that come in pieces.
#include "installer/dm/fw_update.h"

namespace romdelta {
namespace {

// The longest value of a text leaf.
std::size_t value_bytes_max(DmNode node) {
  switch (node) {
    case DmNode::pkg_name: return limits::dm_name_bytes_max;
    case DmNode::pkg_version: return limits::dm_version_bytes_max;
    default: return limits::dm_url_bytes_max;
  }
}

bool is_right_format(const DmNodeInfo& info, const char* format) {
  const std::string_view given = format == nullptr ? "" : format;
  if (given.empty() || given == info.format) return true;
  return info.node == DmNode::pkg_data && given == "b64";
}

DmUrl* url_of(DmObject* object, DmNode node) {
  switch (node) {
    case DmNode::download:
    case DmNode::download_url: return &object->download_url;
    case DmNode::download_and_update:
    case DmNode::download_and_update_url: return &object->both_url;
    default: return nullptr;
  }
}

}  // namespace

bool FwUpdate::has_room(std::size_t more_bytes) const {
  return log_.fits(dm_record_bytes_reserved(record_) + more_bytes);
}

DmObject* FwUpdate::make_object(std::string_view id, std::size_t bytes) {
  DmObject* object = find(id);
  if (object != nullptr) return has_room(bytes) ? object : nullptr;
  if (record_.object_count == record_.objects.size() ||
      !has_room(dm_object_bytes_reserved() + bytes)) {
    return nullptr;
  }
  object = &record_.objects[record_.object_count];
  *object = {};
  if (!object->id.assign(id)) return nullptr;
  ++record_.object_count;
  return object;
}

bool FwUpdate::is_set(const DmObject& object, DmNode node) const {
  switch (node) {
    case DmNode::pkg_name: return object.has_name;
    case DmNode::pkg_version: return object.has_version;
    case DmNode::download: return object.added_download;
    case DmNode::download_url: return !object.download_url.empty();
    case DmNode::update: return object.added_update;
    case DmNode::pkg_data: return object.has_package();
    case DmNode::download_and_update: return object.added_both;
    case DmNode::download_and_update_url: return !object.both_url.empty();
    default: return true;
  }
}

void FwUpdate::mark_added(DmObject* object, DmNode node) const {
  const DmNode parent = dm_node_info(node).parent;
  const auto is = [=](DmNode which) { return node == which || parent == which; };
  if (is(DmNode::download)) object->added_download = true;
  if (is(DmNode::update)) object->added_update = true;
  if (is(DmNode::download_and_update)) object->added_both = true;
}

FwUpdate::Answer FwUpdate::check_target(romdelta_dm_command command,
                                        const DmAddress& address) const {
  const DmObject* object = find(address.id);
  if (object == nullptr) {
    return command == ROMDELTA_DM_ADD ? ROMDELTA_DM_OK : ROMDELTA_DM_NOT_FOUND;
  }
  if (command == ROMDELTA_DM_ADD && is_set(*object, address.node)) return ROMDELTA_DM_EXISTS;
  return object->phase == DmPhase::none ? ROMDELTA_DM_OK : ROMDELTA_DM_NOT_ALLOWED;
}

FwUpdate::Answer FwUpdate::set(romdelta_dm_command command, std::string_view server_id,
                               std::string_view uri, const romdelta_dm_data& data) {
  DmAddress address;
  Answer answer = enter(command, server_id, uri, &address);
  const bool goes_on = answer == ROMDELTA_DM_OK && transfer_.is_open &&
                       address.node == transfer_.node && address.id == transfer_.id.view() &&
                       data.total_bytes == 0;
  // What stays unfinished never was.
  if (!goes_on) drop_object();
  if (answer != ROMDELTA_DM_OK) return answer;
  const DmNodeInfo& info = dm_node_info(address.node);
  if ((info.commands & static_cast<unsigned>(command)) == 0) {
    return exists(address) ? ROMDELTA_DM_NOT_ALLOWED : ROMDELTA_DM_NOT_FOUND;
  }
  answer = check_target(command, address);
  if (answer == ROMDELTA_DM_OK && !is_right_format(info, data.format)) {
    answer = ROMDELTA_DM_WRONG_FORMAT;
  }
  if (answer == ROMDELTA_DM_OK && address.node == DmNode::pkg_data &&
      host_->package_begin == nullptr) {
    answer = ROMDELTA_DM_NOT_SUPPORTED;
  }
  if (answer == ROMDELTA_DM_OK) {
    answer = info.is_interior ? add_node(address, data) : take_piece(address, data);
  }
  if (answer != ROMDELTA_DM_CHUNK_TAKEN) drop_object();
  return answer;
}

FwUpdate::Answer FwUpdate::add_node(const DmAddress& address, const romdelta_dm_data& data) {
  if (data.count != 0 || data.more) return ROMDELTA_DM_BAD_REQUEST;
  DmObject* object = make_object(address.id, 0);
  if (object == nullptr) return ROMDELTA_DM_DEVICE_FULL;
  mark_added(object, address.node);
  return answer_of(save());
}

FwUpdate::Answer FwUpdate::take_piece(const DmAddress& address, const romdelta_dm_data& data) {
  const bool is_first = !transfer_.is_open;
  const std::uint64_t total = is_first ? data.total_bytes : transfer_.total_bytes;
  std::uint64_t received = is_first ? 0 : transfer_.received_bytes;
  if (!checked_add(received, data.count, &received)) return ROMDELTA_DM_TOO_LARGE;
  if (total != 0 && (received > total || (!data.more && received != total))) {
    return ROMDELTA_DM_SIZE_MISMATCH;
  }
  if (is_first) {
    transfer_ = {true, address.node, {}, total, 0};
    if (!transfer_.id.assign(address.id)) return ROMDELTA_DM_BAD_REQUEST;
    const bool is_package = address.node == DmNode::pkg_data;
    const Answer begun = is_package ? begin_package(address, data) : Answer{ROMDELTA_DM_OK};
    if (begun != ROMDELTA_DM_OK) return begun;
  }
  const Answer put = put_bytes(data);
  if (put != ROMDELTA_DM_OK) return put;
  transfer_.received_bytes = received;
  if (data.more) return ROMDELTA_DM_CHUNK_TAKEN;
  if (address.node == DmNode::pkg_data) return end_package();
  const auto count = static_cast<std::size_t>(received);
  return set_text(address, {reinterpret_cast<const char*>(value_.data()), count});
}

FwUpdate::Answer FwUpdate::put_bytes(const romdelta_dm_data& data) {
  const ByteSpan bytes(data.bytes, data.count);
  const std::uint64_t at = transfer_.received_bytes;
  if (transfer_.node != DmNode::pkg_data) {
    const std::size_t room = value_bytes_max(transfer_.node);
    if (!range_inside(at, bytes.size(), room) || transfer_.total_bytes > room) {
      return ROMDELTA_DM_TOO_LARGE;
    }
    copy_bytes(value_.data() + at, bytes);
    return ROMDELTA_DM_OK;
  }
  if (bytes.empty()) return ROMDELTA_DM_OK;
  char id[ROMDELTA_DM_ID_SIZE];
  copy_text(transfer_.id.view(), id);
  const bool is_written = host_->package_write(host_->context, id, at, bytes.data(), bytes.size());
  return is_written ? ROMDELTA_DM_OK : ROMDELTA_DM_DEVICE_FULL;
}

FwUpdate::Answer FwUpdate::set_text(const DmAddress& address, std::string_view value) {
  const bool is_url = dm_node_info(address.node).name == "PkgURL";
  const bool is_right = is_url ? value.empty() || is_dm_url(value) : is_dm_text(value);
  if (!is_right) return ROMDELTA_DM_BAD_REQUEST;
  // Room for the whole value, whatever the one before takes: that is given back only afterwards.
  DmObject* object = make_object(address.id, value.size());
  if (object == nullptr) return ROMDELTA_DM_DEVICE_FULL;
  bool fits = true;
  if (is_url) {
    const Answer withdrawn = withdraw(object);
    if (withdrawn != ROMDELTA_DM_OK) return withdrawn;
    fits = url_of(object, address.node)->assign(value);
  } else if (address.node == DmNode::pkg_name) {
    fits = object->name.assign(value);
    object->has_name = true;
  } else {
    fits = object->version.assign(value);
    object->has_version = true;
  }
  if (!fits) return ROMDELTA_DM_TOO_LARGE;
  mark_added(object, address.node);
  return answer_of(save());
}

FwUpdate::Answer FwUpdate::begin_package(const DmAddress& address, const romdelta_dm_data& data) {
  DmObject* object = find(address.id);
  if (object == nullptr) {
    const bool has_place = record_.object_count < record_.objects.size();
    if (!has_place || !has_room(dm_object_bytes_reserved())) return ROMDELTA_DM_DEVICE_FULL;
  } else {
    const Answer withdrawn = withdraw(object);
    if (withdrawn != ROMDELTA_DM_OK) return withdrawn;
  }
  char id[ROMDELTA_DM_ID_SIZE];
  copy_text(address.id, id);
  return host_->package_begin(host_->context, id, data.total_bytes) ? ROMDELTA_DM_OK
                                                                    : ROMDELTA_DM_DEVICE_FULL;
}

// A package of no bytes is one that is withdrawn.
FwUpdate::Answer FwUpdate::end_package() {
  char location[ROMDELTA_DM_LOCATION_SIZE] = {};
  DmLocation stored;
  if (transfer_.received_bytes != 0) {
    char id[ROMDELTA_DM_ID_SIZE];
    copy_text(transfer_.id.view(), id);
    if (!host_->package_commit(host_->context, id, location, sizeof(location))) {
      return ROMDELTA_DM_FAILED;
    }
    location[sizeof(location) - 1] = 0;
    const std::string_view text = location;
    if (text.empty() || !is_dm_text(text) || !stored.assign(text)) return ROMDELTA_DM_FAILED;
  }
  DmObject* object = make_object(transfer_.id.view(), 0);
  if (object == nullptr) return ROMDELTA_DM_DEVICE_FULL;
  // A package comes by URL or by data, not both.
  object->download_url = {};
  object->both_url = {};
  mark_added(object, DmNode::pkg_data);
  if (!stored.empty()) {
    object->location = stored;
    move(object, DmState::ready);
  }
  return answer_of(save());
}

FwUpdate::Answer FwUpdate::remove(std::string_view server_id, std::string_view uri) {
  DmAddress address;
  const Answer entered = enter(ROMDELTA_DM_DELETE, server_id, uri, &address);
  if (entered != ROMDELTA_DM_OK) return entered;
  if (!exists(address)) return ROMDELTA_DM_NOT_FOUND;
  if ((dm_node_info(address.node).commands & ROMDELTA_DM_DELETE) == 0) {
    return ROMDELTA_DM_NOT_ALLOWED;
  }
  DmObject* object = find(address.id);
  if (object == nullptr) return ROMDELTA_DM_NOT_FOUND;
  if (object->phase != DmPhase::none) return ROMDELTA_DM_NOT_ALLOWED;
  if (transfer_.id == object->id) drop_object();

  if (DmUrl* url = url_of(object, address.node); url != nullptr) {
    *url = {};
    if (address.node == DmNode::download) object->added_download = false;
    if (address.node == DmNode::download_and_update) object->added_both = false;
  } else if (address.node == DmNode::pkg_name) {
    object->name = {};
    object->has_name = false;
  } else if (address.node == DmNode::pkg_version) {
    object->version = {};
    object->has_version = false;
  } else {
    const Answer withdrawn = withdraw(object);
    if (withdrawn != ROMDELTA_DM_OK) return withdrawn;
    if (record_.request.object_id == object->id) record_.request = {};
    const std::uint32_t last = --record_.object_count;
    for (; object != &record_.objects[last]; ++object) *object = object[1];
    *object = {};
  }
  return answer_of(save());
}

}  // namespace romdelta
