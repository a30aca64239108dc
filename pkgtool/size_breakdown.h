// SizeBreakdown: where the bytes of a payload went, by parts of the target that have names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgtool/size_account.h"
#include "pkgtool/verifier.h"

namespace romdelta::pkgtool {

// What a region of the target took.
struct RegionCost {
  std::string name;
  std::uint64_t begin = 0;  // In the target; of several together, that of one of them.
  std::uint64_t bytes = 0;
  std::size_t count = 1;  // How many it stands for.
  Spending spent;
  // The largest payload first, the last one what is left. They add up to the region. None where
  // symbols are unknown or the region takes little.
  std::vector<RegionCost> symbols;

  std::uint64_t payload_bytes() const { return spent.payload_bytes(); }
  // Stands for `other`, too, from now on.
  void absorb(const RegionCost& other);
};

struct SizeBreakdown {
  Manifest manifest;
  Spending structure;  // Of no region.
  Spending total;      // Adds up to manifest.payload_bytes.
  bool are_sections = false;
  std::vector<RegionCost> regions;  // All of the target, ascending.
};

struct BreakdownOptions {
  std::size_t top = 20;  // Symbols listed of a region.
};

// `verified`: what verify_package() found, all of it good. `source`: what the package is applied
// to; empty for a full package. `target`: spares decoding the package twice. Throws Error
// (bad_input) when an image is not the one that the manifest names, and as meter_package().
SizeBreakdown break_down(ByteSpan package, const VerifyResult& verified, ByteSpan source,
                         std::optional<ByteSpan> target, const BreakdownOptions& options);

// All regions, the largest payload first.
std::vector<const RegionCost*> by_payload(const SizeBreakdown& breakdown);

// The main reason for the payload's size, and where it lies: plain sentences.
std::vector<std::string> main_reasons(const SizeBreakdown& breakdown);

}  // namespace romdelta::pkgtool
