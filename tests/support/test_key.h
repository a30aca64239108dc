// Signing keys for tests: made from a number, so that vectors and packages never change.
#pragma once

#include <array>
#include <cstdint>

#include "format/signature.h"

namespace romdelta::test {

struct TestKey {
  PublicKey public_key;
  std::array<std::uint8_t, 64> secret{};
};

// The key number `number`; its id is the number in eight bytes, most significant first.
TestKey test_key(std::uint8_t number);

Signature sign(const TestKey& key, const Digest& digest);

}  // namespace romdelta::test
