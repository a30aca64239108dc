#include "samples/ota/device_record.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "installer/cli/command_line.h"
#include "samples/ota/auth.h"
#include "samples/ota/files.h"

namespace romdelta::ota {
namespace {

using Json = nlohmann::ordered_json;

constexpr Phase kPhases[] = {Phase::unknown, Phase::executing, Phase::downloaded,
                             Phase::waiting, Phase::done,      Phase::stopped};

// A device's id is any text.
std::string path_of(const std::string& folder, const std::string& device_id) {
  const std::string digest = md5(device_id);
  return folder + '/' +
         cli::to_hex({reinterpret_cast<const std::uint8_t*>(digest.data()), digest.size()}) +
         ".json";
}

Phase phase_named(const std::string& name) {
  for (const Phase phase : kPhases) {
    if (name == to_string(phase)) return phase;
  }
  return Phase::unknown;
}

}  // namespace

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::unknown: return "unknown";
    case Phase::executing: return "executing";
    case Phase::downloaded: return "downloaded";
    case Phase::waiting: return "waiting";
    case Phase::done: return "done";
    case Phase::stopped: return "stopped";
  }
  return "";
}

DeviceRecord load_record(const std::string& folder, const std::string& device_id) {
  DeviceRecord record;
  record.id = device_id;
  std::ifstream file(path_of(folder, device_id));
  const Json json = Json::parse(file, nullptr, false);
  if (!json.is_object()) return record;
  try {
    DeviceRecord read = record;
    read.info = json.at("info").get<std::map<std::string, std::string>>();
    for (const auto& [package_id, entry] : json.at("versions").items()) {
      read.versions[package_id] = {entry.at("version"), entry.at("state")};
    }
    read.phase = phase_named(json.at("phase"));
    read.note = json.at("note");
    read.object_id = json.at("object_id");
    read.package = json.at("package");
    read.correlator = json.at("correlator");
    read.fumo_state = json.at("fumo_state");
    read.is_open = json.at("is_open");
    read.operations = json.at("operations");
    read.failures = json.at("failures");
    read.full_only = json.at("full_only");
    read.try_again_s = json.at("try_again_s");
    read.last_seen_s = json.at("last_seen_s");
    read.session_id = json.at("session_id");
    read.client_nonce = base64_decoded(json.at("client_nonce").get<std::string>()).value_or("");
    read.server_nonce = base64_decoded(json.at("server_nonce").get<std::string>()).value_or("");
    for (const Json& entry : json.at("results")) {
      read.results.push_back({entry.at("package"), entry.at("type"), entry.at("code")});
    }
    return read;
  } catch (const Json::exception&) {
    return record;
  }
}

void save_record(const DeviceRecord& record, const std::string& folder) {
  Json versions = Json::object();
  for (const auto& [package_id, version] : record.versions) {
    versions[package_id] = {{"version", version.version}, {"state", version.state}};
  }
  Json results = Json::array();
  for (const OperationResult& result : record.results) {
    results.push_back({{"package", result.package}, {"type", result.type}, {"code", result.code}});
  }
  const Json json{{"id", record.id},
                  {"info", record.info},
                  {"versions", versions},
                  {"phase", to_string(record.phase)},
                  {"note", record.note},
                  {"object_id", record.object_id},
                  {"package", record.package},
                  {"correlator", record.correlator},
                  {"fumo_state", record.fumo_state},
                  {"is_open", record.is_open},
                  {"operations", record.operations},
                  {"failures", record.failures},
                  {"full_only", record.full_only},
                  {"try_again_s", record.try_again_s},
                  {"last_seen_s", record.last_seen_s},
                  {"session_id", record.session_id},
                  {"client_nonce", base64(record.client_nonce)},
                  {"server_nonce", base64(record.server_nonce)},
                  {"results", results}};
  // What devices say need not be UTF-8.
  write_durably(path_of(folder, record.id),
                json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
}

}  // namespace romdelta::ota
