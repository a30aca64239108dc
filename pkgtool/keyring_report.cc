// What `pkgtool keyring show` says about a keyring.
#include <nlohmann/json.hpp>
#include <sstream>

#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "installer/cli/key_text.h"
#include "pkgtool/keyring_file.h"
#include "pkgtool/report_json.h"

namespace romdelta::pkgtool {
namespace {

using Json = nlohmann::ordered_json;
using cli::text_of;

// Roots of `by` that have signed; empty when a signature is wrong.
std::optional<std::size_t> signed_by(const KeyringDocument& document, const Keyring& by) {
  std::size_t count = 0;
  if (count_root_signatures(document, by, &count) != Status::ok) return std::nullopt;
  return count;
}

bool has_signed(const KeyringDocument& document, const PublicKey& root) {
  Keyring only;
  (void)only.roots.insert(root);
  return signed_by(document, only).value_or(0) == 1;
}

Json ids_of(const KeyList& list) {
  Json ids = Json::array();
  for (const PublicKey& key : list.view()) ids.push_back(cli::to_string(key.id));
  return ids;
}

std::string signed_text(const KeyringDocument& document, const Keyring& by) {
  const std::optional<std::size_t> count = signed_by(document, by);
  if (!count) return "a signature is wrong";
  return std::to_string(*count) + " of " + std::to_string(by.threshold) + " needed";
}

}  // namespace

std::string keyring_json(const KeyringDocument& document, const KeyringDocument* before) {
  const Keyring& keyring = document.keyring;
  Json json{{"schema", 1},
            {"keyring_id", text_of(keyring.id.view())},
            {"version", keyring.version},
            {"threshold", keyring.threshold}};
  json["roots"] = Json::array();
  for (const PublicKey& key : keyring.roots.view()) {
    json["roots"].push_back(
        {{"key_id", cli::to_string(key.id)}, {"signed", has_signed(document, key)}});
  }
  json["releases"] = ids_of(keyring.releases);
  json["developments"] = ids_of(keyring.developments);
  json["revoked"] = Json::array();
  for (const KeyId& id : keyring.revoked_view()) json["revoked"].push_back(cli::to_string(id));
  json["expires_seconds"] = keyring.expires_seconds;
  json["counter_resets"] = Json::array();
  for (const CounterReset& reset : keyring.reset_view()) {
    json["counter_resets"].push_back(
        {{"package_id", text_of(reset.package_id.view())}, {"counter", reset.counter}});
  }
  json["key_ids"] = key_ids_json(document.signatures);
  json["digest"] = cli::to_hex(document.digest.value);
  json["complete"] = check_threshold(document, keyring) == Status::ok;
  const Status status = judge_keyring(document, before);
  json["status"] = to_string(status);
  json["fumo_code"] = static_cast<int>(result_code(status));
  return json.dump(2) + "\n";
}

std::string keyring_text(const KeyringDocument& document, const KeyringDocument* before) {
  const Keyring& keyring = document.keyring;
  std::ostringstream out;
  out << "keyring " << keyring.id.view() << ", version " << keyring.version << '\n';
  const auto line = [&](const std::string& name, const std::string& value) {
    out << "  " << name << std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') << value
        << '\n';
  };
  line("threshold", std::to_string(keyring.threshold) + " of " +
                        std::to_string(keyring.roots.count) + " root keys");
  for (const bool is_signer : {true, false}) {
    for (const PublicKey& key : keyring.roots.view()) {
      if (has_signed(document, key) != is_signer) continue;
      line("root", cli::to_string(key.id) + (is_signer ? "  has signed" : ""));
    }
  }
  for (const PublicKey& key : keyring.releases.view()) line("release", cli::to_string(key.id));
  for (const PublicKey& key : keyring.developments.view()) {
    line("development", cli::to_string(key.id));
  }
  for (const KeyId& id : keyring.revoked_view()) line("revoked", cli::to_string(id));
  line("expires", keyring.expires_seconds == 0 ? "never" : format_time(keyring.expires_seconds));
  for (const CounterReset& reset : keyring.reset_view()) {
    line("reset", (reset.package_id.empty() ? "the device's counter"
                                            : "counter of " + text_of(reset.package_id.view())) +
                      " to " + std::to_string(reset.counter));
  }
  line("digest", cli::to_hex(document.digest.value));
  line("signed", signed_text(document, keyring));
  if (before != nullptr) {
    line("by version " + std::to_string(before->keyring.version),
         signed_text(document, before->keyring));
  }
  const Status status = judge_keyring(document, before);
  out << (status == Status::ok ? before == nullptr
                                     ? "good: its own threshold has signed"
                                     : "good: devices with version " +
                                           std::to_string(before->keyring.version) + " accept it"
                               : "NOT good: " + cli::describe(status))
      << '\n';
  return out.str();
}

}  // namespace romdelta::pkgtool
