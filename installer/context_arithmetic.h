// The arithmetic of codec 2: what encoder and decoder must compute alike, bit by bit.
// docs/format.md section 7.6. In a header because each decoded bit passes here several times.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace romdelta::context {

// A coder's view: the chance that a bit is 1, of 65,536; 1 to 65,535.
using BitChance = std::uint32_t;

// 65,536 / (1 + e^-x) for x = -8, -7.5 ... 8.
inline constexpr std::array<std::int32_t, 33> logistic = {
    22,    36,    60,    98,    162,   267,   439,   720,   1179,  1921,  3108,
    4971,  7812,  11955, 17625, 24743, 32768, 40793, 47911, 53581, 57724, 60565,
    62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514};

inline constexpr std::int32_t stretch_max = 2047;

// The chance whose stretched form is `x` - 2048: interpolated.
constexpr BitChance interpolate(std::int32_t x) {
  const auto step = static_cast<std::size_t>(x >> 7);
  const std::int32_t part = x & 127;
  return static_cast<BitChance>((logistic[step] * (128 - part) + logistic[step + 1] * part + 64) >>
                                7);
}

constexpr std::array<std::uint16_t, 4096> make_squash() {
  std::array<std::uint16_t, 4096> table{};
  for (std::int32_t x = 1; x < 4096; ++x) {
    table[static_cast<std::size_t>(x)] = static_cast<std::uint16_t>(interpolate(x));
  }
  return table;
}

inline constexpr std::array<std::uint16_t, 4096> squash_table = make_squash();

// The chance whose stretched form is `stretched`.
constexpr BitChance squash(std::int32_t stretched) {
  const std::int32_t x = std::clamp(stretched, -stretch_max, stretch_max) + 2048;
  return squash_table[static_cast<std::size_t>(x)];
}

// ln(p / (1 - p)) * 256 of a chance p of 4,096: the least argument for which squash() gives it.
constexpr std::array<std::int16_t, 4096> make_stretch() {
  std::array<std::int16_t, 4096> table{};
  std::int32_t x = -stretch_max;
  for (std::uint32_t chance = 0; chance < 4096; ++chance) {
    while (x < stretch_max && squash(x) < chance * 16) ++x;
    table[chance] = static_cast<std::int16_t>(x);
  }
  return table;
}

inline constexpr std::array<std::int16_t, 4096> stretch_table = make_stretch();

inline std::int32_t stretch(std::uint32_t chance_of_4096) { return stretch_table[chance_of_4096]; }

// Spreads bits evenly; the highest are the best.
constexpr std::uint32_t hash(std::uint32_t value) { return value * 0x9e3779b1u; }

// A chance that adapts, in 16 bits: 13 of chance and 3 that count how often it was used. It moves
// fast at first, and by a tenth of what is missing in the end.
using Chance = std::uint16_t;
inline constexpr Chance chance_initial = 4096 << 3;

// By how much of what is missing a chance moves when it was used 0, 1 ... 7 times: 1/2 to 1/10, of
// 65,536.
inline constexpr std::array<std::int32_t, 8> chance_rates = {32768, 21845, 16384, 13107,
                                                             10923, 9362,  8192,  6554};

inline void update(Chance* chance, bool bit) {
  const std::int32_t uses = *chance & 7;
  const std::int32_t now = *chance - uses;  // Of 65,536, in steps of 8.
  const std::int32_t missing = (bit ? 65528 : 0) - now;
  const std::int32_t moved =
      now + ((((missing * chance_rates[static_cast<std::size_t>(uses)]) >> 16) + 4) & ~7);
  *chance = static_cast<Chance>(moved + uses + (uses != 7 ? 1 : 0));
}

// How fast mixers learn.
inline constexpr std::int32_t learning_rate = 6;

// Moves a mixer's weight (1.0 is 65,536): `error` is what was missing from the chance, of 65,536.
// Wraps modulo 2^32, which no real data comes near.
inline void adjust(std::int32_t* weight, std::int32_t stretched, std::int32_t error) {
  const std::int32_t step = (stretched * error * learning_rate + (1 << 15)) >> 16;
  *weight = static_cast<std::int32_t>(static_cast<std::uint32_t>(*weight) +
                                      static_cast<std::uint32_t>(step));
}

}  // namespace romdelta::context
