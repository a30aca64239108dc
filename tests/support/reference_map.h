// Address maps as docs/format.md sections 7.9 to 7.11 say, written down as it stands there: as slow
// as it likes, and sharing no line with the engine. What the engine is held against.
#pragma once

#include <vector>

#include "installer/address_map.h"
#include "tests/support/bytes.h"

namespace romdelta::test {

// The content of an address map; AddressMap only refers to it.
struct ReferenceMap {
  std::uint64_t base = 0;
  std::vector<MapStep> segments;
  std::vector<MapStep> regions;
  std::vector<MapStep> anchors;
  std::vector<MapStep> shifts;

  AddressMap map() const { return {base, segments, regions, anchors, shifts}; }
  std::size_t step_count() const {
    return segments.size() + regions.size() + anchors.size() + shifts.size();
  }
  friend bool operator==(const ReferenceMap&, const ReferenceMap&) = default;
};

// The tables of an address map of `step_count` steps, or false when a rule is broken.
bool reference_decode_map(ByteSpan bytes, std::uint64_t step_count, ReferenceMap* map);

// The whole source, rewritten.
Bytes reference_rebase(ByteSpan source, const ReferenceMap& map);

}  // namespace romdelta::test
