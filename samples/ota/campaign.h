// What the server wants of a device: from what it reports to the next commands. One call for each
// thing that a device says; next() then says what to tell it. Knows nothing of messages and
// sessions.
//
//   versions -> choose a package -> x/PkgName, PkgVersion, DownloadAndUpdate/PkgURL, Exec
//            -> final alert 1226 -> versions again -> ... -> done, or stopped
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samples/ota/device_record.h"
#include "samples/ota/message.h"
#include "samples/ota/server_config.h"
#include "samples/ota/shelf.h"

namespace romdelta::ota {

class Campaign {
 public:
  // All of them outlive the campaign. `record` is changed; whoever owns it saves it.
  Campaign(const CampaignConfig& config, const Shelf& shelf, DeviceRecord* record,
           std::uint64_t now_s);

  void on_device_info(const Item& item);
  void on_result(const Item& item);
  // The answer to one of our commands, for one item of it.
  void on_status(Verb verb, const std::string& target, int code);
  // A generic alert. Returns the status to answer.
  int on_alert(const Command& command);

  // What to tell the device now; empty: nothing, the session may end.
  std::vector<Command> next();

  // True when the device should be called.
  static bool wants_session(const DeviceRecord& record, std::uint64_t now_s);

 private:
  enum class Step { ask, prepare, await, end };

  void react(const std::string& type, int code);
  void try_again(const std::string& why);
  void stop(const std::string& why);
  std::vector<Command> begin_operation();
  std::vector<Command> read_state();
  Command exec(const char* operation);
  Command remove(const std::string& uri);
  std::string node(const std::string& leaf) const;

  const CampaignConfig& config_;
  const Shelf& shelf_;
  DeviceRecord* record_;
  std::uint64_t now_s_;
  Step step_ = Step::ask;
  std::vector<std::string> objects_;            // Below ./FwUpdate.
  std::map<std::string, RomVersion> versions_;  // As they arrive in this session.
  bool state_is_known_ = false;
};

}  // namespace romdelta::ota
