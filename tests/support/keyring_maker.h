// Keyrings for tests: of numbered test keys, signed by whom one likes.
#pragma once

#include <initializer_list>

#include "format/keyring.h"
#include "tests/support/bytes.h"
#include "tests/support/test_key.h"

namespace romdelta::test {

using KeyNumbers = std::initializer_list<std::uint8_t>;

// "com.example.x1", version 1: root keys 1 to 3, two of which must sign; release keys 11 and 12,
// development key 21.
Keyring sample_keyring();

// Key `number` in the role of the list that it is for.
PublicKey key_in_role(std::uint8_t number, KeyRole role);

// The document, signed by these keys.
Bytes signed_keyring(const Keyring& keyring, KeyNumbers signers);

// The signed part, and a document made of any one.
Bytes encoded(const Keyring& keyring);
Bytes signed_by(ByteSpan signed_part, KeyNumbers signers);

}  // namespace romdelta::test
