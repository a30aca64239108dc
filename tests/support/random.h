// Random and made-up test data. A random test prints its seed; ROMDELTA_TEST_SEED replays it.
#pragma once

#include <cstdint>
#include <random>

#include "tests/support/bytes.h"

namespace romdelta::test {

using Random = std::mt19937_64;

// A generator with a new seed, or with the one in ROMDELTA_TEST_SEED. Prints the seed.
Random seeded_random();

// Uniform in [low, high].
std::uint64_t pick(Random* random, std::uint64_t low, std::uint64_t high);
Bytes random_bytes(Random* random, std::size_t count);

// The same bytes for the same arguments: runs, repeats and noise, as in firmware.
Bytes make_image(std::size_t count, std::uint64_t seed);
// A later version of `source`: some bytes changed, the size as given.
Bytes revise(ByteSpan source, std::size_t count, std::uint64_t seed);

}  // namespace romdelta::test
