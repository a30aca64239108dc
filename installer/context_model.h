// ContextModel: what codec 2 has learned about a chunk so far, and from it how likely the next bit
// is. docs/format.md section 7.6 specifies it; docs/delta.md tells why it is as it is.
//
// Every value of a chunk is a row of binary decisions. Adaptive probabilities, chosen by contexts
// and blended by small mixers, predict each; a range coder spends few bits on what was expected.
// The words of the source that changed are remembered by how much: an instruction or pointer that
// is met again probably changes in the same way ("learned substitution").
//
// Decoder and encoder share this code: `Coder` is RangeDecoder, which finds the bit, or the encoder
// of pkgtool, which is given it. Functions take the value to be coded and return it; a decoder
// ignores what it is given.
//
// The techniques: binary range coding (Martin 1979), logistic mixing of context predictions
// (Mahoney, "Adaptive weighing of context models", 2005).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "format/bytes.h"
#include "installer/context_arithmetic.h"
#include "installer/number_model.h"

namespace romdelta {

// A unit of the source that a copy passes: an aligned word of 2 or 4 bytes, or a part of one at the
// ends of a copy.
struct SourceUnit {
  std::uint32_t word = 0;   // The whole word, little-endian; 0 where the source ends.
  std::uint32_t mask = 0;   // 0xff for each byte that belongs to the copy.
  std::uint8_t before = 0;  // The byte before the word.
  std::uint8_t after = 0;   // The most significant byte of the word after it.
};

// The unit whose bytes begin at `word`; `count` bytes from `past` on belong to the copy. Requires:
// one byte before `word` and two words from there can be read.
template <unsigned unit_bytes>
SourceUnit source_unit(const std::uint8_t* word, std::size_t past, std::size_t count) {
  SourceUnit unit;
  unit.word = word[0] | std::uint32_t{word[1]} << 8;
  if constexpr (unit_bytes == 4) {
    unit.word |= std::uint32_t{word[2]} << 16 | std::uint32_t{word[3]} << 24;
  }
  // Computed in 64 bits, because a shift by a whole word is not defined.
  unit.mask = static_cast<std::uint32_t>(((std::uint64_t{1} << 8 * count) - 1) << 8 * past);
  unit.before = *(word - 1);
  unit.after = word[2 * unit_bytes - 1];
  return unit;
}

// What decisions are about. The numbers come first, in the order of ContextModel::Number.
enum class Subject : std::uint8_t {
  copy_bytes,
  extra_bytes,
  seek,
  block,     // Whether a block differs.
  word,      // Whether a word changed as was expected.
  spelling,  // The bytes of a change that was not.
  literal,
};
inline constexpr std::size_t subject_count = 7;

// Tells a coder that wants to know, because it has a function of this name, what the next decisions
// are about. Nothing is done for others.
template <typename Coder>
void announce([[maybe_unused]] Coder& coder, [[maybe_unused]] Subject subject) {
  if constexpr (requires { coder.announce(subject); }) coder.announce(subject);
}

class ContextModel {
 public:
  // What is told apart first: whether the bytes of a block differ at all. Blocks lie at multiples
  // of their size in the source.
  static constexpr std::size_t block_bytes = 64;

  // Numbers of different kinds have statistics of their own.
  enum class Number : std::uint8_t { copy_bytes, extra_bytes, seek };
  static constexpr std::size_t number_kind_count = 3;

  // Forgets everything: chunks are independent.
  void begin();

  // Below 2^63.
  template <typename Coder>
  std::uint64_t number(Coder& coder, Number kind, std::uint64_t value) {
    announce(coder, static_cast<Subject>(kind));
    return numbers_[static_cast<std::size_t>(kind)].code(coder, value);
  }

  // Whether the bytes of a block of 64 differ. `whole`: all 64 belong to the copy.
  template <typename Coder>
  bool block_differs(Coder& coder, bool whole, bool differs);

  // What is added to the masked bytes of a unit, modulo its size. `unit_bytes`: 2 or 4, the same
  // for a whole chunk.
  template <unsigned unit_bytes, typename Coder>
  std::uint32_t change(Coder& coder, const SourceUnit& unit, std::uint32_t value);

