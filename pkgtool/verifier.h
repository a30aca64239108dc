// Verifier: checks everything about a package that can be checked without its source.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/package.h"
#include "installer/decoder.h"
#include "pkgtool/pipeline.h"
#include "pkgtool/plan_decoder.h"

namespace romdelta::pkgtool {

// Where one chunk lies and what it holds.
struct ChunkReport {
  std::uint64_t offset_bytes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t target_offset = 0;  // In place: in what all chunks make, one after the other.
  std::uint64_t target_bytes = 0;
  ChunkHeader header;          // Codec zstd.
  ContextChunkHeader context;  // Codec context.
};

// The address map, by the sizes of its tables.
struct MapReport {
  std::uint64_t offset_bytes = 0;
  std::uint64_t base = 0;
  std::size_t segment_count = 0;
  std::size_t region_count = 0;
  std::size_t anchor_count = 0;
  std::size_t shift_count = 0;
};

struct VerifyResult {
  Status status = Status::internal;
  std::uint64_t offset_bytes = 0;  // Of the structure that failed.
  std::string structure;           // Its name: "head", "tree node", "chunk 3".
  std::optional<PackageHead> head;
  std::optional<MapReport> map;
  std::uint64_t plan_offset_bytes = 0;
  std::optional<DecodedPlan> plan;  // Deltas in place.
  std::vector<ChunkReport> chunks;
};

// With `keys` the signatures are checked too; without, the package is only looked at and nothing in
// the result is to be trusted.
VerifyResult verify_package(ByteSpan package, std::optional<TrustedKeys> keys);

}  // namespace romdelta::pkgtool
