#include "format/keyring.h"

#include <sodium/crypto_sign_ed25519.h>

#include "format/package.h"

namespace romdelta {
namespace {

// Field tags. Bit 15 marks a field that a reader may ignore when it does not know it.
enum Tag : std::uint16_t {
  tag_id = 0x0001,
  tag_version = 0x0002,
  tag_threshold = 0x0003,
  tag_root_key = 0x0004,
  tag_release_key = 0x0005,
  tag_development_key = 0x0006,
  tag_revoked = 0x0007,
  tag_expires = 0x0008,
  tag_counter_reset = 0x0009,
};
constexpr std::uint16_t kNonCritical = 0x8000;

static_assert(package_header_bytes + limits::keyring_body_bytes_max + signature_list_header_bytes +
                  limits::signature_count_max * signature_entry_bytes <=
              limits::keyring_bytes_max);

std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool may_repeat(std::uint16_t tag) {
  return tag == tag_root_key || tag == tag_release_key || tag == tag_development_key ||
         tag == tag_counter_reset;
}

KeyId read_key_id(ByteReader* reader) {
  KeyId id;
  copy_bytes(id.value.data(), reader->bytes(KeyId::bytes));
  return id;
}

bool read_key(ByteReader* reader, KeyRole role, KeyList* list) {
  if (list->count == list->entries.size()) return false;
  PublicKey key;
  key.id = read_key_id(reader);
  copy_bytes(key.value.data(), reader->bytes(PublicKey::bytes));
  key.role = role;
  if (!reader->ok()) return false;
  if (list->count != 0 && key.id <= list->entries[list->count - 1].id) return false;
  list->entries[list->count++] = key;
  return true;
}

bool read_revoked(ByteReader* reader, Keyring* keyring) {
  while (reader->ok() && reader->remaining() != 0) {
    if (keyring->revoked_count == keyring->revoked.size()) return false;
    const KeyId id = read_key_id(reader);
    if (keyring->revoked_count != 0 && id <= keyring->revoked[keyring->revoked_count - 1]) {
      return false;
    }
    keyring->revoked[keyring->revoked_count++] = id;
  }
  return reader->ok() && keyring->revoked_count != 0;
}

bool read_counter_reset(ByteReader* reader, Keyring* keyring) {
  if (keyring->reset_count == keyring->resets.size()) return false;
  CounterReset reset;
  reset.counter = reader->u64();
  const std::string_view id = as_text(reader->bytes(reader->remaining()));
  if (!reader->ok() || (!id.empty() && !is_valid_package_id(id))) return false;
  if (!reset.package_id.assign(id)) return false;
  if (keyring->reset_count != 0 &&
      id <= keyring->resets[keyring->reset_count - 1].package_id.view()) {
    return false;
  }
  keyring->resets[keyring->reset_count++] = reset;
  return true;
}

Status read_field(std::uint16_t tag, ByteReader* value, Keyring* keyring) {
  bool good = true;
  switch (tag) {
    case tag_id: {
      const std::string_view id = as_text(value->bytes(value->remaining()));
      good = is_valid_package_id(id) && keyring->id.assign(id);
      break;
    }
    case tag_version:
      keyring->version = value->u64();
      good = keyring->version != 0;
      break;
    case tag_threshold: keyring->threshold = value->u16(); break;
    case tag_root_key: good = read_key(value, KeyRole::any, &keyring->roots); break;
    case tag_release_key: good = read_key(value, KeyRole::release, &keyring->releases); break;
    case tag_development_key:
      good = read_key(value, KeyRole::development, &keyring->developments);
      break;
    case tag_revoked: good = read_revoked(value, keyring); break;
    case tag_expires:
      keyring->expires_seconds = value->u64();
      good = keyring->expires_seconds != 0;
      break;
    case tag_counter_reset: good = read_counter_reset(value, keyring); break;
    default: return (tag & kNonCritical) != 0 ? Status::ok : Status::unsupported_field;
  }
  return good && value->done() ? Status::ok : Status::malformed_keyring;
}

// One key has one place, under one name: it must not count twice for a threshold, nor come back
// under another name after it was revoked.
bool keys_are_apart(const Keyring& keyring) {
  const std::array<const KeyList*, 3> lists = {&keyring.roots, &keyring.releases,
                                               &keyring.developments};
  const auto is_apart = [&](const PublicKey& key) {
    std::size_t same = 0;
    for (const KeyList* list : lists) {
      for (const PublicKey& other : list->view()) {
        same += key.id == other.id || key.value == other.value ? 1 : 0;
      }
    }
    return same == 1 && !keyring.is_revoked(key.id);
  };
  for (const KeyList* list : lists) {
    for (const PublicKey& key : list->view()) {
      if (!is_apart(key)) return false;
    }
  }
  return true;
}

bool is_consistent(const Keyring& keyring) {
  return keyring.version <= limits::record_sequence_max && keyring.threshold != 0 &&
         keyring.threshold <= keyring.roots.count && keys_are_apart(keyring);
}

template <typename WriteValue>
void write_field(ByteWriter* writer, std::uint16_t tag, WriteValue&& write_value) {
  std::uint8_t buffer[limits::revoked_key_count_max * KeyId::bytes];
  ByteWriter value(buffer);
  write_value(&value);
  writer->u16(tag);
  writer->u16(static_cast<std::uint16_t>(value.offset()));
  writer->bytes(value.written());
}

void write_keys(ByteWriter* writer, std::uint16_t tag, const KeyList& keys) {
  for (const PublicKey& key : keys.view()) {
    write_field(writer, tag, [&](ByteWriter* w) {
      w->bytes(key.id.value);
      w->bytes(key.value);
    });
  }
}

void write_fields(const Keyring& keyring, ByteWriter* writer) {
  write_field(writer, tag_id, [&](ByteWriter* w) { w->bytes(keyring.id.bytes()); });
  write_field(writer, tag_version, [&](ByteWriter* w) { w->u64(keyring.version); });
  write_field(writer, tag_threshold, [&](ByteWriter* w) { w->u16(keyring.threshold); });
  write_keys(writer, tag_root_key, keyring.roots);
  write_keys(writer, tag_release_key, keyring.releases);
  write_keys(writer, tag_development_key, keyring.developments);
  if (keyring.revoked_count != 0) {
    write_field(writer, tag_revoked, [&](ByteWriter* w) {
      for (const KeyId& id : keyring.revoked_view()) w->bytes(id.value);
    });
  }
  if (keyring.expires_seconds != 0) {
    write_field(writer, tag_expires, [&](ByteWriter* w) { w->u64(keyring.expires_seconds); });
  }
  for (const CounterReset& reset : keyring.reset_view()) {
    write_field(writer, tag_counter_reset, [&](ByteWriter* w) {
      w->u64(reset.counter);
      w->bytes(reset.package_id.bytes());
    });
  }
}

}  // namespace

const PublicKey* KeyList::find(const KeyId& id) const {
  for (const PublicKey& key : view()) {
    if (key.id == id) return &key;
  }
  return nullptr;
}

bool KeyList::insert(const PublicKey& key) {
  if (count == entries.size() || find(key.id) != nullptr) return false;
  std::size_t place = count;
  for (; place > 0 && key.id < entries[place - 1].id; --place) entries[place] = entries[place - 1];
  entries[place] = key;
  ++count;
  return true;
}

bool KeyList::erase(const KeyId& id) {
  const PublicKey* key = find(id);
  if (key == nullptr) return false;
  --count;
  for (auto i = static_cast<std::size_t>(key - entries.data()); i < count; ++i) {
    entries[i] = entries[i + 1];
  }
  return true;
}

bool Keyring::is_revoked(const KeyId& wanted) const {
  for (const KeyId& each : revoked_view()) {
    if (each == wanted) return true;
  }
  return false;
}

bool Keyring::revoke(const KeyId& key_id) {
  if (is_revoked(key_id)) return true;
  if (revoked_count == revoked.size()) return false;
  std::size_t place = revoked_count;
  for (; place > 0 && key_id < revoked[place - 1]; --place) revoked[place] = revoked[place - 1];
  revoked[place] = key_id;
  ++revoked_count;
  return true;
}

Status parse_keyring(ByteSpan fields, Keyring* keyring) {
  if (fields.size() > limits::keyring_body_bytes_max) return Status::malformed_keyring;
  ByteReader reader(fields);
  Keyring parsed;
  bool has_id = false;
  bool has_version = false;
  bool has_threshold = false;
  std::uint32_t last_tag = 0;
  while (reader.ok() && reader.remaining() != 0) {
    const std::uint16_t tag = reader.u16();
    const ByteSpan value = reader.bytes(reader.u16());
    if (!reader.ok() || tag < last_tag || (tag == last_tag && !may_repeat(tag))) {
      return Status::malformed_keyring;
    }
    last_tag = tag;
    ByteReader value_reader(value);
    const Status status = read_field(tag, &value_reader, &parsed);
    if (status != Status::ok) return status;
    has_id |= tag == tag_id;
    has_version |= tag == tag_version;
    has_threshold |= tag == tag_threshold;
  }
  if (!reader.done() || !has_id || !has_version || !has_threshold || !is_consistent(parsed)) {
    return Status::malformed_keyring;
  }
  *keyring = parsed;
  return Status::ok;
}

void encode_keyring(const Keyring& keyring, ByteWriter* writer) {
  std::uint8_t buffer[limits::keyring_body_bytes_max];
  ByteWriter fields(buffer);
  write_fields(keyring, &fields);
  encode_document_header(DocumentKind::keyring, fields.ok() ? fields.offset() : 0, writer);
  writer->bytes(fields.written());
}

Digest keyring_digest(ByteSpan signed_part) {
  return digest_of(DigestDomain::keyring, signed_part);
}

Status read_keyring(ByteSpan bytes, KeyringDocument* document) {
  if (bytes.size() < package_header_bytes) return Status::truncated;
  std::uint32_t field_bytes = 0;
  Status status = parse_document_header(bytes.first(package_header_bytes), DocumentKind::keyring,
                                        limits::keyring_body_bytes_max, &field_bytes);
  if (status != Status::ok) return status;
  const std::size_t list_at = package_header_bytes + field_bytes;
  if (bytes.size() < list_at + signature_list_header_bytes) return Status::truncated;
  std::size_t list_bytes = 0;
  status = signature_list_bytes(bytes.subspan(list_at, signature_list_header_bytes), &list_bytes);
  if (status != Status::ok) return status;
  if (bytes.size() < list_at + list_bytes) return Status::truncated;
  if (bytes.size() > list_at + list_bytes) return Status::trailing_bytes;
  status = parse_signature_list(bytes.subspan(list_at), &document->signatures);
  if (status == Status::ok) {
    status = parse_keyring(bytes.subspan(package_header_bytes, field_bytes), &document->keyring);
  }
  if (status == Status::ok) document->digest = keyring_digest(bytes.first(list_at));
  return status;
}

Status count_root_signatures(const KeyringDocument& document, const Keyring& by,
                             std::size_t* count) {
  std::size_t found = 0;
  for (const Signature& entry : document.signatures.view()) {
    const PublicKey* key = by.roots.find(entry.key_id);
    if (key == nullptr) continue;
    if (crypto_sign_ed25519_verify_detached(entry.value.data(), document.digest.value.data(),
                                            document.digest.value.size(), key->value.data()) != 0) {
      return Status::bad_signature;
    }
    ++found;
  }
  *count = found;
  return Status::ok;
}

Status check_threshold(const KeyringDocument& document, const Keyring& by) {
  std::size_t count = 0;
  const Status status = count_root_signatures(document, by, &count);
  if (status != Status::ok) return status;
  return count >= by.threshold ? Status::ok : Status::threshold_missing;
}

Status check_successor(const Keyring& before, const KeyringDocument& next) {
  if (next.keyring.id != before.id) return Status::wrong_device;
  if (next.keyring.version <= before.version) return Status::keyring_rollback;
  if (next.keyring.version != before.version + 1) return Status::keyring_gap;
  Status status = check_threshold(next, before);
  if (status == Status::ok) status = check_threshold(next, next.keyring);
  if (status != Status::ok) return status;
  for (const KeyId& id : before.revoked_view()) {
    if (!next.keyring.is_revoked(id)) return Status::malformed_keyring;
  }
  return Status::ok;
}

void copy_trust(const Keyring& keyring, bool production, KeyringTrust* trust) {
  trust->count = 0;
  const auto add = [trust](const PublicKey& key) { trust->entries[trust->count++] = key; };
  for (const PublicKey& key : keyring.releases.view()) add(key);
  if (!production) {
    for (const PublicKey& key : keyring.developments.view()) add(key);
  }
  for (const KeyId& id : keyring.revoked_view()) add({id, {}, KeyRole::revoked});
}

}  // namespace romdelta
