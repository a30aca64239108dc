#include "tests/support/dm_rig.h"

#include <cstring>

namespace romdelta::test {
namespace {

Flash& flash_of(void* context) { return *static_cast<Flash*>(context); }
DmRig& rig_of(void* context) { return *static_cast<DmRig*>(context); }

bool collect(void* context, const romdelta_dm_item* item) {
  static_cast<std::vector<DmItem>*>(context)->push_back(
      {item->uri, item->format, item->type, std::string(item->value, item->value_bytes)});
  return true;
}

Status from_c(romdelta_status status) { return static_cast<Status>(status); }

}  // namespace

romdelta_flash c_flash_of(Flash* flash) {
  romdelta_flash c{};
  c.context = flash;
  c.size_bytes = flash->size_bytes();
  c.erase_block_bytes = flash->geometry().erase_block_bytes;
  c.program_unit_bytes = flash->geometry().program_unit_bytes;
  c.erase_before_program = flash->geometry().erase_before_program;
  c.read = [](void* context, std::uint64_t offset, std::uint8_t* into, std::size_t count) {
    return flash_of(context).read(offset, {into, count}) == Status::ok;
  };
  c.erase = [](void* context, std::uint64_t offset, std::uint64_t count) {
    return flash_of(context).erase(offset, count) == Status::ok;
  };
  c.program = [](void* context, std::uint64_t offset, const std::uint8_t* bytes,
                 std::size_t count) {
    return flash_of(context).program(offset, {bytes, count}) == Status::ok;
  };
  c.sync = [](void* context) { return flash_of(context).sync() == Status::ok; };
  return c;
}

DmRig::DmRig(const FlashGeometry& geometry, std::uint64_t bytes)
    : flash(geometry, bytes, &random), c_flash_(c_flash_of(&flash)) {
  host.context = this;
  host.records = {&c_flash_, 0, bytes};
  host.access = [](void* context, const char* server_id, const char* uri,
                   romdelta_dm_command command) -> romdelta_dm_answer {
    DmRig& rig = rig_of(context);
    return rig.access ? static_cast<romdelta_dm_answer>(rig.access(server_id, uri, command))
                      : romdelta_dm_answer{ROMDELTA_DM_OK};
  };
  host.package_begin = [](void* context, const char* id, std::uint64_t) {
    rig_of(context).incoming[id].clear();
    return !rig_of(context).store_is_full;
  };
  host.package_write = [](void* context, const char* id, std::uint64_t offset,
                          const std::uint8_t* data, std::size_t count) {
    std::string& package = rig_of(context).incoming[id];
    if (rig_of(context).store_is_full || offset != package.size()) return false;
    package.append(reinterpret_cast<const char*>(data), count);
    return true;
  };
  host.package_commit = [](void* context, const char* id, char* location, std::size_t capacity) {
    DmRig& rig = rig_of(context);
    const std::string path = "/store/" + std::string(id);
    if (rig.commit_fails || path.size() >= capacity) return false;
    rig.packages.insert(path);
    std::memcpy(location, path.c_str(), path.size() + 1);
    return true;
  };
  host.package_discard = [](void* context, const char* location) {
    DmRig& rig = rig_of(context);
    // Without power nothing is deleted.
    if (rig.discard_fails || rig.flash.is_cut()) return false;
    rig.packages.erase(location);
    rig.discarded.emplace_back(location);
    return true;
  };
  host.state_changed = [](void* context, const char* id, int from, int to) {
    rig_of(context).moves.push_back({id, from, to});
  };
}

Status DmRig::restart() {
  flash.restart();
  std::memset(dm->storage, 0xa5, sizeof(dm->storage));
  return from_c(romdelta_dm_begin(dm.get(), &host));
}

int DmRig::piece(romdelta_dm_command command, const std::string& uri, const std::string& bytes,
                 bool more, std::uint64_t total) {
  const romdelta_dm_data data = {nullptr, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                 bytes.size(), total, more};
  return command == ROMDELTA_DM_ADD
             ? romdelta_dm_add(dm.get(), server.c_str(), uri.c_str(), &data)
             : romdelta_dm_replace(dm.get(), server.c_str(), uri.c_str(), &data);
}

int DmRig::add(const std::string& uri, const std::string& value, const char* format) {
  const romdelta_dm_data data = {format, reinterpret_cast<const std::uint8_t*>(value.data()),
                                 value.size(), 0, false};
  return romdelta_dm_add(dm.get(), server.c_str(), uri.c_str(), &data);
}

int DmRig::replace(const std::string& uri, const std::string& value, const char* format) {
  const romdelta_dm_data data = {format, reinterpret_cast<const std::uint8_t*>(value.data()),
                                 value.size(), 0, false};
  return romdelta_dm_replace(dm.get(), server.c_str(), uri.c_str(), &data);
}

int DmRig::remove(const std::string& uri) {
  return romdelta_dm_delete(dm.get(), server.c_str(), uri.c_str());
}

int DmRig::exec(const std::string& uri, const char* correlator) {
  return romdelta_dm_exec(dm.get(), server.c_str(), uri.c_str(), correlator);
}

int DmRig::get(const std::string& uri, std::vector<DmItem>* items) {
  items->clear();
  return romdelta_dm_get(dm.get(), server.c_str(), uri.c_str(), collect, items);
}

int DmRig::get(const std::string& uri) {
  std::vector<DmItem> items;
  return get(uri, &items);
}

std::string DmRig::value(const std::string& uri) {
  std::vector<DmItem> items;
  const int answer = get(uri, &items);
  return answer == ROMDELTA_DM_OK && items.size() == 1 ? items[0].value
                                                       : "(" + std::to_string(answer) + ")";
}

int DmRig::state(const std::string& object_id) {
  const std::string text = value("./FwUpdate/" + object_id + "/State");
  return text.front() == '(' ? -1 : std::stoi(text);
}

std::optional<romdelta_dm_task> DmRig::task() {
  romdelta_dm_task task;
  if (!romdelta_dm_next_task(dm.get(), &task)) return std::nullopt;
  return task;
}

Status DmRig::download_done(Status status, const std::string& location) {
  const auto now = task();
  if (!now) return Status::no_record;
  if (status == Status::ok) packages.insert(location);
  return from_c(romdelta_dm_download_done(dm.get(), now->number,
                                          static_cast<romdelta_status>(status), location.c_str()));
}

Status DmRig::update_started() {
  const auto now = task();
  return now ? from_c(romdelta_dm_update_started(dm.get(), now->number)) : Status::no_record;
}

Status DmRig::update_done(Status status, bool keep) {
  const auto now = task();
  if (!now) return Status::no_record;
  return from_c(
      romdelta_dm_update_done(dm.get(), now->number, static_cast<romdelta_status>(status), keep));
}

std::optional<romdelta_dm_alert> DmRig::alert(const char* server_id, std::uint32_t after) {
  romdelta_dm_alert alert;
  if (!romdelta_dm_next_alert(dm.get(), server_id, after, &alert)) return std::nullopt;
  return alert;
}

std::size_t DmRig::alert_count() {
  std::size_t count = 0;
  for (auto next = alert(); next; next = alert(nullptr, next->number)) ++count;
  return count;
}

Status DmRig::answer(int status) {
  const auto first = alert();
  return first ? from_c(romdelta_dm_alert_answered(dm.get(), first->number,
                                                   static_cast<romdelta_dm_answer>(status)))
               : Status::no_record;
}

void DmRig::make_object(const std::string& id) {
  const std::string uri = "./FwUpdate/" + id;
  add(uri + "/DownloadAndUpdate/PkgURL", "http://example.com/both.pku");
  add(uri + "/Download/PkgURL", "http://example.com/one.pku");
}

void DmRig::give_package(const std::string& id, const std::string& bytes) {
  replace("./FwUpdate/" + id + "/Update/PkgData", bytes, "bin");
}

}  // namespace romdelta::test
