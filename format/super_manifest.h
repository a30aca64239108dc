// SuperManifest: what a super package says about itself, signed: which packages it holds, for which
// sources, and in which order they are installed. docs/format.md section 15.
//
//   header | super manifest | signatures | member, member, ...
//
// It is the directory of the file: who has it knows where each member lies. On the wire it is a
// sequence of fields as a manifest is. A parsed one is a view: it keeps no copy of its members.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/limits.h"
#include "format/manifest.h"
#include "format/status.h"
#include "format/text.h"

namespace romdelta {

// One package of a super package.
struct SuperMember {
  PackageId package_id;
  Digest manifest_digest;  // Of the package: vouches for all of it.
  std::uint64_t file_bytes = 0;
  std::uint64_t ram_bytes = 0;      // Its budgets.
  std::uint64_t scratch_bytes = 0;  //
  ReleaseOrder order;
  Layout layout = Layout::ab;
  bool has_source = false;  // False: a full package.
  ImageIdentity source;
  ImageIdentity target;
  // Where it begins, counted from the first member. Set by the parser, not encoded.
  std::uint64_t offset_bytes = 0;
};

// A ROM package that is no member and must have one of these versions.
struct SuperRequirement {
  PackageId package_id;
  std::array<Version, limits::requirement_version_count_max> versions;
  std::size_t version_count = 0;

  bool allows(const Version& version) const;
};

// What holds for all members.
struct SuperFacts {
  PackageId name;   // Members built for this name install in no other way.
  Version release;  // Empty: none was given.
  DeviceFilter device;
  std::uint64_t security_counter = 0;
};

// Reads the members one after the other.
class SuperMembers {
 public:
  SuperMembers() = default;
  explicit SuperMembers(ByteSpan fields) : fields_(fields) {}
  // False after the last.
  bool next(SuperMember* member);

 private:
  ByteSpan fields_;
  std::uint64_t offset_bytes_ = 0;
};

struct SuperManifest {
  SuperFacts facts;
  std::size_t requirement_count = 0;
  std::size_t member_count = 0;
  std::uint64_t members_bytes = 0;  // Of all members' files.
  std::uint64_t ram_bytes_max = 0;  // Of any member.
  std::uint64_t scratch_bytes_max = 0;
  // Their fields, in the bytes that were parsed: these must outlive the manifest.
  ByteSpan requirement_fields;
  ByteSpan member_fields;

  SuperMembers members() const { return SuperMembers(member_fields); }
  // Requires: index below the count.
  SuperMember member(std::size_t index) const;
  SuperRequirement requirement(std::size_t index) const;
};

// Parses exactly `bytes`, which must outlive the result, and checks every rule of section 15.2. On
// failure `*manifest` is unchanged. malformed_manifest, unsupported_field or unsupported_layout.
Status parse_super_manifest(ByteSpan bytes, SuperManifest* manifest);

// Encodes in the one legal way, if the parts keep the rules of section 15.2. The writer fails when
// they exceed its buffer.
void encode_super_manifest(const SuperFacts& facts, std::span<const SuperRequirement> requirements,
                           std::span<const SuperMember> members, ByteWriter* writer);

}  // namespace romdelta
