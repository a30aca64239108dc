// Super builder: packages in, super package out: checked whether they fit together, in the order in
// which a device installs them. Signing is a step of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/super_package.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// A package that becomes a member.
struct SuperInput {
  ByteSpan bytes;
  std::string name;  // For messages: the file it came from.
};

struct SuperRequest {
  std::string name;     // Empty: the one that the members name, else "super".
  std::string release;  // Empty: none.
  // Absent: the largest of the members', which refuses no device that they do not refuse.
  std::optional<std::uint64_t> security_counter;
  std::vector<SuperRequirement> requirements;
  std::vector<SuperInput> packages;  // In any order.
};

// A super package that lacks only its signatures.
struct UnsignedSuper {
  SuperFacts facts;
  std::vector<SuperRequirement> requirements;
  std::vector<SuperMember> members;
  std::vector<ByteSpan> files;  // Of the members: the caller's bytes.
  Bytes signed_part;            // Header and super manifest: what the signatures cover.
  Digest digest() const { return super_signed_part_digest(signed_part); }
};

// Members for the other slot come first, then those in place; each ROM package where it was first
// named, its deltas before its full package. Throws Error (bad input) when a package is damaged or
// not signed, and when two do not fit together: two targets or layouts for one ROM package, the
// same source twice, other devices, another super package.
UnsignedSuper build_super(const SuperRequest& request);

// The bytes of the signed file.
Bytes assemble(const UnsignedSuper& super, const SignatureList& signatures);

// "ID=VERSION[,VERSION...]". Throws Error (usage).
SuperRequirement parse_requirement(const std::string& text);

}  // namespace romdelta::pkgtool
