// Device: the DM client of one device, from power on to power off.
//
//   power on -> what was interrupted goes on -> final alert -> wait for a notification -> session
//            -> task (download, update) -> reboot -> ...
//
// One thread. Everything that has to survive power loss is in the adapter's records, the
// installer's journal, the download's own files and DeviceState.
#pragma once

#include <memory>
#include <string>

#include "installer/dm/dm_c.h"
#include "samples/ota/device_config.h"
#include "samples/ota/device_state.h"
#include "samples/ota/files.h"
#include "samples/ota/push_listener.h"
#include "samples/ota/region_flash.h"
#include "samples/ota/user.h"

namespace romdelta::cli {
class RomConfig;
}

namespace romdelta::ota {

enum class RunEnd {
  stopped,  // A signal asked for it.
  reboot,   // An update is installed: the process has to be started again.
};

class Device {
 public:
  // Opens everything. Throws cli::Error.
  explicit Device(const DeviceConfig& config);
  ~Device();

  // Until a signal or a reboot. `until_idle`: returns `stopped` as soon as nothing is to be done
  // and at least one session has been held.
  RunEnd run(bool until_idle);
  // Queues a request of the device's user for an update (alert .userrequest).
  void request_update(const std::string& text);

 private:
  bool has_alert();
  bool hold_session(bool from_server, std::uint16_t session_id);
  bool wait_for_push(int timeout_ms);
  Notification authentic_notification(std::string_view package) const;
  // What can be done of the task now. True: something was.
  bool work_on_task(bool* must_reboot);
  bool ask_user(const romdelta_dm_task& task);
  void download_package(const romdelta_dm_task& task);
  bool update(const romdelta_dm_task& task);
  std::string package_path(const std::string& location) const;
  void save() const;
  void say(const std::string& text) const;

  static romdelta_dm_answer allows(void* self, const char* server_id, const char* uri,
                                   romdelta_dm_command command);
  static bool package_begin(void* self, const char* object_id, std::uint64_t total_bytes);
  static bool package_write(void* self, const char* object_id, std::uint64_t offset_bytes,
                            const std::uint8_t* bytes, std::size_t count);
  static bool package_commit(void* self, const char* object_id, char* location,
                             std::size_t capacity);
  static bool package_discard(void* self, const char* location);
  static void state_changed(void* self, const char* object_id, int from, int to);

  DeviceConfig config_;
  std::string state_path_;
  std::unique_ptr<FileLock> lock_;
  DeviceState state_;
  std::unique_ptr<cli::RomConfig> rom_;
  FileFlash records_file_;
  std::unique_ptr<RegionFlash> records_;
  std::unique_ptr<RegionFlash> inventory_;
  romdelta_dm_host host_{};
  std::unique_ptr<romdelta_dm> dm_;
  std::unique_ptr<DmTree> tree_;
  PushListener push_;
  User user_;
  bool had_session_ = false;
};

}  // namespace romdelta::ota
