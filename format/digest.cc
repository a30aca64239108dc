#include "format/digest.h"

#include <sodium/crypto_generichash_blake2b.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <new>

namespace romdelta {
namespace {

using Blake2bState = crypto_generichash_blake2b_state;

constexpr std::size_t kPersonalBytes = crypto_generichash_blake2b_PERSONALBYTES;

// Exactly 16 bytes each: BLAKE2b's personalisation field.
const char* personal_of(DigestDomain domain) {
  switch (domain) {
    case DigestDomain::image: return "romdelta image 1";
    case DigestDomain::manifest: return "romdelta manif 1";
    case DigestDomain::tree_node: return "romdelta nodes 1";
    case DigestDomain::chunk: return "romdelta chunk 1";
    case DigestDomain::map: return "romdelta admap 1";
    case DigestDomain::plan: return "romdelta splan 1";
    case DigestDomain::super_manifest: return "romdelta super 1";
    case DigestDomain::transaction: return "romdelta trans 1";
    case DigestDomain::keyring: return "romdelta kring 1";
  }
  return "romdelta none  1";
}

}  // namespace

static_assert(kPersonalBytes == 16);
static_assert(crypto_generichash_blake2b_SALTBYTES == 16);

DigestStream::DigestStream(DigestDomain domain, std::uint64_t index, std::uint64_t level) {
  static_assert(sizeof(Blake2bState) <= sizeof(state_));
  static_assert(alignof(Blake2bState) <= 64);
  std::uint8_t salt[16];
  ByteWriter writer(salt);
  writer.u64(index);
  writer.u64(level);
  auto* state = new (state_.data()) Blake2bState;
  // Fails only for sizes out of range, and these are constants.
  (void)crypto_generichash_blake2b_init_salt_personal(
      state, nullptr, 0, Digest::bytes, salt,
      reinterpret_cast<const unsigned char*>(personal_of(domain)));
}

void DigestStream::update(ByteSpan bytes) {
  auto* state = std::launder(reinterpret_cast<Blake2bState*>(state_.data()));
  (void)crypto_generichash_blake2b_update(state, bytes.data(), bytes.size());
}

Digest DigestStream::finish() {
  auto* state = std::launder(reinterpret_cast<Blake2bState*>(state_.data()));
  Digest digest;
  (void)crypto_generichash_blake2b_final(state, digest.value.data(), digest.value.size());
  return digest;
}

Digest digest_of(DigestDomain domain, ByteSpan bytes, std::uint64_t index, std::uint64_t level) {
  DigestStream stream(domain, index, level);
  stream.update(bytes);
  return stream.finish();
}

ChecksumStream::ChecksumStream() {
  static_assert(sizeof(XXH3_state_t) <= sizeof(state_));
  static_assert(alignof(XXH3_state_t) <= 64);
  auto* state = new (state_.data()) XXH3_state_t;
  XXH3_INITSTATE(state);
  (void)XXH3_64bits_reset(state);
}

void ChecksumStream::update(ByteSpan bytes) {
  auto* state = std::launder(reinterpret_cast<XXH3_state_t*>(state_.data()));
  (void)XXH3_64bits_update(state, bytes.data(), bytes.size());
}

Checksum ChecksumStream::finish() const {
  const auto* state = std::launder(reinterpret_cast<const XXH3_state_t*>(state_.data()));
  return {XXH3_64bits_digest(state)};
}

Checksum checksum_of(ByteSpan bytes) { return {XXH3_64bits(bytes.data(), bytes.size())}; }

}  // namespace romdelta