  // `recent`: the four target bytes before, the last in the low byte. `phase`: offset modulo 4.
  template <typename Coder>
  std::uint8_t literal(Coder& coder, std::uint32_t recent, unsigned phase, std::uint8_t value);

 private:
  using Chance = context::Chance;
  using BitChance = context::BitChance;

  // How a word changed when it was met last.
  struct Memory {
    std::array<std::uint8_t, 4> change;  // Little-endian, so that entries take 6 bytes.
    std::uint8_t check;                  // Bits of the hash that the index does not use.
    std::uint8_t trust;                  // 0: empty. Else 1 and how often it was right of late.
  };
  // The memories that concern a unit.
  struct Recollection {
    Memory* exact = nullptr;    // Of the same word.
    Memory* similar = nullptr;  // Of a word with the same high bits.
    std::uint8_t exact_check = 0;
    std::uint8_t similar_check = 0;
    bool exact_known = false;
    bool similar_known = false;
    unsigned trust() const;  // 0 to 7, of `exact`.
  };

  static constexpr unsigned memory_bits = 9;
  static constexpr unsigned history_bits = 11;
  static constexpr unsigned pair_bits = 12;
  static constexpr unsigned byte_bits = 14;

  // A mixer blends the chances of up to three, with weights that learn which to believe.
  static constexpr std::size_t input_count_max = 3;
  using Weights = std::array<std::int32_t, input_count_max>;
  using Inputs = std::array<Chance*, input_count_max>;

  template <std::size_t count, typename Coder>
  static bool mix(Coder& coder, const Inputs& inputs, Weights* weights, bool bit);
  template <unsigned unit_bytes, typename Coder>
  std::uint32_t spell(Coder& coder, const SourceUnit& unit, std::uint32_t expected,
                      std::uint32_t value);

  Chance* byte_chance(std::uint32_t context, std::uint32_t node) {
    // Nodes of one context lie apart, so that contexts share the table evenly.
    return &byte_chances_[(context >> (32 - byte_bits) ^ node * 0x9e5u) & ((1u << byte_bits) - 1)];
  }

  template <unsigned unit_bytes>
  Recollection recall(const SourceUnit& unit);
  static void learn(const Recollection& recollection, std::uint32_t change);
  static std::uint32_t change_of(const Memory& memory);
  // The most significant byte: of an instruction the part that says most about what it is.
  template <unsigned unit_bytes>
  static std::uint32_t top(std::uint32_t word) {
    return word >> (8 * unit_bytes - 8);
  }

