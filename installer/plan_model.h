// PlanModel: how the plan of a delta in place is written. docs/format.md section 7.12 specifies it.
//
// Decoder and encoder share this code, as with ContextModel: functions take what is to be coded and
// return it; a decoder ignores what it is given.
#pragma once

#include <array>
#include <cstdint>

#include "installer/number_model.h"

namespace romdelta {

// A group that is one repeated byte in source and target: its place is lent to the spill.
struct Hole {
  std::uint32_t group = 0;
  std::uint32_t fill = 0;  // That byte.
};

// What the plan says about one chunk.
struct ChunkPlan {
  std::uint32_t step_count = 0;
  std::uint32_t script_bytes = 0;
  std::uint32_t checksum = 0;  // Of its output: the low half of an XXH3.
};

class PlanModel {
 public:
  void begin() {
    for (NumberModel& model : numbers_) model.begin();
    expected_group_ = 0;
    before_ = none;
    direction_ = 1;
  }

  template <typename Coder>
  Hole hole(Coder& coder, const Hole& before, bool first, const Hole& given) {
    const std::uint32_t floor = first ? 0 : before.group + 1;
    Hole hole;
    hole.group = floor + narrow(number(coder, Kind::hole, given.group - floor));
    hole.fill = narrow(number(coder, Kind::fill, given.fill));
    return hole;
  }

  template <typename Coder>
  ChunkPlan chunk(Coder& coder, const ChunkPlan& given) {
    ChunkPlan chunk;
    chunk.step_count = narrow(number(coder, Kind::step_count, given.step_count));
    chunk.script_bytes = narrow(number(coder, Kind::script_bytes, given.script_bytes));
    for (unsigned i = 32; i-- != 0;) {
      chunk.checksum = chunk.checksum << 1 | coder.code(1u << 15, (given.checksum >> i & 1) != 0);
    }
    return chunk;
  }

  // The group of a step: one further in the direction taken last, or how far from there.
  template <typename Coder>
  std::uint32_t group(Coder& coder, std::uint32_t given) {
    const std::uint32_t distance = given - expected_group_;
    const std::uint32_t code = distance << 1 ^ (0 - (distance >> 31));
    const std::uint32_t got = narrow(number(coder, Kind::group, code));
    const std::uint32_t group = expected_group_ + (got >> 1 ^ (0 - (got & 1)));
    // A step that goes on is in this direction, a jump says nothing about it.
    if (group + direction_ == before_) direction_ = 0 - direction_;
    before_ = group;
    expected_group_ = group + direction_;
    return group;
  }

  // How many runs of grains a step keeps for later steps; how many grains before a run are not
  // kept, and how many are, less one; until how many steps later they are needed, less one.
  template <typename Coder>
  std::uint32_t run_count(Coder& coder, std::uint32_t given) {
    return narrow(number(coder, Kind::run_count, given));
  }
  template <typename Coder>
  std::uint32_t run_gap(Coder& coder, std::uint32_t given) {
    return narrow(number(coder, Kind::run_gap, given));
  }
  template <typename Coder>
  std::uint32_t run_length(Coder& coder, std::uint32_t given) {
    return narrow(number(coder, Kind::run_length, given));
  }
  template <typename Coder>
  std::uint32_t kept_for(Coder& coder, std::uint32_t given) {
    return narrow(number(coder, Kind::kept_for, given));
  }

 private:
  // Numbers of different kinds have statistics of their own.
  enum class Kind : std::uint8_t {
    hole,
    fill,
    step_count,
    script_bytes,
    group,
    run_count,
    run_gap,
    run_length,
    kept_for
  };
  static constexpr std::size_t kind_count = 9;
  static constexpr std::uint32_t none = 0xffffffff;

  // Larger numbers break a rule wherever they stand.
  static std::uint32_t narrow(std::uint64_t value) {
    return value > 0xffffffff ? 0xffffffff : static_cast<std::uint32_t>(value);
  }

  template <typename Coder>
  std::uint64_t number(Coder& coder, Kind kind, std::uint32_t value) {
    return numbers_[static_cast<std::size_t>(kind)].code(coder, value);
  }

  std::array<NumberModel, kind_count> numbers_;
  std::uint32_t expected_group_ = 0;
  std::uint32_t before_ = none;
  std::uint32_t direction_ = 1;  // Or -1, modulo 2^32.
};

}  // namespace romdelta
