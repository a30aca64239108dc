#include "tests/support/reference_map.h"

#include <algorithm>
#include <array>

#include "tests/support/reference_coder.h"

namespace romdelta::test {
namespace {

using reference::Bits;
using reference::fail_unless;
using reference::Malformed;
using reference::Numbers;

constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;

// Section 7.9.
class Decoder {
 public:
  Decoder(ByteSpan bytes, std::uint64_t step_count) : bits_(bytes), left_(step_count) {}

  ReferenceMap map() {
    ReferenceMap map;
    const std::uint64_t high = base_.next(&bits_);
    const std::uint64_t low = base_.next(&bits_);
    map.base = high % kTwo32 * kTwo32 + low % kTwo32;
    map.segments = table(&Decoder::address);
    map.regions = table(&Decoder::rules);
    map.anchors = table(&Decoder::address);
    map.shifts = table(&Decoder::shift);
    fail_unless(left_ == 0 && bits_.at_end());
    return map;
  }

 private:
  std::vector<MapStep> table(std::uint32_t (Decoder::*value)(std::uint64_t begin)) {
    const std::uint64_t count = count_.next(&bits_);
    fail_unless(count <= left_);
    left_ -= count;
    std::uint64_t floor = 0;
    before_ = {};
    recent_ = {};
    std::vector<MapStep> steps;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t begin = place(floor);
      fail_unless(begin < kTwo32);
      before_ = {static_cast<std::uint32_t>(begin), (this->*value)(begin)};
      floor = begin + 1;
      steps.push_back(before_);
    }
    return steps;
  }

  std::uint64_t place(std::uint64_t floor) {
    const std::uint64_t zeros = place_zeros_.next(&bits_);
    fail_unless(zeros <= 12);
    const std::uint64_t past = place_.next(&bits_);
    fail_unless(past < kTwo32);
    const std::uint64_t unit = std::uint64_t{1} << zeros;
    return ((floor + unit - 1) / unit + past) * unit;
  }

  std::uint32_t rules(std::uint64_t) {
    const std::uint32_t value = before_.value ^ static_cast<std::uint32_t>(rules_.next(&bits_));
    fail_unless(value < 0x100 && value % 16 <= 6);
    return value;
  }

  std::uint32_t address(std::uint64_t begin) {
    return static_cast<std::uint32_t>(before_.value + (begin - before_.begin) +
                                      address_.next(&bits_));
  }

  std::uint32_t shift(std::uint64_t) {
    const std::uint64_t rank = rank_.next(&bits_);
    const std::uint32_t value =
        rank < 6 ? recent_[static_cast<std::size_t>(rank)] : recent_[0] + move();
    for (std::uint64_t i = std::min<std::uint64_t>(rank, 5); i != 0; --i) {
      recent_[static_cast<std::size_t>(i)] = recent_[static_cast<std::size_t>(i - 1)];
    }
    return recent_[0] = value;
  }

  std::uint32_t move() {
    const std::uint64_t zeros = move_zeros_.next(&bits_) % 32;
    const std::uint64_t rest = move_.next(&bits_);
    const auto m = static_cast<std::uint32_t>((rest | 1) << zeros);
    return rest % 2 == 1 ? 0 - m : m;
  }

  Bits bits_;
  std::uint64_t left_;
  Numbers base_, count_, place_zeros_, place_, rules_, address_, rank_, move_zeros_, move_;
  MapStep before_;
  std::array<std::uint32_t, 6> recent_{};
};

}  // namespace

bool reference_decode_map(ByteSpan bytes, std::uint64_t step_count, ReferenceMap* map) {
  try {
    *map = Decoder(bytes, step_count).map();
    return true;
  } catch (const Malformed&) {
    return false;
  }
}

}  // namespace romdelta::test
