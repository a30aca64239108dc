#include "tests/support/test_key.h"

#include <sodium/crypto_sign_ed25519.h>

namespace romdelta::test {

TestKey test_key(std::uint8_t number) {
  std::array<std::uint8_t, crypto_sign_ed25519_SEEDBYTES> seed;
  seed.fill(number);
  TestKey key;
  crypto_sign_ed25519_seed_keypair(key.public_key.value.data(), key.secret.data(), seed.data());
  key.public_key.id.value.back() = number;
  return key;
}

Signature sign(const TestKey& key, const Digest& digest) {
  Signature signature;
  signature.key_id = key.public_key.id;
  crypto_sign_ed25519_detached(signature.value.data(), nullptr, digest.value.data(),
                               digest.value.size(), key.secret.data());
  return signature;
}

}  // namespace romdelta::test
