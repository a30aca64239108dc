// MapModel: how an address map is written. docs/format.md section 7.9 specifies it.
//
// Decoder and encoder share this code, as with ContextModel: functions take what is to be coded and
// return it; a decoder ignores what it is given.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "installer/address_map.h"
#include "installer/number_model.h"

namespace romdelta {

class MapModel {
 public:
  // The tables of a map, in their order on the wire.
  enum class Table : std::uint8_t { segments, regions, anchors, shifts };
  static constexpr std::size_t table_count = 4;

  void begin() {
    for (NumberModel& model : numbers_) model.begin();
  }

  // Any number of 64 bits.
  template <typename Coder>
  std::uint64_t base(Coder& coder, std::uint64_t value) {
    const std::uint64_t high = number(coder, Kind::base, value >> 32) & 0xffffffff;
    return high << 32 | (number(coder, Kind::base, value & 0xffffffff) & 0xffffffff);
  }

  template <typename Coder>
  std::uint64_t count(Coder& coder, std::uint64_t value) {
    return number(coder, Kind::count, value);
  }

  // False when what was decoded breaks a rule.
  template <typename Coder>
  bool table(Coder& coder, Table table, std::span<MapStep> steps) {
    std::uint64_t floor = 0;  // What the next step begins at, or later.
    MapStep before;
    recent_ = {};
    for (MapStep& step : steps) {
      const std::uint64_t begin = place(coder, floor, step.begin);
      if (begin > 0xffffffff) return false;
      step.begin = static_cast<std::uint32_t>(begin);
      step.value = value(coder, table, before, step);
      if (table == Table::regions && !is_valid_rules(step.value)) return false;
      before = step;
      floor = begin + 1;
    }
    return true;
  }

 private:
  // Numbers of different kinds have statistics of their own.
  enum class Kind : std::uint8_t {
    base,
    count,
    place_zeros,
    place,
    rules,
    address,
    recent,
    move_zeros,
    move
  };
  static constexpr std::size_t kind_count = 9;
  static constexpr unsigned zeros_max = 12;

  template <typename Coder>
  std::uint64_t number(Coder& coder, Kind kind, std::uint64_t value) {
    return numbers_[static_cast<std::size_t>(kind)].code(coder, value);
  }

  static bool is_valid_rules(std::uint32_t value) {
    return value <= rules::all_mask && (value & rules::code_mask) < rules::code_end;
  }

  // A step's begin, at `floor` or later: how many zeros it ends with, and what is before those.
  template <typename Coder>
  std::uint64_t place(Coder& coder, std::uint64_t floor, std::uint64_t given) {
    const auto given_zeros = std::min<unsigned>(
        zeros_max, given == 0 ? zeros_max : static_cast<unsigned>(std::countr_zero(given)));
    const std::uint64_t zeros = number(coder, Kind::place_zeros, given_zeros);
    if (zeros > zeros_max) return ~std::uint64_t{0};
    const std::uint64_t least = (floor + (std::uint64_t{1} << zeros) - 1) >> zeros;
    const std::uint64_t past = number(coder, Kind::place, (given >> zeros) - least);
    // Neither overflows: `least` is below 2^33.
    return past > 0xffffffff ? ~std::uint64_t{0} : (least + past) << zeros;
  }

  template <typename Coder>
  std::uint32_t value(Coder& coder, Table table, const MapStep& before, const MapStep& step) {
    switch (table) {
      case Table::regions:
        return before.value ^
               static_cast<std::uint32_t>(number(coder, Kind::rules, before.value ^ step.value));
      case Table::segments:
      case Table::anchors: {
        // As if it went on like before.
        const std::uint32_t expected = before.value + (step.begin - before.begin);
        return expected +
               static_cast<std::uint32_t>(number(coder, Kind::address, step.value - expected));
      }
      case Table::shifts: return shift(coder, step.value);
    }
    return 0;
  }

  // One of the shifts used last, or by how much it is another than the last of them.
  template <typename Coder>
  std::uint32_t shift(Coder& coder, std::uint32_t given) {
    const auto found = std::ranges::find(recent_, given);
    const std::uint64_t rank =
        number(coder, Kind::recent, static_cast<std::uint64_t>(found - recent_.begin()));
    std::uint32_t result = 0;
    if (rank < recent_.size()) {
      result = recent_[static_cast<std::size_t>(rank)];
    } else {
      result = recent_[0] + move(coder, given - recent_[0]);
    }
    const auto last = rank < recent_.size() ? recent_.begin() + static_cast<std::ptrdiff_t>(rank)
                                            : recent_.end() - 1;
    std::move_backward(recent_.begin(), last, last + 1);
    recent_[0] = result;
    return result;
  }

  // How many zeros it ends with, and what is before those; the sign in the lowest place.
  template <typename Coder>
  std::uint32_t move(Coder& coder, std::uint32_t given) {
    const bool is_negative = given >> 31 != 0;
    const std::uint32_t size = is_negative ? 0 - given : given;
    const auto given_zeros = static_cast<unsigned>(size == 0 ? 0 : std::countr_zero(size));
    const auto zeros = static_cast<unsigned>(number(coder, Kind::move_zeros, given_zeros) & 31);
    const std::uint64_t rest =
        number(coder, Kind::move, std::uint64_t{size >> zeros >> 1} << 1 | (is_negative ? 1u : 0u));
    const auto result = static_cast<std::uint32_t>((rest | 1) << zeros);
    return (rest & 1) != 0 ? 0 - result : result;
  }

  std::array<NumberModel, kind_count> numbers_;
  std::array<std::uint32_t, 6> recent_{};  // The last used first.
};

}  // namespace romdelta
