#include <charconv>

#include "pkgtool/commands/keyring.h"
#include "pkgtool/file.h"

namespace romdelta::pkgtool {
namespace {

struct Edit {
  std::string path;
  std::string output_path;
  std::string id;
  std::vector<std::string> roots;
  std::vector<std::string> releases;
  std::vector<std::string> developments;
  std::vector<std::string> keys;  // revoke
  std::string from;               // rotate
  std::string to;
  bool revokes = false;
  std::uint64_t threshold = 0;  // 0: as it was.
  std::string expires;
  std::vector<std::string> resets;
};

PublicKey read_key(const std::string& path, KeyRole role) {
  PublicKey key = parse_public_key(read_text(path), path);
  key.role = role;
  return key;
}

void insert(const PublicKey& key, KeyList* list, const std::string& path) {
  if (list->insert(key)) return;
  const bool is_full = list->find(key.id) == nullptr;
  throw Error(Exit::usage,
              is_full ? "the keyring has as many keys of this role as it may"
                      : "the keyring has this key already",
              path);
}

void insert_all(const Edit& edit, Keyring* keyring) {
  for (const std::string& path : edit.roots) {
    insert(read_key(path, KeyRole::any), &keyring->roots, path);
  }
  for (const std::string& path : edit.releases) {
    insert(read_key(path, KeyRole::release), &keyring->releases, path);
  }
  for (const std::string& path : edit.developments) {
    insert(read_key(path, KeyRole::development), &keyring->developments, path);
  }
}

// "com.example.app=5", or "=5" for the device.
CounterReset parse_reset(const std::string& text) {
  CounterReset reset;
  const std::size_t sign = text.find('=');
  const std::string id = text.substr(0, sign);
  const char* begin = text.data() + std::min(sign, text.size() - 1) + 1;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(begin, end, reset.counter);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == end;
  const bool is_id = id.empty() || is_valid_package_id(id);
  if (sign == std::string::npos || !is_number || !is_id || !reset.package_id.assign(id)) {
    throw Error(Exit::usage, "'" + text + "' resets no counter", "--reset-counter",
                "give ID=N, or =N for the counter of the device as a whole");
  }
  return reset;
}

void add_reset(const CounterReset& reset, Keyring* keyring) {
  std::size_t place = 0;
  while (place < keyring->reset_count &&
         keyring->resets[place].package_id.view() < reset.package_id.view()) {
    ++place;
  }
  const bool is_same =
      place < keyring->reset_count && keyring->resets[place].package_id == reset.package_id;
  if (!is_same) {
    if (keyring->reset_count == keyring->resets.size()) {
      throw Error(Exit::usage, "the keyring resets as many counters as it may", "--reset-counter");
    }
    for (std::size_t i = keyring->reset_count++; i > place; --i) {
      keyring->resets[i] = keyring->resets[i - 1];
    }
  }
  keyring->resets[place] = reset;
}

void apply_common(const Edit& edit, Keyring* keyring) {
  if (edit.threshold > keyring->roots.entries.size()) {
    throw Error(Exit::usage, "a threshold above the number of root keys", "--threshold");
  }
  if (edit.threshold != 0) keyring->threshold = static_cast<std::uint16_t>(edit.threshold);
  if (edit.expires == "never") {
    keyring->expires_seconds = 0;
  } else if (!edit.expires.empty()) {
    keyring->expires_seconds = parse_time(edit.expires, "--expires");
  }
  for (const std::string& reset : edit.resets) add_reset(parse_reset(reset), keyring);
}

void write_draft(const std::string& path, const Keyring& keyring, Context& context) {
  write_file(path, encode_draft(keyring));
  context.say(path + ": draft of version " + std::to_string(keyring.version) + " of " +
              std::string(keyring.id.view()) + "; it counts when " +
              std::to_string(keyring.threshold) + " of its " + std::to_string(keyring.roots.count) +
              " root keys have signed" +
              (keyring.version == 1 ? "" : ", and the threshold of the version before"));
}

// Reads the keyring, lets `change` edit it, and writes the draft.
template <typename Change>
void edit_file(const Edit& edit, Context& context, Change&& change) {
  const KeyringFile file(edit.path);
  if (!file.is_draft() && edit.output_path.empty()) {
    throw Error(Exit::usage, "the keyring is signed: an edit begins the next version", edit.path,
                "give -o OUT for it, and keep this one: devices follow from version to version");
  }
  Keyring keyring = file.draft();
  change(&keyring);
  apply_common(edit, &keyring);
  write_draft(edit.output_path.empty() ? edit.path : edit.output_path, keyring, context);
}

void run_init(const Edit& edit, Context& context) {
  Keyring keyring;
  if (!keyring.id.assign(edit.id)) throw Error(Exit::usage, "the name is too long", "--id");
  insert_all(edit, &keyring);
  apply_common(edit, &keyring);
  write_draft(edit.output_path, keyring, context);
}

void run_revoke(const Edit& edit, Context& context) {
  edit_file(edit, context, [&](Keyring* keyring) {
    for (const std::string& text : edit.keys) {
      const KeyId id = parse_key_id(text);
      keyring->roots.erase(id);
      keyring->releases.erase(id);
      keyring->developments.erase(id);
      if (!keyring->revoke(id)) {
        throw Error(Exit::usage, "the keyring names as many revoked keys as it may", text);
      }
    }
  });
}

void run_rotate(const Edit& edit, Context& context) {
  edit_file(edit, context, [&](Keyring* keyring) {
    const KeyId from = parse_key_id(edit.from);
    for (KeyList* list : {&keyring->roots, &keyring->releases, &keyring->developments}) {
      const PublicKey* old_key = list->find(from);
      if (old_key == nullptr) continue;
      const KeyRole role = old_key->role;
      list->erase(from);
      insert(read_key(edit.to, role), list, edit.to);
      if (edit.revokes && !keyring->revoke(from)) {
        throw Error(Exit::usage, "the keyring names as many revoked keys as it may", edit.from);
      }
      return;
    }
    throw Error(Exit::usage, "the keyring has no such key", edit.from);
  });
}

void add_keys(CLI::App& verb, Edit* edit) {
  const auto keys = [&](const char* name, std::vector<std::string>* paths, const char* help) {
    verb.add_option(name, *paths, help)->type_name("NAME.pub")->allow_extra_args(false);
  };
  keys("--root", &edit->roots, "A root key: signs keyrings; may be given again");
  keys("--release", &edit->releases, "A release key: signs what is shipped; may be given again");
  keys("--development", &edit->developments,
       "A development key: never verifies on production devices; may be given again");
}

void add_common(CLI::App& verb, Edit* edit) {
  verb.add_option("--threshold", edit->threshold, "So many root keys must sign")
      ->check(cli::not_negative)
      ->type_name("K");
  verb.add_option("--expires", edit->expires,
                  "A date (2030-12-31), seconds since 1970, or never; counts on devices that know "
                  "the time")
      ->type_name("TIME");
  verb.add_option("--reset-counter", edit->resets,
                  "Let a security counter that is above N go back to it; =N: the device's; may be "
                  "given again")
      ->type_name("ID=N")
      ->allow_extra_args(false);
}

CLI::App* add_edit(CLI::App& keyring, const char* name, const char* help, Edit* edit) {
  CLI::App* verb = keyring.add_subcommand(name, help);
  verb->add_option("FILE", edit->path, "The keyring, or the draft of one")->required();
  add_common(*verb, edit);
  verb->add_option("-o,--output", edit->output_path,
                   "The draft (default: FILE, if that is a draft itself)")
      ->type_name("OUT");
  return verb;
}

}  // namespace

void add_keyring_edits(CLI::App& keyring, Context& context) {
  auto init = std::make_shared<Edit>();
  CLI::App* verb = keyring.add_subcommand("init", "Draft the first version of a keyring");
  verb->add_option("--id", init->id, "Its name; a device follows one keyring: a-z 0-9 . _ -")
      ->type_name("ID")
      ->required();
  add_keys(*verb, init.get());
  add_common(*verb, init.get());
  verb->add_option("-o,--output", init->output_path, "The draft")
      ->type_name("FILE.pkk")
      ->required();
  verb->footer(
      "  pkgtool keyring init --id com.example.x1 --root a.pub --root b.pub --root c.pub\n"
      "      --threshold 2 --release release.pub -o 1.pkk\n"
      "  pkgtool keyring sign 1.pkk --key a.key; pkgtool keyring sign 1.pkk --key b.key");
  verb->callback([init, &context] { run_init(*init, context); });

  auto added = std::make_shared<Edit>();
  verb = add_edit(keyring, "add", "Draft the next version, with more keys", added.get());
  add_keys(*verb, added.get());
  verb->callback([added, &context] {
    edit_file(*added, context, [&](Keyring* target) { insert_all(*added, target); });
  });

  auto revoked = std::make_shared<Edit>();
  verb = add_edit(keyring, "revoke", "Draft the next version, without keys and for good",
                  revoked.get());
  verb->add_option("KEY", revoked->keys, "Key id, or public key file")->required();
  verb->footer(
      "A revoked key never comes back. Devices refuse the keyring (key_in_use) until a release\n"
      "that another key vouches for is installed and confirmed.");
  verb->callback([revoked, &context] { run_revoke(*revoked, context); });

  auto rotated = std::make_shared<Edit>();
  verb = add_edit(keyring, "rotate", "Draft the next version, with one key in the place of another",
                  rotated.get());
  verb->add_option("--from", rotated->from, "Key id or public key file of the key that goes")
      ->type_name("KEY")
      ->required();
  verb->add_option("--to", rotated->to, "The key that comes")->type_name("NAME.pub")->required();
  verb->add_flag("--revoke", rotated->revokes, "The key that goes never comes back");
  verb->callback([rotated, &context] { run_rotate(*rotated, context); });
}

}  // namespace romdelta::pkgtool
