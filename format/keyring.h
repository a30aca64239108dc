// Keyring: who may sign what, signed itself by a threshold of root keys. docs/format.md section 14.
//
//   header | fields | signature list
//
// Fields are encoded as a manifest's are: ascending tags, one encoding. Each version is signed by
// the threshold of the version before and by its own, so that a device that has one follows to the
// next without trusting anybody else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/limits.h"
#include "format/signature.h"
#include "format/status.h"
#include "format/text.h"

namespace romdelta {

// Public keys in ascending order of their ids.
struct KeyList {
  std::array<PublicKey, limits::keyring_key_count_max> entries;
  std::size_t count = 0;

  std::span<const PublicKey> view() const { return {entries.data(), count}; }
  // Null: there is none of this id.
  const PublicKey* find(const KeyId& id) const;
  // Inserts in order. False when the list is full or has the id.
  [[nodiscard]] bool insert(const PublicKey& key);
  bool erase(const KeyId& id);
};

// A security counter that is above `counter` goes back to it.
struct CounterReset {
  PackageId package_id;  // Empty: that of the device as a whole.
  std::uint64_t counter = 0;
};

struct Keyring {
  PackageId id;  // Of the line of keyrings: a device follows one line only.
  std::uint64_t version = 1;
  std::uint16_t threshold = 1;  // So many root keys must sign.
  KeyList roots;
  KeyList releases;
  KeyList developments;
  std::array<KeyId, limits::revoked_key_count_max> revoked;  // Ascending.
  std::size_t revoked_count = 0;
  std::uint64_t expires_seconds = 0;  // Since 1970-01-01 00:00 UTC; 0: never.
  std::array<CounterReset, limits::counter_reset_count_max> resets;  // Ascending package ids.
  std::size_t reset_count = 0;

  std::span<const KeyId> revoked_view() const { return {revoked.data(), revoked_count}; }
  std::span<const CounterReset> reset_view() const { return {resets.data(), reset_count}; }
  bool is_revoked(const KeyId& wanted) const;
  // Inserts in order. False when there is no room. One that is there stays.
  [[nodiscard]] bool revoke(const KeyId& id);
};

// A keyring as it was read, with what proves it.
struct KeyringDocument {
  Keyring keyring;
  SignatureList signatures;
  Digest digest;  // Of header and fields: what the signatures sign.
};

// Parses exactly `fields` and checks every rule of section 14. On failure `*keyring` is unchanged.
// malformed_keyring or unsupported_field.
Status parse_keyring(ByteSpan fields, Keyring* keyring);

// Writes header and fields: the signed part. The writer fails when they exceed its buffer.
void encode_keyring(const Keyring& keyring, ByteWriter* writer);
Digest keyring_digest(ByteSpan signed_part);

// Reads exactly `bytes`; who signed is not checked. bad_magic, unsupported_format, bad_header,
// truncated, trailing_bytes, or as parse_keyring does. On failure `*document` may hold anything.
Status read_keyring(ByteSpan bytes, KeyringDocument* document);

// Signatures by different root keys of `by` that are right.
// bad_signature when one that names such a key is not.
Status count_root_signatures(const KeyringDocument& document, const Keyring& by,
                             std::size_t* count);
// ok when the threshold of `by` has signed. bad_signature or threshold_missing.
Status check_threshold(const KeyringDocument& document, const Keyring& by);

// What a device that has `before` says to `next`: ok; wrong_device when it is of another line;
// keyring_rollback when it is not newer; keyring_gap when it is not the next one; bad_signature or
// threshold_missing for either threshold; malformed_keyring when it forgets what was revoked.
Status check_successor(const Keyring& before, const KeyringDocument& next);

// The keys that packages are checked with, and the revoked ids, as verify_signatures() takes them.
inline constexpr std::size_t keyring_trust_count_max =
    2 * limits::keyring_key_count_max + limits::revoked_key_count_max;
struct KeyringTrust {
  std::array<PublicKey, keyring_trust_count_max> entries;
  std::size_t count = 0;
  TrustedKeys view() const { return {entries.data(), count}; }
};
// Without development keys when `production` is set.
void copy_trust(const Keyring& keyring, bool production, KeyringTrust* trust);

}  // namespace romdelta
