// NumberModel: numbers of one kind in a range coder's bits. docs/format.md section 7.7.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "installer/context_arithmetic.h"

namespace romdelta {

// Codes one decision by a chance that learns from it.
template <typename Coder>
bool code_direct(Coder& coder, context::Chance* chance, bool bit) {
  bit = coder.code(*chance | 7u, bit);
  context::update(chance, bit);
  return bit;
}

// How many bits a number has, and the highest of them, are learned; the others are coded as they
// are. `Coder`: see ContextModel.
class NumberModel {
 public:
  void begin() {
    size_.fill(context::chance_initial);
    mantissa_.fill(context::chance_initial);
  }

  // Below 2^63.
  template <typename Coder>
  std::uint64_t code(Coder& coder, std::uint64_t value) {
    // One more, so that the highest bit is always there.
    const std::uint64_t given = value + 1;
    const auto given_bits = static_cast<unsigned>(std::bit_width(given) - 1);
    unsigned node = 1;
    for (unsigned i = 6; i-- != 0;) {
      node = node << 1 | code_direct(coder, &size_[node], (given_bits >> i & 1) != 0);
    }
    const unsigned bits = node - 64;
    std::uint64_t result = 1;
    for (unsigned i = bits; i-- != 0;) {
      const bool bit = (given >> i & 1) != 0;
      // Only the first three bits depend on others: `result` is below 8 then.
      const bool coded =
          bits - i <= 3
              ? code_direct(coder, &mantissa_[bits * 8 + static_cast<std::size_t>(result)], bit)
              : coder.code(1u << 15, bit);
      result = result << 1 | coded;
    }
    return result - 1;
  }

 private:
  std::array<context::Chance, 64> size_;          // A tree over the number of bits.
  std::array<context::Chance, 64 * 8> mantissa_;  // The three bits below the highest.
};

}  // namespace romdelta
