// Super verifier: checks everything about a super package that can be checked without sources: its
// own head, and each member as a package that is the one listed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/super_package.h"
#include "pkgtool/verifier.h"

namespace romdelta::pkgtool {

struct SuperVerifyResult {
  Status status = Status::internal;
  std::uint64_t offset_bytes = 0;    // Of the structure that failed, in the super package.
  std::string structure;             // Its name: "head", "member 2 (com.example.app), chunk 3".
  std::optional<SuperHead> head;     // A view of the bytes that were verified.
  std::vector<PackageHead> members;  // Of those that are good.
  std::uint64_t chunk_count = 0;
};

// With `keys` the signatures of the super package and of all members are checked too.
SuperVerifyResult verify_super_package(ByteSpan file, std::optional<TrustedKeys> keys);

}  // namespace romdelta::pkgtool
