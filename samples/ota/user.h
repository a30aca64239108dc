// The user of a device: told of updates, asked whether to take them.
#pragma once

#include <string>

#include "samples/ota/device_config.h"
#include "samples/ota/device_state.h"

namespace romdelta::ota {

enum class Decision { accept, postpone, decline };

class User {
 public:
  explicit User(const DeviceConfig& config) : config_(config) {}

  // What becomes of an update of `package`, offered for the time that `postpones` counts. The mode
  // of the notification counts where the configuration leaves it to the server.
  Decision decide(const std::string& package, UiMode ui_mode, std::uint64_t postpones) const;
  // Shows a text of the server; a question is answered by true or false.
  bool show(const std::string& text, bool is_question) const;

 private:
  std::string ask(const std::string& text) const;

  const DeviceConfig& config_;
};

}  // namespace romdelta::ota
