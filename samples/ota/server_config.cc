#include "samples/ota/server_config.h"

#include <filesystem>

#include "format/text.h"
#include "installer/cli/toml_reader.h"
#include "samples/ota/push_listener.h"

namespace romdelta::ota {
namespace {

using cli::TomlReader;

class Reader {
 public:
  explicit Reader(const std::string& path)
      : toml_(path, "samples/ota/README.md shows a complete server.toml"),
        folder_(std::filesystem::absolute(path).parent_path()) {}

  ServerConfig read() {
    const toml::table& root = toml_.parse();
    toml_.reject_unknown(root, {"server", "campaign", "device"}, "");
    read_server(toml_.table_of(root, "server"));
    read_campaign(toml_.table_of(root, "campaign"));
    for (const toml::node& entry : toml_.tables_of(root, "device")) {
      read_device(toml_.table(entry, "device"));
    }
    return config_;
  }

 private:
  void read_server(const toml::table& table) {
    toml_.reject_unknown(table, {"listen", "url", "id", "state", "messages", "notify_s"},
                         "server.");
    parse_host_and_port(toml_.text(table, "listen"), toml_.path() + ": server.listen",
                        &config_.host, &config_.port);
    config_.url = toml_.text(table, "url");
    config_.id = toml_.text(table, "id");
    config_.state_folder = path(toml_.text(table, "state"));
    const std::string messages = toml_.text(table, "messages", "");
    if (!messages.empty()) config_.log_folder = path(messages);
    config_.notify_s = toml_.number(table, "notify_s", config_.notify_s);
  }

  void read_campaign(const toml::table& table) {
    CampaignConfig& campaign = config_.campaign;
    toml_.reject_unknown(table,
                         {"catalog", "packages_url", "trust", "pkgtool", "release", "wanted",
                          "delivery", "user", "correlator", "retries", "retry_s"},
                         "campaign.");
    campaign.catalog = path(toml_.text(table, "catalog"));
    campaign.packages_url = toml_.text(table, "packages_url");
    campaign.trust_path = path(toml_.text(table, "trust"));
    campaign.pkgtool = toml_.text(table, "pkgtool", campaign.pkgtool);
    campaign.release = toml_.text(table, "release");
    for (const auto& [key, node] : toml_.table_of(table, "wanted")) {
      const std::string version = node.value_or(std::string());
      if (!is_valid_package_id(key.str()) || !is_valid_version(version)) {
        toml_.fail("not PACKAGE_ID = \"VERSION\"", node);
      }
      campaign.wanted[std::string(key.str())] = version;
    }
    const std::string delivery = toml_.text(table, "delivery", "download_and_update");
    if (delivery == "download_then_update")
      campaign.delivery = Delivery::download_then_update;
    else if (delivery == "push")
      campaign.delivery = Delivery::push;
    else if (delivery != "download_and_update") {
      toml_.fail("'" + delivery + "' is not download_and_update, download_then_update or push",
                 *table.get("delivery"));
    }
    const std::string user = toml_.text(table, "user", "silent");
    if (user == "ask")
      campaign.ui_mode = UiMode::interaction;
    else if (user == "forced")
      campaign.ui_mode = UiMode::informative;
    else if (user != "silent") {
      toml_.fail("'" + user + "' is not ask, silent or forced", *table.get("user"));
    }
    campaign.with_correlator = toml_.text(table, "correlator", "yes") == "yes";
    campaign.retries = toml_.number(table, "retries", campaign.retries);
    campaign.retry_s = toml_.number(table, "retry_s", campaign.retry_s);
  }

  void read_device(const toml::table& table) {
    toml_.reject_unknown(table,
                         {"id", "client_name", "client_auth", "client_secret", "client_nonce",
                          "server_auth", "server_secret", "server_nonce", "push"},
                         "device.");
    DeviceAccount account;
    account.id = toml_.text(table, "id");
    account.client = identity(table, "client_");
    account.client.name = toml_.text(table, "client_name");
    account.server = identity(table, "server_");
    account.server.name = config_.id;
    const std::string push = toml_.text(table, "push", "");
    if (!push.empty()) {
      parse_host_and_port(push, toml_.position(table) + ": device.push", &account.push_host,
                          &account.push_port);
    }
    for (const DeviceAccount& before : config_.devices) {
      if (before.id == account.id) toml_.fail("two devices of this id", *table.get("id"));
    }
    config_.devices.push_back(account);
  }

  Identity identity(const toml::table& table, const std::string& prefix) {
    Identity result;
    const std::string type = toml_.text(table, prefix + "auth", "md5");
    const auto known = auth_type_of(type);
    if (!known) toml_.fail("'" + type + "' is not basic, md5 or hmac", *table.get(prefix + "auth"));
    result.type = *known;
    result.secret = toml_.text(table, prefix + "secret");
    result.nonce = toml_.text(table, prefix + "nonce", "");
    return result;
  }

  std::string path(const std::string& text) const { return (folder_ / text).string(); }

  TomlReader toml_;
  std::filesystem::path folder_;
  ServerConfig config_;
};

}  // namespace

ServerConfig read_server_config(const std::string& path) { return Reader(path).read(); }

}  // namespace romdelta::ota
