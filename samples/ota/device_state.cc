#include "samples/ota/device_state.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "samples/ota/files.h"

namespace romdelta::ota {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

DeviceState load_state(const std::string& path) {
  DeviceState state;
  std::ifstream file(path);
  const Json json = Json::parse(file, nullptr, false);
  if (!json.is_object()) return state;
  try {
    state.client_nonce = base64_decoded(json.at("client_nonce").get<std::string>()).value_or("");
    state.server_nonce = base64_decoded(json.at("server_nonce").get<std::string>()).value_or("");
    state.server_nonce_before =
        base64_decoded(json.at("server_nonce_before").get<std::string>()).value_or("");
    state.session_id = json.at("session_id");
    state.ui_mode = static_cast<UiMode>(json.at("ui_mode").get<unsigned>() & 3);
    state.accepted = json.at("accepted");
    state.postponed = json.at("postponed");
    state.ask_again_s = json.at("ask_again_s");
    state.postpones = json.at("postpones");
    state.installed = json.at("installed");
  } catch (const Json::exception&) {
    return {};
  }
  return state;
}

void save_state(const DeviceState& state, const std::string& path) {
  const Json json{{"client_nonce", base64(state.client_nonce)},
                  {"server_nonce", base64(state.server_nonce)},
                  {"server_nonce_before", base64(state.server_nonce_before)},
                  {"session_id", state.session_id},
                  {"ui_mode", static_cast<unsigned>(state.ui_mode)},
                  {"accepted", state.accepted},
                  {"postponed", state.postponed},
                  {"ask_again_s", state.ask_again_s},
                  {"postpones", state.postpones},
                  {"installed", state.installed}};
  write_durably(path, json.dump(2) + '\n');
}

}  // namespace romdelta::ota
