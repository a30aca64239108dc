// Rebaser: the source as it would look had only its parts moved. docs/format.md section 7.11.
//
// References are rewritten as the address map says, a window at a time. Each depends on the bytes
// of the source near it and on the map only, so a window can begin anywhere.
#pragma once

#include <array>

#include "format/bytes.h"
#include "format/limits.h"
#include "installer/address_map.h"

namespace romdelta {

// Finds the step of a table for any key in a few comparisons: where the steps of each 256th of the
// keys begin.
class StepIndex {
 public:
  StepIndex() = default;
  // `key_end`: keys below it are found fast. Requires: at most 65,535 steps.
  StepIndex(std::span<const MapStep> steps, std::uint64_t key_end);

  // The step that `key` lies in, nullptr before the first; and the keys [*begin, *end) for which it
  // is the same.
  const MapStep* find(std::uint64_t key, std::uint64_t* begin, std::uint64_t* end) const {
    const auto part =
        static_cast<std::size_t>(std::min<std::uint64_t>(key >> part_bits_, part_count - 1));
    std::size_t after = begins_[part];
    std::size_t count = (part + 1 == part_count ? steps_.size() : begins_[part + 1]) - after;
    // Without a branch on what is compared: nobody could foretell it.
    while (count != 0) {
      const std::size_t half = count / 2;
      const bool is_behind = steps_[after + half].begin <= key;
      after += is_behind ? half + 1 : 0;
      count = is_behind ? count - half - 1 : half;
    }
    *begin = after == 0 ? 0 : steps_[after - 1].begin;
    *end = after == steps_.size() ? std::uint64_t{1} << 32 : steps_[after].begin;
    return after == 0 ? nullptr : &steps_[after - 1];
  }

 private:
  static constexpr std::size_t part_count = 1024;

  std::span<const MapStep> steps_;
  unsigned part_bits_ = 0;
  std::array<std::uint16_t, part_count>
      begins_{};  // How many steps begin at a part's begin or before.
};

class Rebaser {
 public:
  // What has to be known of the source on each side of the bytes to be rewritten.
  static constexpr std::size_t margin_bytes = limits::rebase_margin_bytes;

  // Changes nothing.
  Rebaser() = default;
  // The map's tables stay the caller's.
  explicit Rebaser(const AddressMap& map) : map_(map), shifts_(map.shifts, map.address_end()) {}

  bool changes_nothing() const { return map_.empty(); }

  // Rewrites `out`, which holds the bytes of the source from offset `position` on. `around` holds
  // the bytes of the source from offset `around_position` on: those of `out`, and margin_bytes more
  // on each side as far as the source goes. `out` and `around` must not overlap.
  void rewrite(ByteSpan around, std::uint64_t around_position, MutableByteSpan out,
               std::uint64_t position) const;

 private:
  AddressMap map_;
  StepIndex shifts_;
};

}  // namespace romdelta
