// PackageMaker: valid packages made by hand, from the encoders of format/ and zstd only, so that
// the engine is tested against something other than pkgtool. docs/format.md is what it follows.
//
//   pieces -> ChunkContent -> Chunk -> Payload -> Manifest -> signed file
//
// Each step is a function of its own: a test that needs a bad package changes what lies between.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/chunk.h"
#include "format/manifest.h"
#include "tests/support/bytes.h"
#include "tests/support/reference_map.h"
#include "tests/support/test_key.h"

namespace romdelta::test {

// One control triple: bytes copied from `source_offset`, then literals.
struct Piece {
  std::uint64_t source_offset = 0;
  std::uint64_t copy_bytes = 0;
  std::uint64_t extra_bytes = 0;
};

// A chunk before it is encoded.
struct ChunkContent {
  std::uint64_t source_position = 0;
  std::array<Bytes, column_count> columns;
  Bytes& operator[](Column column) { return columns[static_cast<std::size_t>(column)]; }
};

// The columns that turn `source` into `target`, which the pieces must fill exactly.
ChunkContent make_content(ByteSpan source, ByteSpan target, std::span<const Piece> pieces);

// The difference of two ranges of equal size, appended to diff_values and zero_runs.
void append_difference(ByteSpan source, ByteSpan target, ChunkContent* content);

enum class Coding { stored, zstd, context };

// The only frame that the format allows: without magic number and checksum, in one segment.
Bytes zstd_frame(ByteSpan raw);

// A chunk as it lies in the payload. With Coding::zstd the columns that become smaller are coded.
struct Chunk {
  Bytes bytes;
  std::uint64_t target_bytes = 0;
  std::uint64_t decoded_bytes = 0;
};
Chunk encode_chunk(const ChunkContent& content, std::uint64_t target_bytes, Coding coding);

struct Payload {
  Bytes bytes;  // The address map, if there is one; tree nodes and chunks in pre-order.
  MapIdentity map;
  Digest root;
  std::vector<std::uint64_t> chunk_offsets;  // In `bytes`.
};
// The same with codec context, from the pieces at once.
Chunk encode_context_chunk(ByteSpan source, ByteSpan target, std::span<const Piece> pieces,
                           std::uint8_t unit_bytes);

Payload make_payload(std::span<const Chunk> chunks);
// The same behind an address map, as its bytes.
Payload with_map(Payload payload, ByteSpan map, std::size_t step_count);

// What a package is made from.
struct PackagePlan {
  std::string package_id = "com.example.app";
  Bytes source;  // Empty: a full package, unless is_delta.
  bool is_delta = false;
  std::string source_version = "1.0";
  Bytes target;
  std::string target_version = "2.0";
  std::uint32_t chunk_bytes = 2048;  // Target bytes of a chunk.
  std::uint32_t group_bytes = 1024;
  std::uint32_t erase_block_bytes = 1024;
  Coding coding = Coding::zstd;
  std::optional<ReferenceMap> map;  // Codec context only.
  ReleaseOrder order;
  bool may_downgrade = false;
  KeyRole role = KeyRole::release;
  DeviceFilter device;
};

// The chunks of a plan: copies with differences and literals where the source reaches, literals
// elsewhere.
std::vector<Chunk> make_chunks(const PackagePlan& plan);
Manifest make_manifest(const PackagePlan& plan, std::span<const Chunk> chunks,
                       const Payload& payload);
// Header, manifest and signatures.
Bytes make_head(const Manifest& manifest, std::span<const TestKey> keys);

struct MadePackage {
  Manifest manifest;
  Payload payload;
  std::size_t head_bytes = 0;
  Bytes file;
};
MadePackage assemble(const Manifest& manifest, Payload payload, std::span<const TestKey> keys);
// All steps, signed by test_key(1).
MadePackage make_package(const PackagePlan& plan);
// The same from chunks made elsewhere, which may be malformed: manifest and tree are right.
MadePackage make_package(const PackagePlan& plan, std::span<const Chunk> chunks);

ImageIdentity identity_of(ByteSpan image, std::string_view version);

}  // namespace romdelta::test
