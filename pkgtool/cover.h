// Cover: which parts of the target come from which parts of the source.
#pragma once

#include <cstdint>
#include <vector>

namespace romdelta::pkgtool {

// `bytes` of the target at `target_offset` resemble the source at `source_offset`.
struct Match {
  std::uint64_t target_offset = 0;
  std::uint64_t source_offset = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const Match&, const Match&) = default;
};

// In ascending target order, not overlapping in the target, none empty. What no match covers is
// sent as literals.
using Cover = std::vector<Match>;

// True when `cover` keeps those rules for images of these sizes.
bool is_valid_cover(const Cover& cover, std::uint64_t source_bytes, std::uint64_t target_bytes);

}  // namespace romdelta::pkgtool