  std::uint32_t blocks_ = 0;       // Whether the last blocks differed, a bit each.
  std::uint32_t changes_ = 0;      // Whether the last units did.
  std::uint32_t last_change_ = 0;  // The last one that was not 0.
  std::array<NumberModel, number_kind_count> numbers_;
  std::array<Chance, 512> block_chances_;
  std::array<Chance, 1 << history_bits> history_chances_;
  std::array<Chance, 1 << pair_bits> pair_chances_;
  std::array<Chance, 512> second_chances_;
  std::array<Chance, 3 * 1024> zero_chances_;
  std::array<Chance, 1 << byte_bits> byte_chances_;
  std::array<Memory, 1 << memory_bits> exact_;
  std::array<Memory, 1 << memory_bits> similar_;
  std::array<Weights, 6 * 8> first_weights_;
  std::array<Weights, 4 * 8> zero_weights_;
  std::array<Weights, 4 * 8> byte_weights_;
  std::array<Weights, 4 * 8> literal_weights_;
};

// --- What was learned about words. ---

inline unsigned ContextModel::Recollection::trust() const {
  return exact_known ? std::min<unsigned>(exact->trust, 7) : 0;
}

inline std::uint32_t ContextModel::change_of(const Memory& memory) {
  return memory.change[0] | std::uint32_t{memory.change[1]} << 8 |
         std::uint32_t{memory.change[2]} << 16 | std::uint32_t{memory.change[3]} << 24;
}

template <unsigned unit_bytes>
ContextModel::Recollection ContextModel::recall(const SourceUnit& unit) {
  const std::uint32_t before = std::uint32_t{unit.before} << 16;
  constexpr bool small = unit_bytes == 2;
  const std::uint32_t exact_hash = context::hash(small ? unit.word | before : unit.word);
  const std::uint32_t similar_hash =
      context::hash((small ? unit.word >> 4 | before : unit.word >> 12) + 0x2545f491u);
  Recollection result;
  result.exact = &exact_[exact_hash >> (32 - memory_bits)];
  result.similar = &similar_[similar_hash >> (32 - memory_bits)];
  result.exact_check = static_cast<std::uint8_t>(exact_hash >> 8);
  result.similar_check = static_cast<std::uint8_t>(similar_hash >> 8);
  result.exact_known = result.exact->trust != 0 && result.exact->check == result.exact_check;
  result.similar_known =
      result.similar->trust != 0 && result.similar->check == result.similar_check;
  return result;
}

inline void ContextModel::learn(const Recollection& recollection, std::uint32_t change) {
  const auto store = [change](Memory* memory, std::uint8_t check) {
    for (unsigned i = 0; i < 4; ++i) {
      memory->change[i] = static_cast<std::uint8_t>(change >> (8 * i));
    }
    memory->check = check;
    memory->trust = 1;
  };
  // What was right before is forgotten only after it was wrong several times.
  const auto update = [&](Memory* memory, bool known, std::uint8_t check, unsigned patience) {
    if (known && change_of(*memory) == change) {
      if (memory->trust != 255) ++memory->trust;
    } else if (known && memory->trust > patience) {
      memory->trust = static_cast<std::uint8_t>(1 + memory->trust / (2 * patience));
    } else {
      store(memory, check);
    }
  };
  update(recollection.exact, recollection.exact_known, recollection.exact_check, 2);
  update(recollection.similar, recollection.similar_known, recollection.similar_check, 1);
}

// --- The values, bit by bit. ---

template <std::size_t count, typename Coder>
bool ContextModel::mix(Coder& coder, const Inputs& inputs, Weights* weights, bool bit) {
  std::array<std::int32_t, count> stretched;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    stretched[i] = context::stretch(*inputs[i] >> 4);
    sum += std::int64_t{(*weights)[i]} * stretched[i];
  }
  const BitChance chance = context::squash(static_cast<std::int32_t>(sum >> 16));
  bit = coder.code(chance, bit);
  const std::int32_t error = (bit ? 65535 : 0) - static_cast<std::int32_t>(chance);
  for (std::size_t i = 0; i < count; ++i) {
    context::adjust(&(*weights)[i], stretched[i], error);
    context::update(inputs[i], bit);
  }
  return bit;
}

template <typename Coder>
bool ContextModel::block_differs(Coder& coder, bool whole, bool differs) {
  announce(coder, Subject::block);
  Chance* chance = &block_chances_[(blocks_ & 0xff) | (whole ? 256u : 0u)];
  differs = coder.code(std::clamp<BitChance>(*chance, 16, 65520), differs);
  const std::int32_t missing = (differs ? 65535 : 0) - *chance;
  *chance = static_cast<Chance>(*chance + missing / 32);
  blocks_ = blocks_ << 1 | differs;
  return differs;
}

