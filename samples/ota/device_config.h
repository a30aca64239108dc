// device.toml: one device of the sample, as its maker and its operator set it up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/ota/client_session.h"
#include "samples/ota/dm_tree.h"

namespace romdelta::ota {

// Who decides whether an update is taken.
enum class UserMode {
  server,  // As the notification's user interaction mode says; asks when it does not.
  ask,
  silent,  // Nobody is asked or told.
  forced,  // The user is told, not asked.
};

struct DeviceConfig {
  DeviceFacts facts;
  Account account;
  std::string rom_path;
  std::vector<std::string> trust_paths;
  std::string installer = "installer";  // The program; looked for in PATH.
  std::string state_folder;
  std::string push_host;  // Where notifications arrive; port 0: nowhere.
  std::uint16_t push_port = 0;
  std::uint64_t poll_s = 0;  // Calls the server by itself every so often; 0: never.

  std::string download_user;
  std::string download_password;
  std::uint64_t space_bytes_max = UINT64_MAX;
  int attempts = 6;
  int pause_ms = 500;
  int stall_timeout_s = 20;

  UserMode user_mode = UserMode::server;
  std::string ask_command;  // Prints accept, postpone or decline. Empty: the terminal is asked.
  std::uint64_t postpone_s = 3600;
  std::uint64_t postpones_max = 3;
  std::string log_folder;  // Where SyncML messages are kept; empty: nowhere.
};

// Paths are relative to the file's folder. Throws cli::Error (bad_input) with line and column.
DeviceConfig read_device_config(const std::string& path);

}  // namespace romdelta::ota
