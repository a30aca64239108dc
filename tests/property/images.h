// Images for property tests: families of content, and what happens to an image between releases.
#pragma once

#include <string>

#include "tests/support/random.h"

namespace romdelta::test {

enum class Family { noise, zeros, ones, periodic, firmware };
inline constexpr Family all_families[] = {Family::noise, Family::zeros, Family::ones,
                                          Family::periodic, Family::firmware};
const char* to_string(Family family);

Bytes make_family(Family family, std::size_t count, Random* random);

enum class Mutation { insert, remove, replace, move, flip_bits, truncate, grow };
inline constexpr Mutation all_mutations[] = {
    Mutation::insert,    Mutation::remove,   Mutation::replace, Mutation::move,
    Mutation::flip_bits, Mutation::truncate, Mutation::grow};

// Changes up to 1 / `share` of the image in one place (a few places for bits).
void mutate(Mutation mutation, std::size_t share, Bytes* image, Random* random);

// One to eight mutations; their names are appended to `story`.
Bytes mutated(const Bytes& image, Random* random, std::string* story);

// Linked code of about `count` bytes: functions of instructions and relative calls, then a table of
// their addresses. Another `release` has some functions of another length, so that everything
// behind them moves and every reference to it changes.
Bytes link_firmware(std::size_t count, std::uint64_t program, unsigned release);

}  // namespace romdelta::test
