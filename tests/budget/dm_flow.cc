#include "tests/budget/dm_flow.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "installer/dm/dm_c.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kRecordsBytes = 32 * 1024;

std::uint8_t memory[kRecordsBytes];
romdelta_dm dm;
std::size_t items = 0;

bool read(void*, std::uint64_t offset, std::uint8_t* into, std::size_t count) {
  std::memcpy(into, memory + offset, count);
  return true;
}
bool erase(void*, std::uint64_t offset, std::uint64_t count) {
  std::memset(memory + offset, 0xff, count);
  return true;
}
bool program(void*, std::uint64_t offset, const std::uint8_t* bytes, std::size_t count) {
  std::memcpy(memory + offset, bytes, count);
  return true;
}
bool sync(void*) { return true; }
bool begin_package(void*, const char*, std::uint64_t) { return true; }
bool write_package(void*, const char*, std::uint64_t, const std::uint8_t*, std::size_t) {
  return true;
}
bool commit_package(void*, const char*, char* location, std::size_t) {
  std::memcpy(location, "store", 6);
  return true;
}
bool count_item(void*, const romdelta_dm_item*) {
  ++items;
  return true;
}

const romdelta_flash kFlash = {nullptr, kRecordsBytes, 4096, 16, true, read, erase, program, sync};

bool set(const char* uri, const char* value, bool more, std::uint64_t total) {
  const romdelta_dm_data data = {nullptr, reinterpret_cast<const std::uint8_t*>(value),
                                 std::strlen(value), total, more};
  const int answer = romdelta_dm_add(&dm, "server", uri, &data);
  return answer == (more ? ROMDELTA_DM_CHUNK_TAKEN : ROMDELTA_DM_OK);
}

// Both agents, then the server's answer; a restart before each.
bool finish(const romdelta_dm_host& host) {
  romdelta_dm_task task;
  while (romdelta_dm_begin(&dm, &host) == ROMDELTA_OK && romdelta_dm_next_task(&dm, &task)) {
    const bool is_download = task.work == ROMDELTA_DM_DOWNLOAD;
    const romdelta_status done =
        is_download ? romdelta_dm_download_done(&dm, task.number, ROMDELTA_OK, "package")
                    : romdelta_dm_update_done(&dm, task.number, ROMDELTA_OK, false);
    if (done != ROMDELTA_OK) return false;
  }
  romdelta_dm_alert alert;
  return romdelta_dm_next_alert(&dm, "server", 0, &alert) && std::strcmp(alert.data, "200") == 0 &&
         romdelta_dm_alert_answered(&dm, alert.number, 200) == ROMDELTA_OK;
}

}  // namespace

bool run_dm_flow() {
  std::fill(std::begin(memory), std::end(memory), std::uint8_t{0xff});
  romdelta_dm_host host{};
  host.records = {&kFlash, 0, kRecordsBytes};
  host.package_begin = begin_package;
  host.package_write = write_package;
  host.package_commit = commit_package;
  items = 0;
  return romdelta_dm_begin(&dm, &host) == ROMDELTA_OK &&
         set("./FwUpdate/A/DownloadAndUpdate/PkgURL", "http://a/b", false, 0) &&
         set("./FwUpdate/A/PkgName", "name", false, 0) &&
         romdelta_dm_exec(&dm, "server", "./FwUpdate/A/DownloadAndUpdate", "c") ==
             ROMDELTA_DM_ACCEPTED &&
         finish(host) && romdelta_dm_delete(&dm, "server", "./FwUpdate/A") == ROMDELTA_DM_OK &&
         set("./FwUpdate/B/Update/PkgData", "pack", true, 7) &&
         set("./FwUpdate/B/Update/PkgData", "age", false, 0) &&
         romdelta_dm_exec(&dm, "server", "./FwUpdate/B/Update", nullptr) == ROMDELTA_DM_ACCEPTED &&
         finish(host) &&
         romdelta_dm_get(&dm, "server", "./FwUpdate?list=StructData", count_item, nullptr) ==
             ROMDELTA_DM_OK &&
         items == 10 &&
         romdelta_dm_request(&dm, ROMDELTA_DM_USER_REQUEST, "B", "please") == ROMDELTA_OK;
}

}  // namespace romdelta::test
