// Digest and Checksum: two types for two dangers, never mixed.
//
// A Digest (BLAKE2b-256) stands where an attacker could act: packages, sources before use. A
// Checksum (XXH3-64) stands where only accidents can: records and read-back of our own writes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "format/bytes.h"

namespace romdelta {

struct Digest {
  static constexpr std::size_t bytes = 32;
  std::array<std::uint8_t, bytes> value{};
  friend bool operator==(const Digest&, const Digest&) = default;
};

struct Checksum {
  static constexpr std::size_t bytes = 8;
  std::uint64_t value = 0;
  friend bool operator==(const Checksum&, const Checksum&) = default;
};

// What is being digested: becomes BLAKE2b's personalisation, so that the bytes of one kind of thing
// can never stand for another (docs/format.md section 2).
enum class DigestDomain : std::uint8_t {
  image,
  manifest,
  tree_node,
  chunk,
  map,
  plan,
  super_manifest,
  transaction,
  keyring,
};

// Incremental BLAKE2b-256. Holds its state in place; no allocation.
class DigestStream {
 public:
  // `level` and `index` are the place of a tree node or chunk in its package and enter the salt:
  // a chunk moved to another place has another digest. Zero for images and manifests.
  explicit DigestStream(DigestDomain domain, std::uint64_t index = 0, std::uint64_t level = 0);

  void update(ByteSpan bytes);
  // Ends the stream: call once.
  Digest finish();

 private:
  // crypto_generichash_blake2b_state: size and alignment are checked in digest.cc.
  alignas(64) std::array<std::uint8_t, 384> state_;
};

// The digest of one buffer.
Digest digest_of(DigestDomain domain, ByteSpan bytes, std::uint64_t index = 0,
                 std::uint64_t level = 0);

// Incremental XXH3-64. Holds its state in place; no allocation.
class ChecksumStream {
 public:
  ChecksumStream();
  void update(ByteSpan bytes);
  Checksum finish() const;

 private:
  // XXH3_state_t: size and alignment are checked in digest.cc.
  alignas(64) std::array<std::uint8_t, 576> state_;
};

Checksum checksum_of(ByteSpan bytes);

}  // namespace romdelta
