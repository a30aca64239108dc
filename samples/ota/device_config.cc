#include "samples/ota/device_config.h"

#include <filesystem>

#include "installer/cli/toml_reader.h"
#include "samples/ota/push_listener.h"

namespace romdelta::ota {
namespace {

using cli::TomlReader;

class Reader {
 public:
  explicit Reader(const std::string& path)
      : toml_(path, "samples/ota/README.md shows a complete device.toml"),
        folder_(std::filesystem::absolute(path).parent_path()) {}

  DeviceConfig read() {
    const toml::table& root = toml_.parse();
    toml_.reject_unknown(root, {"device", "server", "client", "download", "user"}, "");
    read_device(toml_.table_of(root, "device"));
    read_server(toml_.table_of(root, "server"));
    config_.account.client = identity(toml_.table_of(root, "client"), "client.", "name");
    if (const toml::node* node = root.get("download")) {
      read_download(toml_.table(*node, "download"));
    }
    if (const toml::node* node = root.get("user")) read_user(toml_.table(*node, "user"));
    return config_;
  }

 private:
  void read_device(const toml::table& table) {
    toml_.reject_unknown(table,
                         {"id", "manufacturer", "model", "language", "rom", "trust", "installer",
                          "state", "push", "messages"},
                         "device.");
    config_.facts.id = toml_.text(table, "id");
    config_.facts.manufacturer = toml_.text(table, "manufacturer");
    config_.facts.model = toml_.text(table, "model");
    config_.facts.language = toml_.text(table, "language", "en");
    config_.facts.software_version = ROMDELTA_VERSION;
    config_.rom_path = path(toml_.text(table, "rom"));
    config_.trust_paths = {path(toml_.text(table, "trust"))};
    config_.installer = toml_.text(table, "installer", "installer");
    config_.state_folder = path(toml_.text(table, "state"));
    const std::string messages = toml_.text(table, "messages", "");
    if (!messages.empty()) config_.log_folder = path(messages);
    const std::string push = toml_.text(table, "push", "");
    if (!push.empty()) {
      parse_host_and_port(push, toml_.path() + ": device.push", &config_.push_host,
                          &config_.push_port);
    }
  }

  void read_server(const toml::table& table) {
    toml_.reject_unknown(table, {"url", "id", "auth", "secret", "nonce", "encoding", "poll_s"},
                         "server.");
    config_.account.server_url = toml_.text(table, "url");
    config_.account.server = identity(table, "server.", "id");
    config_.poll_s = toml_.number(table, "poll_s", 0);
    const std::string encoding = toml_.text(table, "encoding", "xml");
    if (encoding != "xml" && encoding != "wbxml") {
      toml_.fail("'" + encoding + "' is neither xml nor wbxml", *table.get("encoding"));
    }
    config_.account.encoding = encoding == "xml" ? Encoding::xml : Encoding::wbxml;
  }

  Identity identity(const toml::table& table, const std::string& name, const char* name_key) {
    if (name == "client.") {
      toml_.reject_unknown(table, {"name", "auth", "secret", "nonce"}, name);
    }
    Identity result;
    const std::string type = toml_.text(table, "auth", "md5");
    const auto known = auth_type_of(type);
    if (!known) toml_.fail("'" + type + "' is not basic, md5 or hmac", *table.get("auth"));
    result.type = *known;
    result.name = toml_.text(table, name_key);
    result.secret = toml_.text(table, "secret");
    result.nonce = toml_.text(table, "nonce", "");
    return result;
  }

  void read_download(const toml::table& table) {
    toml_.reject_unknown(
        table, {"user", "password", "space_bytes", "attempts", "pause_ms", "stall_timeout_s"},
        "download.");
    config_.download_user = toml_.text(table, "user", "");
    config_.download_password = toml_.text(table, "password", "");
    config_.space_bytes_max = toml_.number(table, "space_bytes", UINT64_MAX);
    config_.attempts = number(table, "attempts", config_.attempts);
    config_.pause_ms = number(table, "pause_ms", config_.pause_ms);
    config_.stall_timeout_s = number(table, "stall_timeout_s", config_.stall_timeout_s);
  }

  int number(const toml::table& table, const char* key, int otherwise) {
    const std::uint64_t value = toml_.number(table, key, static_cast<std::uint64_t>(otherwise));
    if (value == 0 || value > 1'000'000) toml_.fail("not from 1 to 1000000", *table.get(key));
    return static_cast<int>(value);
  }

  void read_user(const toml::table& table) {
    toml_.reject_unknown(table, {"mode", "ask", "postpone_s", "postpones_max"}, "user.");
    const std::string mode = toml_.text(table, "mode", "server");
    if (mode == "ask")
      config_.user_mode = UserMode::ask;
    else if (mode == "silent")
      config_.user_mode = UserMode::silent;
    else if (mode == "forced")
      config_.user_mode = UserMode::forced;
    else if (mode != "server") {
      toml_.fail("'" + mode + "' is not server, ask, silent or forced", *table.get("mode"));
    }
    config_.ask_command = toml_.text(table, "ask", "");
    config_.postpone_s = toml_.number(table, "postpone_s", config_.postpone_s);
    config_.postpones_max = toml_.number(table, "postpones_max", config_.postpones_max);
  }

  std::string path(const std::string& text) const { return (folder_ / text).string(); }

  TomlReader toml_;
  std::filesystem::path folder_;
  DeviceConfig config_;
};

}  // namespace

DeviceConfig read_device_config(const std::string& path) { return Reader(path).read(); }

}  // namespace romdelta::ota
