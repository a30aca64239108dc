// Ed25519 signatures over the manifest digest, and the keys a device trusts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/limits.h"
#include "format/status.h"

namespace romdelta {

// 8 bytes that name a public key (minisign's key number). A name, not a proof: the verifier uses it
// to pick the key and never tries others.
struct KeyId {
  static constexpr std::size_t bytes = 8;
  std::array<std::uint8_t, bytes> value{};
  friend auto operator<=>(const KeyId&, const KeyId&) = default;
};

// What a key may vouch for. Numbers of the first two are written to packages: never renumber.
enum class KeyRole : std::uint8_t {
  release = 0,      // What is shipped.
  development = 1,  // What never runs on a production device.
  any = 254,        // Whatever: a key that is trusted without a keyring. In memory only.
  revoked = 255,    // Nothing any more. In memory only.
};

const char* to_string(KeyRole role);

struct PublicKey {
  static constexpr std::size_t bytes = 32;
  KeyId id;
  std::array<std::uint8_t, bytes> value{};
  KeyRole role = KeyRole::any;
};

struct Signature {
  static constexpr std::size_t bytes = 64;
  KeyId key_id;
  std::array<std::uint8_t, bytes> value{};
};

// One signature on the wire: key id, then the Ed25519 signature.
inline constexpr std::size_t signature_entry_bytes = KeyId::bytes + Signature::bytes;
inline constexpr std::size_t signature_list_header_bytes = 4;

// The signature list of a package: strictly ascending key ids, so that a set of signatures has one
// encoding. An empty list is a package that waits for its signature: every installer refuses it.
// docs/format.md section 5.
struct SignatureList {
  std::array<Signature, limits::signature_count_max> entries;
  std::size_t count = 0;

  std::span<const Signature> view() const { return {entries.data(), count}; }
  std::size_t encoded_bytes() const {
    return signature_list_header_bytes + count * signature_entry_bytes;
  }
  // Inserts in order. False when the list is full or already has a signature by this key.
  [[nodiscard]] bool insert(const Signature& signature);
};

// Bytes that a list takes whose first signature_list_header_bytes are `header`; bad_header when
// they name an impossible count.
Status signature_list_bytes(ByteSpan header, std::size_t* bytes);

// Parses exactly `bytes`. bad_header when a rule is broken.
Status parse_signature_list(ByteSpan bytes, SignatureList* list);

void encode_signature_list(const SignatureList& list, ByteWriter* writer);

// The keys a device trusts, owned by the caller.
using TrustedKeys = std::span<const PublicKey>;

// Those of a list's signatures that are by trusted keys, and right.
class Vouchers {
 public:
  // Keys that may vouch in this role.
  std::size_t count(KeyRole role) const;
  bool empty() const { return count_ == 0; }
  // Fills `ids` with the first of them in ascending order, and zero ids after them.
  void copy_ids(KeyRole role, std::span<KeyId> ids) const;

 private:
  friend Status verify_signatures(const SignatureList&, const Digest&, TrustedKeys, Vouchers*);
  struct Entry {
    KeyId id;
    KeyRole role = KeyRole::any;
    bool is_for(KeyRole wanted) const { return role == wanted || role == KeyRole::any; }
  };
  void add(const PublicKey& key);
  std::array<Entry, limits::signature_count_max * 2> entries_;
  std::size_t count_ = 0;
};

// ok when at least one signature is by a trusted key and none that claims to be is wrong.
// no_trusted_key when `keys` has none but revoked ones, bad_signature when a signature names a
// trusted key but does not match it. When none names one: key_revoked if one names a revoked key,
// else unknown_key. Whether the right role has signed is for the caller to see, from `vouchers`
// (may be null, untouched on failure).
Status verify_signatures(const SignatureList& list, const Digest& manifest_digest, TrustedKeys keys,
                         Vouchers* vouchers = nullptr);

}  // namespace romdelta