template <unsigned unit_bytes, typename Coder>
std::uint32_t ContextModel::change(Coder& coder, const SourceUnit& unit, std::uint32_t value) {
  const Recollection memory = recall<unit_bytes>(unit);
  const std::uint32_t remembered = memory.exact_known     ? change_of(*memory.exact)
                                   : memory.similar_known ? change_of(*memory.similar)
                                                          : 0;
  const std::uint32_t first = remembered & unit.mask;
  const std::uint32_t high = top<unit_bytes>(unit.word);
  const unsigned trust = memory.trust();
  const unsigned known = memory.exact_known ? 2 : memory.similar_known ? 1 : 0;
  const bool nonzero = first != 0;

  Chance* history =
      &history_chances_[context::hash(high << 5 | (nonzero ? 16u : 0u) | (changes_ & 15)) >>
                        (32 - history_bits)];
  Chance* pair =
      &pair_chances_[context::hash((high << 8 | unit.after) << 3 | trust) >> (32 - pair_bits)];
  Weights* weights = &first_weights_[(known * 2 + nonzero) * 8 + trust];
  announce(coder, Subject::word);
  std::uint32_t result = first;
  if (!mix<2>(coder, {history, pair, nullptr}, weights, value == first)) {
    // The next best guess.
    std::uint32_t second = nonzero ? 0 : last_change_ & unit.mask;
    if (memory.exact_known && memory.similar_known) {
      const std::uint32_t other = change_of(*memory.similar) & unit.mask;
      if (other != first) second = other;
    }
    bool is_second = false;
    if (second != first) {
      const std::uint32_t context = high << 1 | (second == 0 ? 1 : 0);
      is_second = code_direct(coder, &second_chances_[context], value == second);
      result = second;
    }
    if (!is_second) result = spell<unit_bytes>(coder, unit, first, value);
  }
  changes_ = changes_ << 1 | (result != 0);
  if (result != 0) last_change_ = result;
  const bool whole = unit.mask == 0xffffffff >> (32 - 8 * unit_bytes);
  if (whole) learn(memory, result);
  return result;
}

// Byte by byte from the lowest, with what the change was expected to be in sight.
template <unsigned unit_bytes, typename Coder>
std::uint32_t ContextModel::spell(Coder& coder, const SourceUnit& unit, std::uint32_t expected,
                                  std::uint32_t value) {
  announce(coder, Subject::spelling);
  const std::uint32_t high = top<unit_bytes>(unit.word);
  std::uint32_t result = 0;
  std::uint32_t previous = 0;
  bool as_expected = expected != 0;
  for (unsigned i = 0; i < unit_bytes; ++i) {
    const unsigned shift = 8 * i;
    if ((unit.mask >> shift & 0xff) == 0) continue;
    const std::uint32_t guess = expected >> shift & 0xff;
    const std::uint32_t given = value >> shift & 0xff;
    const std::uint32_t source = unit.word >> shift & 0xff;
    std::uint32_t byte = 0;
    const std::uint32_t situation =
        i << 3 | (previous != 0 ? 4 : 0) | (as_expected ? 2 : 0) | (guess == 0 ? 1 : 0);
    const Inputs zero_inputs = {&zero_chances_[i << 8 | previous],
                                &zero_chances_[1024 + (i << 8 | high)],
                                &zero_chances_[2048 + (i << 8 | source)]};
    if (!mix<3>(coder, zero_inputs, &zero_weights_[situation], given == 0)) {
      const std::uint32_t by_previous = context::hash(i << 8 | previous);
      const std::uint32_t by_class = context::hash(0x10000u | i << 8 | high);
      const std::uint32_t by_guess = context::hash(0x20000u | i << 9 | guess << 1 | as_expected);
      std::uint32_t node = 1;
      for (unsigned k = 8; k-- != 0;) {
        const Inputs inputs = {byte_chance(by_previous, node), byte_chance(by_class, node),
                               byte_chance(by_guess, node)};
        node = node << 1 | mix<3>(coder, inputs, &byte_weights_[i << 3 | k], (given >> k & 1) != 0);
      }
      byte = node & 0xff;
    }
    as_expected = as_expected && byte == guess;
    previous = byte;
    result |= byte << shift;
  }
  return result;
}

template <typename Coder>
std::uint8_t ContextModel::literal(Coder& coder, std::uint32_t recent, unsigned phase,
                                   std::uint8_t value) {
  announce(coder, Subject::literal);
  const std::uint32_t by_last = context::hash(0x30000u | (recent & 0xff));
  const std::uint32_t by_fourth = context::hash(0x40000u | recent >> 24 << 2 | phase);
  std::uint32_t node = 1;
  for (unsigned k = 8; k-- != 0;) {
    const Inputs inputs = {byte_chance(by_last, node), byte_chance(by_fourth, node), nullptr};
    node =
        node << 1 | mix<2>(coder, inputs, &literal_weights_[phase << 3 | k], (value >> k & 1) != 0);
  }
  return static_cast<std::uint8_t>(node);
}

}  // namespace romdelta
