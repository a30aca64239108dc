#include "tests/support/keyring_maker.h"

#include <stdexcept>

namespace romdelta::test {
namespace {

void require(bool fits) {
  if (!fits) throw std::logic_error("the keyring has no room");
}

}  // namespace

PublicKey key_in_role(std::uint8_t number, KeyRole role) {
  PublicKey key = test_key(number).public_key;
  key.role = role;
  return key;
}

Keyring sample_keyring() {
  Keyring keyring;
  require(keyring.id.assign("com.example.x1"));
  keyring.threshold = 2;
  for (std::uint8_t number = 1; number <= 3; ++number) {
    require(keyring.roots.insert(key_in_role(number, KeyRole::any)));
  }
  require(keyring.releases.insert(key_in_role(11, KeyRole::release)));
  require(keyring.releases.insert(key_in_role(12, KeyRole::release)));
  require(keyring.developments.insert(key_in_role(21, KeyRole::development)));
  return keyring;
}

Bytes encoded(const Keyring& keyring) {
  return written_by([&](ByteWriter* writer) { encode_keyring(keyring, writer); });
}

Bytes signed_by(ByteSpan signed_part, KeyNumbers signers) {
  SignatureList list;
  for (const std::uint8_t number : signers) {
    require(list.insert(sign(test_key(number), keyring_digest(signed_part))));
  }
  const Bytes tail = written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); });
  return concat({signed_part, tail});
}

Bytes signed_keyring(const Keyring& keyring, KeyNumbers signers) {
  return signed_by(encoded(keyring), signers);
}

}  // namespace romdelta::test
