// Chains: which packages, one after the other, bring one ROM package from what a device has to
// where it is wanted for the fewest bytes.
//
// A graph: its nodes are images (a version and a digest), its edges packages. A full package is an
// edge from everywhere. What may be taken depends on the numbers of the release that runs, too, so
// the search goes over pairs of image and order. Every release is taken to be confirmed before the
// next is installed: counters only rise.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/manifest.h"

namespace romdelta::pkgtool {

struct ImageLabel {
  std::string version;
  Digest digest;
  friend auto operator<=>(const ImageLabel& a, const ImageLabel& b) {
    if (const auto order = a.version <=> b.version; order != 0) return order;
    return a.digest.value <=> b.digest.value;
  }
  friend bool operator==(const ImageLabel&, const ImageLabel&) = default;
};

// A package, as far as the search is concerned.
struct ChainEdge {
  std::optional<ImageLabel> source;  // Nothing: a full package.
  ImageLabel target;
  std::uint64_t file_bytes = 0;  // Not 0.
  ReleaseOrder order;
  bool may_downgrade = false;
  std::uint32_t installations = 1;  // 0: a member, whose super package is counted elsewhere.
};

// What the device has.
struct ChainStart {
  std::string version;
  std::optional<Digest> digest;     // Nothing: not known; the version has to do.
  std::uint64_t package_floor = 0;  // The security counters of ROM package and device.
  std::uint64_t device_floor = 0;
  ReleaseOrder active;  // Of the release that runs.
};

// Where a chain may end: at any of some versions, of one digest if that matters.
struct ChainGoal {
  std::vector<std::string> versions;
  std::optional<Digest> digest;
};

// True when a device that has exactly what `start` says holds the source of `edge`.
bool holds_source(const ChainStart& start, const ChainEdge& edge);

// What such a device says to the numbers of `edge`: ok, rollback, counter_jump or downgrade.
Status check_order(const ChainStart& start, const ChainEdge& edge);

// What the device has when `edge` was installed and confirmed.
ChainStart after(const ChainStart& start, const ChainEdge& edge);

// The chain of fewest bytes that ends at the goal; of those the one of fewest installations; of
// those the one whose edges come first in `edges`, compared step by step. Indices into `edges`,
// none when the device is there already. Every step has an order that the device takes then.
// Nothing: there is no chain.
std::optional<std::vector<std::size_t>> find_chain(std::span<const ChainEdge> edges,
                                                   const ChainStart& start, const ChainGoal& goal);

// The images that the device can come to, its own first, then in ascending order of bytes. The
// order of releases counts as above.
std::vector<ImageLabel> reachable(std::span<const ChainEdge> edges, const ChainStart& start);

}  // namespace romdelta::pkgtool
