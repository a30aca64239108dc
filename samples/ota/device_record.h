// DeviceRecord: what the server knows of one device. A JSON file for each, replaced as a whole.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace romdelta::ota {

enum class Phase {
  unknown,     // Never seen, or its versions have to be asked for.
  executing,   // Its Exec was accepted; the final alert is due.
  downloaded,  // The package is on the device; Exec of Update is due.
  waiting,     // Tried again later.
  done,        // It has the release.
  stopped,     // A person has to look.
};

const char* to_string(Phase phase);

struct RomVersion {
  std::string version;
  std::string state;
};

// The end of one operation, as the final alert told it.
struct OperationResult {
  std::string package;  // File name.
  std::string type;     // Of the alert: downloadandupdate, download, update.
  int code = 0;
};

struct DeviceRecord {
  std::string id;
  std::map<std::string, std::string> info;     // "./DevInfo/Mod" -> value
  std::map<std::string, RomVersion> versions;  // ROM package -> what it has.
  Phase phase = Phase::unknown;
  std::string note;       // Why, for people.
  std::string object_id;  // x of ./FwUpdate/x
  std::string package;    // File name of the package that the operation is about.
  std::string correlator;
  std::string fumo_state;         // As last read.
  bool is_open = false;           // Its final alert has not come.
  std::uint64_t operations = 0;   // Numbers objects and correlators.
  std::uint64_t failures = 0;     // In a row, of the kind that may pass.
  bool full_only = false;         // Its source is damaged: no deltas.
  std::uint64_t try_again_s = 0;  // Phase waiting: not before.
  std::uint64_t last_seen_s = 0;
  std::uint16_t session_id = 0;  // Of the last notification.
  std::string client_nonce;
  std::string server_nonce;
  std::vector<OperationResult> results;
};

// A first one when there is none or it cannot be read.
DeviceRecord load_record(const std::string& folder, const std::string& device_id);
// Durable when it returns. Throws cli::Error (io).
void save_record(const DeviceRecord& record, const std::string& folder);

}  // namespace romdelta::ota
