// Keys for packages that only benchmarks read: the same in every run.
#pragma once

#include <sodium/crypto_sign.h>

#include "bench/firmware.h"
#include "format/digest.h"
#include "format/signature.h"

namespace romdelta::bench {

struct KeyPair {
  PublicKey public_key;
  std::uint8_t secret[crypto_sign_SECRETKEYBYTES];
};

// Key number `number`; its id ascends with the number.
inline KeyPair make_key(std::uint8_t number) {
  KeyPair key;
  const Bytes seed = make_noise(crypto_sign_SEEDBYTES, number);
  key.public_key.id.value[0] = number;
  crypto_sign_seed_keypair(key.public_key.value.data(), key.secret, seed.data());
  return key;
}

inline Signature sign(const KeyPair& key, const Digest& digest) {
  Signature signature;
  signature.key_id = key.public_key.id;
  crypto_sign_detached(signature.value.data(), nullptr, digest.value.data(), digest.value.size(),
                       key.secret);
  return signature;
}

}  // namespace romdelta::bench
