#include "format/signature.h"

#include <sodium/crypto_sign_ed25519.h>

namespace romdelta {

static_assert(crypto_sign_ed25519_BYTES == Signature::bytes);
static_assert(crypto_sign_ed25519_PUBLICKEYBYTES == PublicKey::bytes);

bool SignatureList::insert(const Signature& signature) {
  if (count == entries.size()) return false;
  std::size_t place = 0;
  while (place < count && entries[place].key_id < signature.key_id) ++place;
  if (place < count && entries[place].key_id == signature.key_id) return false;
  for (std::size_t i = count; i > place; --i) entries[i] = entries[i - 1];
  entries[place] = signature;
  ++count;
  return true;
}

Status signature_list_bytes(ByteSpan header, std::size_t* bytes) {
  ByteReader reader(header);
  const std::size_t count = reader.u16();
  const std::uint16_t reserved = reader.u16();
  if (!reader.done() || reserved != 0) return Status::bad_header;
  if (count > limits::signature_count_max) return Status::bad_header;
  *bytes = signature_list_header_bytes + count * signature_entry_bytes;
  return Status::ok;
}

Status parse_signature_list(ByteSpan bytes, SignatureList* list) {
  if (bytes.size() < signature_list_header_bytes) return Status::bad_header;
  std::size_t expected = 0;
  const Status status = signature_list_bytes(bytes.first(signature_list_header_bytes), &expected);
  if (status != Status::ok) return status;
  if (bytes.size() != expected) return Status::bad_header;

  ByteReader reader(bytes.subspan(signature_list_header_bytes));
  SignatureList parsed;
  while (reader.remaining() != 0) {
    Signature& entry = parsed.entries[parsed.count];
    copy_bytes(entry.key_id.value.data(), reader.bytes(KeyId::bytes));
    copy_bytes(entry.value.data(), reader.bytes(Signature::bytes));
    if (parsed.count != 0 && !(parsed.entries[parsed.count - 1].key_id < entry.key_id)) {
      return Status::bad_header;
    }
    ++parsed.count;
  }
  *list = parsed;
  return Status::ok;
}

void encode_signature_list(const SignatureList& list, ByteWriter* writer) {
  writer->u16(static_cast<std::uint16_t>(list.count));
  writer->u16(0);
  for (const Signature& entry : list.view()) {
    writer->bytes(entry.key_id.value);
    writer->bytes(entry.value);
  }
}

const char* to_string(KeyRole role) {
  switch (role) {
    case KeyRole::release: return "release";
    case KeyRole::development: return "development";
    case KeyRole::any: return "any";
    case KeyRole::revoked: return "revoked";
  }
  return "unknown";
}

std::size_t Vouchers::count(KeyRole role) const {
  std::size_t found = 0;
  for (std::size_t i = 0; i < count_; ++i) found += entries_[i].is_for(role) ? 1 : 0;
  return found;
}

void Vouchers::copy_ids(KeyRole role, std::span<KeyId> ids) const {
  std::size_t place = 0;
  for (std::size_t i = 0; i < count_ && place < ids.size(); ++i) {
    const bool is_new = place == 0 || ids[place - 1] != entries_[i].id;
    if (entries_[i].is_for(role) && is_new) ids[place++] = entries_[i].id;
  }
  for (; place < ids.size(); ++place) ids[place] = {};
}

// One entry for an id in a role, even where two trusted keys share the id.
void Vouchers::add(const PublicKey& key) {
  for (std::size_t i = 0; i < count_; ++i) {
    if (entries_[i].id == key.id && entries_[i].role == key.role) return;
  }
  if (count_ < entries_.size()) entries_[count_++] = {key.id, key.role};
}

Status verify_signatures(const SignatureList& list, const Digest& manifest_digest, TrustedKeys keys,
                         Vouchers* vouchers) {
  bool trusts_somebody = false;
  for (const PublicKey& key : keys) trusts_somebody |= key.role != KeyRole::revoked;
  if (!trusts_somebody) return Status::no_trusted_key;
  Vouchers found;
  bool names_revoked = false;
  for (const Signature& entry : list.view()) {
    for (const PublicKey& key : keys) {
      if (key.id != entry.key_id) continue;
      if (key.role == KeyRole::revoked) {
        names_revoked = true;
        continue;
      }
      if (crypto_sign_ed25519_verify_detached(entry.value.data(), manifest_digest.value.data(),
                                              manifest_digest.value.size(),
                                              key.value.data()) != 0) {
        return Status::bad_signature;
      }
      found.add(key);
    }
  }
  if (found.empty()) return names_revoked ? Status::key_revoked : Status::unknown_key;
  if (vouchers != nullptr) *vouchers = found;
  return Status::ok;
}

}  // namespace romdelta
