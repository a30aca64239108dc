#include "pkgtool/keyring_file.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "installer/cli/error.h"
#include "installer/cli/key_text.h"
#include "installer/cli/trust.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint64_t kSecondsOfDay = 86400;
// The last second of the year 9999.
constexpr std::uint64_t kLastSecond = 253402300799;

[[noreturn]] void refuse(const std::string& what, const std::string& hint = {}) {
  throw Error(Exit::usage, what, "keyring", hint);
}

// The first of the rules of docs/format.md section 16 that people break, in their words.
void check_rules(const Keyring& keyring) {
  if (!is_valid_package_id(keyring.id.view())) {
    refuse("'" + std::string(keyring.id.view()) + "' is no name for a keyring",
           "use a-z 0-9 . _ -, a letter or digit first");
  }
  if (keyring.threshold == 0 || keyring.threshold > keyring.roots.count) {
    refuse("a threshold of " + std::to_string(keyring.threshold) + " with " +
               std::to_string(keyring.roots.count) + " root keys",
           "the threshold is 1 up to the number of root keys");
  }
  std::vector<PublicKey> keys;
  for (const KeyList* list : {&keyring.roots, &keyring.releases, &keyring.developments}) {
    keys.insert(keys.end(), list->view().begin(), list->view().end());
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keyring.is_revoked(keys[i].id)) {
      refuse("key " + cli::to_string(keys[i].id) + " was revoked", "revoked keys never come back");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (keys[i].id != keys[j].id && keys[i].value != keys[j].value) continue;
      refuse("key " + cli::to_string(keys[i].id) + " would be there twice",
             "each key has one role only");
    }
  }
}

}  // namespace

KeyringFile::KeyringFile(const std::string& path)
    : path_(path),
      bytes_(cli::read_keyring_file(path)),
      document_(cli::parse_keyring_file(bytes_, path)) {}

Keyring KeyringFile::draft() const {
  Keyring keyring = document_.keyring;
  if (is_draft()) return keyring;
  ++keyring.version;
  keyring.reset_count = 0;
  return keyring;
}

Bytes KeyringFile::with_signature(const Signature& signature, const PublicKey& key) const {
  SignatureList only;
  (void)only.insert(signature);
  if (verify_signatures(only, document_.digest, {&key, 1}) != Status::ok) {
    throw Error(Exit::key_or_signature, "the signature does not match the keyring and public key",
                path_);
  }
  SignatureList list;
  for (const Signature& existing : document_.signatures.view()) {
    if (existing.key_id != signature.key_id) (void)list.insert(existing);
  }
  if (!list.insert(signature)) {
    throw Error(Exit::key_or_signature, "the keyring has as many signatures as it may", path_);
  }
  const std::size_t signed_bytes = bytes_.size() - document_.signatures.encoded_bytes();
  Bytes result(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(signed_bytes));
  Bytes tail(list.encoded_bytes());
  ByteWriter writer(tail);
  encode_signature_list(list, &writer);
  result.insert(result.end(), tail.begin(), tail.end());
  return result;
}

Bytes encode_draft(const Keyring& keyring) {
  check_rules(keyring);
  Bytes bytes(limits::keyring_bytes_max);
  ByteWriter writer(bytes);
  encode_keyring(keyring, &writer);
  encode_signature_list({}, &writer);
  bytes.resize(writer.offset());
  KeyringDocument document;
  const Status status = read_keyring(bytes, &document);
  if (!writer.ok() || status != Status::ok) {
    refuse(std::string("it would not be a keyring (") + to_string(status) + ")",
           "docs/format.md section 16 has the rules and limits");
  }
  return bytes;
}

std::uint64_t parse_time(const std::string& text, const std::string& where) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int used = 0;
  // Numbers of so few digits fit. NOLINTNEXTLINE(cert-err34-c)
  if (std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &used) == 3 &&
      static_cast<std::size_t>(used) == text.size()) {
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    const auto days = std::chrono::sys_days(date).time_since_epoch().count();
    if (date.ok() && days > 0) return static_cast<std::uint64_t>(days) * kSecondsOfDay;
  } else {
    std::uint64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc() && end == text.data() + text.size() && seconds != 0 &&
        seconds <= kLastSecond) {
      return seconds;
    }
  }
  throw Error(Exit::usage, "'" + text + "' is no time", where,
              "give a date as 2030-12-31 (UTC), or seconds since 1970");
}

std::string format_time(std::uint64_t seconds) {
  // Beyond the year 9999 nobody reads dates.
  if (seconds > kLastSecond) return std::to_string(seconds) + " s after 1970";
  const std::chrono::sys_days days{
      std::chrono::days(static_cast<std::int64_t>(seconds / kSecondsOfDay))};
  const std::chrono::year_month_day date(days);
  const auto rest = static_cast<unsigned>(seconds % kSecondsOfDay);
  std::array<char, 32> text;
  (void)std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02u:%02u:%02uZ",
                      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()), rest / 3600, rest / 60 % 60, rest % 60);
  return text.data();
}

KeyId parse_key_id(const std::string& text) {
  KeyId id;
  if (text.size() == 2 * KeyId::bytes) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (error == std::errc() && end == text.data() + text.size()) {
      // minisign reads the eight bytes as a little-endian number.
      ByteWriter writer(id.value);
      writer.u64(number);
      return id;
    }
  }
  return cli::parse_public_key(cli::read_text(text), text).id;
}

Status judge_keyring(const KeyringDocument& document, const KeyringDocument* before) {
  const Status status = check_threshold(document, document.keyring);
  if (status != Status::ok || before == nullptr) return status;
  return check_successor(before->keyring, document);
}

}  // namespace romdelta::pkgtool
