// Forgery: a package taken apart, changed, and put together again so that every digest and the
// signature are right. What an attacker who holds the key could send; what a pkgtool with a fault
// might make. Reaches the code behind the signature.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "format/hash_tree.h"
#include "format/package.h"
#include "tests/support/package_maker.h"

namespace romdelta::test {

// One column of a chunk header as it is written, whether it makes sense or not.
struct ForgedColumn {
  std::uint64_t raw_bytes = 0;
  std::uint64_t coded_bytes = 0;  // 0: stored. Left out when raw_bytes is 0.
};

class Forgery {
 public:
  // Requires: `package` is well-formed and its tree has one level.
  explicit Forgery(ByteSpan package);

  Manifest manifest;
  Bytes map;  // Empty: none. Of as many steps as `manifest` says.
  std::vector<Chunk> chunks;

  // The whole package, signed by test_key(1). Sizes, counts, tree root and RAM budget follow the
  // chunks; everything else is what `manifest` says.
  Bytes seal() const;
  // The same, but the root node says what `entries` (one a chunk) say, and its digest is right.
  Bytes seal_with_entries(std::span<const TreeEntry> entries) const;
  // Header and manifest exactly as `manifest` has them, before the payload of the original.
  Bytes seal_manifest_only() const;

  // What the root node of the original says.
  std::vector<TreeEntry> entries() const;

 private:
  Payload payload_of_chunks() const;
  Manifest filled_manifest(const Payload& payload) const;
  Bytes payload_;  // Without the map.
};

// Signs a signed part (header and manifest, as bytes) and appends the payload.
Bytes sign_parts(ByteSpan signed_part, ByteSpan payload, std::span<const TestKey> keys);
Bytes sign_parts(ByteSpan signed_part, ByteSpan payload);

// A header for these manifest bytes, as encode_signed_part would write it.
Bytes with_header(ByteSpan manifest);

// Header with these numbers, then `body`.
Bytes forged_chunk(std::uint64_t source_position,
                   const std::array<ForgedColumn, column_count>& columns, ByteSpan body);

Bytes varint(std::uint64_t value);
Bytes zigzag(std::int64_t value);

}  // namespace romdelta::test
