// The head of a super package: header, super manifest, signatures. docs/format.md section 15.
//
// At most limits::super_head_bytes_max bytes, all that is buffered before the signature is checked.
// One parser serves pkgtool and installer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/package.h"
#include "format/super_manifest.h"

namespace romdelta {

// A parsed and, after verify_super_head(), authenticated head. A view: the bytes that it was parsed
// from must outlive it.
struct SuperHead {
  SuperManifest manifest;
  SignatureList signatures;
  Vouchers vouchers;             // Empty after inspect_super_head().
  Digest manifest_digest;        // Of header and super manifest: what the signatures sign.
  std::size_t signed_bytes = 0;  // Header and super manifest.
  std::size_t head_bytes = 0;    // Where the first member begins.

  std::uint64_t file_bytes() const { return head_bytes + manifest.members_bytes; }
};

// As head_bytes_needed(), of a super package.
Status super_head_bytes_needed(ByteSpan given, std::size_t* bytes);

// Checks the signatures of a complete head and only then parses its manifest. Fails as
// super_head_bytes_needed (truncated when incomplete), verify_signatures and parse_super_manifest
// do.
Status verify_super_head(ByteSpan head, TrustedKeys keys, SuperHead* result);

// The same without checking signatures, for tools that look at a super package without trusting it.
Status inspect_super_head(ByteSpan head, SuperHead* result);

// Writes header and super manifest: the signed part of the head.
void encode_super_signed_part(const SuperFacts& facts,
                              std::span<const SuperRequirement> requirements,
                              std::span<const SuperMember> members, ByteWriter* writer);

// What the signatures sign: the digest of the signed part.
Digest super_signed_part_digest(ByteSpan signed_part);

// Arena bytes that an installer of this version needs for any selection of the members.
// docs/format.md section 15.4.
std::uint64_t super_arena_bytes_needed(const SuperHead& head);

// What names the installation of member `index` of a super package in the journal, and with the
// number of members the installation as a whole. docs/format.md section 9.5.
Digest transaction_digest(const Digest& super_manifest_digest, std::size_t index);

}  // namespace romdelta
