// AddressMap: where the parts of an image moved, and which of its bytes are references.
// docs/format.md section 7.9 specifies it; docs/delta.md tells why it is as it is.
//
// Four step functions, each a sorted table: from an offset in the source to the address that the
// byte there has when the image runs; from an offset in the source to the rules by which references
// are found there; and from an address to how far what was there moved.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace romdelta {

// Holds from `begin` on, up to the `begin` of the next step.
struct MapStep {
  std::uint32_t begin = 0;
  std::uint32_t value = 0;
  friend bool operator==(const MapStep&, const MapStep&) = default;
};

// Which references a part of the source has: one instruction set, and kinds of data.
namespace rules {
enum : std::uint32_t {
  none = 0,
  code_mask = 0x0f,
  a64 = 1,
  thumb = 2,
  arm = 3,
  x86 = 4,
  riscv = 5,
  xtensa = 6,
  code_end = 7,         // Larger ones are reserved.
  absolute32 = 1 << 4,  // Aligned words that hold an address,
  absolute64 = 1 << 5,  // aligned pairs of words that do,
  relative32 = 1 << 6,  // aligned words that hold how far an address is from their own,
  anchored32 = 1 << 7,  // and how far it is from AddressMap::anchors.
  all_mask = 0xff,
};
}  // namespace rules

struct AddressMap {
  // A source offset without an address, and a number that is no address: nothing that holds it is
  // taken for a reference.
  static constexpr std::uint32_t no_address = 0xffffffff;
  static constexpr std::uint32_t no_shift = 0x80000000;

  // What the lowest address is; all others are counted from it.
  std::uint64_t base = 0;
  std::span<const MapStep> segments;  // Source offset -> address, counting up within a step.
  std::span<const MapStep> regions;   // Source offset -> rules.
  std::span<const MapStep> anchors;   // Source offset -> an address, for rules::anchored32.
  std::span<const MapStep> shifts;    // Address -> what is added to it, modulo 2^32.

  bool empty() const { return shifts.empty(); }
  // No reference holds an address from here on.
  std::uint64_t address_end() const {
    if (shifts.empty()) return 0;
    return shifts.back().value == no_shift ? shifts.back().begin : std::uint64_t{1} << 32;
  }
};

// Looks steps up; fast when the keys of successive calls lie close to each other.
class MapCursor {
 public:
  explicit MapCursor(std::span<const MapStep> steps) : steps_(steps) {}

  // The step that `key` lies in; nullptr before the first.
  const MapStep* find(std::uint64_t key) {
    if (!holds(key)) {
      const auto after = std::partition_point(
          steps_.begin(), steps_.end(), [&](const MapStep& step) { return step.begin <= key; });
      next_ = static_cast<std::size_t>(after - steps_.begin());
    }
    return next_ == 0 ? nullptr : &steps_[next_ - 1];
  }
  // Where the step that was found ends, or `most`.
  std::uint64_t end(std::uint64_t most) const {
    return next_ < steps_.size() ? std::min<std::uint64_t>(steps_[next_].begin, most) : most;
  }

 private:
  bool holds(std::uint64_t key) const {
    return (next_ == 0 || steps_[next_ - 1].begin <= key) &&
           (next_ == steps_.size() || key < steps_[next_].begin);
  }

  std::span<const MapStep> steps_;
  std::size_t next_ = 0;  // The step after the one found last.
};

}  // namespace romdelta
