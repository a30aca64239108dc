// Manifests for tests: valid ones by chance, and their fields one by one.
#pragma once

#include <cstdint>
#include <vector>

#include "format/manifest.h"
#include "tests/support/random.h"

namespace romdelta::test {

// A manifest that keeps every rule of docs/format.md section 4, with optional fields by chance.
Manifest random_manifest(Random* random);

// The smallest interesting one: a delta with one source and three chunks.
Manifest sample_manifest();

// The same in place: two of three groups are written by two chunks, the third is a hole.
Manifest sample_in_place_manifest();

Bytes encoded(const Manifest& manifest);

// One field on the wire.
struct ManifestField {
  std::uint16_t tag = 0;
  Bytes value;
};
// Requires: `bytes` is an encoded manifest.
std::vector<ManifestField> split_fields(ByteSpan bytes);
Bytes join_fields(const std::vector<ManifestField>& fields);

}  // namespace romdelta::test
