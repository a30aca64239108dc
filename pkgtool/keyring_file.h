// KeyringFile: a keyring on disk: read, edited, signed. A keyring without signatures is a draft;
// to edit a signed one begins the draft of the next version.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/keyring.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

class KeyringFile {
 public:
  // Throws Error (bad_input).
  explicit KeyringFile(const std::string& path);

  const KeyringDocument& document() const { return document_; }
  bool is_draft() const { return document_.signatures.count == 0; }
  // The keyring to edit: the draft, or the next version. What a version does once, the resets of
  // security counters, is not in the next one.
  Keyring draft() const;
  // The file's bytes with `signature` added, or in the place of one by the same key. Throws Error
  // (key_or_signature) when it does not match `key` or the list is full.
  Bytes with_signature(const Signature& signature, const PublicKey& key) const;

 private:
  std::string path_;
  Bytes bytes_;
  KeyringDocument document_;
};

// The bytes of a draft. Throws Error (usage) that says which rule it breaks: what a reader would
// refuse is not written.
Bytes encode_draft(const Keyring& keyring);

// "2026-11-30" (its beginning, UTC) or seconds since 1970. Throws Error (usage).
std::uint64_t parse_time(const std::string& text, const std::string& where);
// "2026-11-30T00:00:00Z".
std::string format_time(std::uint64_t seconds);

// A key id as `pkgtool keygen` prints it, or the id of a public key file. Throws Error.
KeyId parse_key_id(const std::string& text);

// For `keyring show`. `before`: the version before, when it is to be judged by that one.
std::string keyring_json(const KeyringDocument& document, const KeyringDocument* before);
std::string keyring_text(const KeyringDocument& document, const KeyringDocument* before);
// ok when the keyring is whole, and may follow `before`.
Status judge_keyring(const KeyringDocument& document, const KeyringDocument* before);

}  // namespace romdelta::pkgtool
