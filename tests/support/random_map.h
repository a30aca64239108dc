// Address maps and images of code and data, made at random but such that many of the bytes are
// references by the map.
#pragma once

#include "tests/support/random.h"
#include "tests/support/reference_map.h"

namespace romdelta::test {

// All rules, huge and tiny regions, begins anywhere, and addresses that are mostly those of an
// image of `image_bytes`.
ReferenceMap random_map(Random* random, std::size_t image_bytes);

// A map for an image of one kind of code at `base`: all of it has an address, `rule` holds in all
// of it, and what follows an address moved by what `shifts` says.
ReferenceMap plain_map(std::uint32_t rule, std::uint64_t base, std::vector<MapStep> shifts);

// Instructions of `rule` and data words that mostly refer to addresses below `count`, with noise
// between them. `rule` 0: those of all rules.
Bytes random_code(Random* random, std::size_t count, std::uint32_t rule, std::uint64_t base);

}  // namespace romdelta::test
