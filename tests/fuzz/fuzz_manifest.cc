// Manifest bytes -> parse_manifest. What parses has one encoding and keeps every limit.
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/manifest_maker.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr std::uint16_t kEncoderTag = 0x8001;

// Fields that are not critical and unknown are the only ones that a parsed manifest forgets.
Bytes without_unknown_fields(ByteSpan manifest) {
  std::vector<ManifestField> known;
  for (const ManifestField& field : split_fields(manifest)) {
    if (field.tag < 0x8000 || field.tag == kEncoderTag) known.push_back(field);
  }
  return join_fields(known);
}

void check_limits(const Manifest& m) {
  require(m.source_count <= m.sources.size(), "the sources fit");
  require(m.target.bytes <= limits::image_bytes_max, "the target is within its limit");
  require(m.chunk_count <= limits::chunk_count_max, "the chunks are within their limit");
  require((m.chunk_count == 0) == (m.target.bytes == 0), "an empty target has no chunks");
  require(m.group_bytes % m.erase_block_bytes == 0, "groups are whole erase blocks");
  require(m.budgets.ram_bytes >= arena_bytes_needed(m), "the RAM budget is enough");
  require(is_valid_package_id(m.package_id.view()), "the package id is valid");
}

bool is_manifest_failure(Status status) {
  return status == Status::malformed_manifest || status == Status::unsupported_field ||
         status == Status::unsupported_layout || status == Status::unsupported_codec;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(data, data + size);
  Manifest manifest;
  manifest.chunk_count = 4711;
  const Status status = parse_manifest(input, &manifest);
  if (status != Status::ok) {
    require(manifest.chunk_count == 4711, "a failure leaves the result alone");
    require(is_manifest_failure(status), "the status is one that parse_manifest names");
    return 0;
  }
  check_limits(manifest);
  require(encoded(manifest) == without_unknown_fields(input), "a manifest has one encoding");
  return 0;
}
