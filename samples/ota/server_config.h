// server.toml: the DM server of the sample, its devices and what they are to run.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "samples/ota/auth.h"
#include "samples/ota/notification.h"

namespace romdelta::ota {

// How a package is brought to a device.
enum class Delivery {
  download_and_update,   // One Exec; the device downloads.
  download_then_update,  // Exec of Download, and when that is reported, Exec of Update.
  push,                  // Replace of Update/PkgData as a large object, then Exec of Update.
};

struct DeviceAccount {
  std::string id;
  Identity client;
  Identity server;
  std::string push_host;  // Where its notifications go; port 0: nowhere.
  std::uint16_t push_port = 0;
};

struct CampaignConfig {
  std::string catalog;       // The folder of the packages.
  std::string packages_url;  // Where the same folder is served.
  std::string trust_path;
  std::string pkgtool = "pkgtool";
  std::map<std::string, std::string> wanted;  // ROM package -> version: the release.
  std::string release;                        // Its name, for people.
  Delivery delivery = Delivery::download_and_update;
  UiMode ui_mode = UiMode::background;
  bool with_correlator = true;
  std::uint64_t retries = 2;   // After failures that may pass.
  std::uint64_t retry_s = 60;  // Before the first of them; doubles.
};

struct ServerConfig {
  std::string host;
  std::uint16_t port = 0;
  std::string url;  // As devices address it.
  std::string id;
  std::string state_folder;
  std::string log_folder;       // Where SyncML messages are kept; empty: nowhere.
  std::uint64_t notify_s = 30;  // A device that has work is notified again after so long.
  CampaignConfig campaign;
  std::vector<DeviceAccount> devices;
};

// Paths are relative to the file's folder. Throws cli::Error (bad_input) with line and column.
ServerConfig read_server_config(const std::string& path);

}  // namespace romdelta::ota
