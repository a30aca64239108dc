// Made-up firmware: code, pointer tables, text, compressed assets and padding, in the proportions
// of a real image and with its redundancy. The same bytes on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "format/bytes.h"

namespace romdelta::bench {

using Bytes = std::vector<std::uint8_t>;

// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  // Uniform enough in [0, bound). Requires: bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  // True once in `n` calls on average.
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

// `bytes` of firmware at `revision`. From one revision to the next a few functions are edited,
// added or removed; all others stay but move, so the calls and pointers to them change.
Bytes make_firmware(std::size_t bytes, unsigned revision);

// `bytes` without any structure.
Bytes make_noise(std::size_t bytes, std::uint64_t seed);

}  // namespace romdelta::bench
