// The verbs about keys and confirmation.
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "format/result_code.h"
#include "installer/cli/device_lock.h"
#include "installer/cli/key_text.h"
#include "installer/cli/trust.h"
#include "installer/cli/verbs.h"
#include "installer/confirm.h"

namespace romdelta::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string fumo_text(Status status) {
  const ResultCode code = result_code(status);
  return "FUMO " + std::to_string(static_cast<int>(code)) + " (" + to_string(code) + ")";
}

Json json_of(Status status) {
  return {{"schema", 1},
          {"status", to_string(status)},
          {"fumo_code", static_cast<int>(result_code(status))},
          {"message", result_row(status).meaning}};
}

void print_refusal(const std::string& what, Status status) {
  const ResultRow& row = result_row(status);
  std::cout << what << ": " << row.meaning << " [" << to_string(status) << "]. "
            << fumo_text(status) << '\n';
  std::cerr << "hint: " << row.action << '\n';
}

// 0 when the clock is not one that expiry may be judged by.
std::uint64_t trusted_seconds(const RomConfig& rom) {
  if (!rom.has_trusted_clock()) return 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  return seconds > 0 ? static_cast<std::uint64_t>(seconds) : 0;
}

void require_region(const RomConfig& rom, const std::string& path) {
  if (rom.device().keyring.present()) return;
  throw Error(Exit::usage, "the device has no place for a keyring", path,
              "add a table [keyring] with path and size_bytes");
}

Json ids_of(const KeyList& list) {
  Json ids = Json::array();
  for (const PublicKey& key : list.view()) ids.push_back(to_string(key.id));
  return ids;
}

}  // namespace

Status Verbs::load_trusted_keys(const RomConfig& rom, std::vector<PublicKey>* keys) {
  if (!rom.device().keyring.present()) {
    *keys = load_trust(options_.trust_paths, rom.device().production);
    return Status::ok;
  }
  if (!options_.trust_paths.empty()) {
    throw Error(Exit::usage, "the device trusts its keyring, and nobody else", "--trust",
                "leave it out; `accept-keyring` changes the keyring");
  }
  const Status status = keyring_.open(rom.device(), record_buffer_);
  if (status != Status::ok) return status;
  TrustedKeys trusted;
  const Status trust_status = keyring_.trusted_keys(trusted_seconds(rom), &trusted);
  if (trust_status == Status::ok) keys->assign(trusted.begin(), trusted.end());
  return trust_status;
}

Exit Verbs::confirm() {
  const DeviceLock lock(options_.rom_path);
  const RomConfig rom(options_.rom_path, RomAccess::read_write);
  const Status status = romdelta::confirm(rom.device(), record_buffer_, options_.package_id);
  const std::string what = options_.package_id.empty() ? "all releases" : options_.package_id;
  if (options_.format == ReportFormat::json) {
    std::cout << json_of(status).dump(2) << '\n';
  } else if (status == Status::ok) {
    std::cout << what << ": confirmed. " << fumo_text(status) << '\n';
  } else {
    print_refusal(what + ": not confirmed", status);
  }
  return exit_of(status);
}

Exit Verbs::provision_keyring() {
  const DeviceLock lock(options_.rom_path);
  const RomConfig rom(options_.rom_path, RomAccess::read_write);
  require_region(rom, options_.rom_path);
  const std::vector<std::uint8_t> document = read_keyring_file(options_.keyring_path);
  (void)parse_keyring_file(document, options_.keyring_path);
  const Status opened = keyring_.open(rom.device(), record_buffer_);
  if (opened != Status::no_trusted_key) check(opened, "keyring");
  if (keyring_.has_keyring() && !options_.force) {
    throw Error(Exit::usage,
                "the device has version " + std::to_string(keyring_.current().keyring.version) +
                    " of a keyring",
                options_.keyring_path,
                "use accept-keyring; give --force if the device begins anew");
  }
  return report_keyring(keyring_.provision(document));
}

Exit Verbs::accept_keyring() {
  const DeviceLock lock(options_.rom_path);
  const RomConfig rom(options_.rom_path, RomAccess::read_write);
  require_region(rom, options_.rom_path);
  const std::vector<std::uint8_t> document = read_keyring_file(options_.keyring_path);
  if (!looks_like_keyring(document)) (void)parse_keyring_file(document, options_.keyring_path);
  Status status = keyring_.open(rom.device(), record_buffer_);
  if (status == Status::ok) status = keyring_.accept(document);
  return report_keyring(status);
}

Exit Verbs::report_keyring(Status status) const {
  if (options_.format == ReportFormat::json) {
    Json json = json_of(status);
    if (keyring_.has_keyring()) json["version"] = keyring_.current().keyring.version;
    std::cout << json.dump(2) << '\n';
  } else if (status == Status::ok) {
    const Keyring& keyring = keyring_.current().keyring;
    std::cout << "the device has version " << keyring.version << " of keyring " << keyring.id.view()
              << ". " << fumo_text(status) << '\n';
  } else {
    print_refusal(options_.keyring_path + ": not accepted", status);
  }
  return exit_of(status);
}

Exit Verbs::keyring() {
  const RomConfig rom(options_.rom_path, RomAccess::read_only);
  require_region(rom, options_.rom_path);
  const Status status = keyring_.look(rom.device(), record_buffer_);
  check(status, "keyring");
  const Keyring& keyring = keyring_.current().keyring;
  Json revoked = Json::array();
  for (const KeyId& id : keyring.revoked_view()) revoked.push_back(to_string(id));
  const Json json{{"schema", 1},
                  {"keyring_id", std::string(keyring.id.view())},
                  {"version", keyring.version},
                  {"threshold", keyring.threshold},
                  {"production", rom.device().production},
                  {"roots", ids_of(keyring.roots)},
                  {"releases", ids_of(keyring.releases)},
                  {"developments", ids_of(keyring.developments)},
                  {"revoked", revoked},
                  {"expires_seconds", keyring.expires_seconds},
                  {"digest", to_hex(keyring_.current().digest.value)}};
  if (options_.format == ReportFormat::json) {
    std::cout << json.dump(2) << '\n';
    return Exit::done;
  }
  std::cout << "keyring " << keyring.id.view() << ", version " << keyring.version << '\n';
  for (const char* role : {"roots", "releases", "developments", "revoked"}) {
    for (const Json& id : json[role]) {
      std::cout << "  " << role << "  " << id.get<std::string>() << '\n';
    }
  }
  return Exit::done;
}

}  // namespace romdelta::cli
