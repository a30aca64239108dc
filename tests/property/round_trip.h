// A round trip: source and target through matcher, encoder and the installer's engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "format/manifest.h"
#include "tests/support/random.h"

namespace romdelta::test {

struct RoundTrip {
  std::optional<Bytes> source;  // Absent: a full package.
  Bytes target;
  std::uint64_t ram_bytes = 1 << 20;
  std::uint32_t erase_block_bytes = 4096;
  std::uint64_t piece_bytes = 64 * 1024;  // How the package is cut.
  unsigned thread_count = 1;
  std::optional<Codec> codec;  // Absent: the smaller.
};

// Empty when the target came out byte for byte and every promise of the manifest was kept; else
// what was not. `package_bytes` may be null.
std::string fault_of(const RoundTrip& trip, std::uint64_t* package_bytes = nullptr);

// The same package on a device with another program unit, that may overwrite, pushed in pieces of
// random sizes. For images that fit into memory a few times.
std::string fault_on_other_devices(const RoundTrip& trip, Random* random);

}  // namespace romdelta::test
