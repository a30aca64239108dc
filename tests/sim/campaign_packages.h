// The packages and devices of the power-cut campaign.
#pragma once

#include <span>
#include <string>

#include "pkgtool/packager.h"
#include "pkgtool/simulated_shapes.h"
#include "tests/support/bytes.h"
#include "tests/support/test_key.h"

namespace romdelta::test {

// How the target differs from the source.
enum class Change { revision, moves, holes };

// How one package is made and what device it is for. Sizes are in erase blocks, in place in groups,
// so that the same list serves flashes of all sizes.
struct PackageKind {
  const char* name;
  bool is_delta;
  double source_blocks;
  double target_blocks;
  unsigned chunks;  // About so many: the less RAM, the more.
  Codec codec;
  Layout layout = Layout::ab;
  std::uint64_t scratch_blocks = 0;
  Change change = Change::revision;
};

// Every layout and every kind of package: add a line, and every geometry has it.
std::span<const PackageKind> all_package_kinds();
// Small enough to enumerate every state.
std::span<const PackageKind> tiny_package_kinds();

struct CampaignPackage {
  Bytes source;
  Bytes target;
  Manifest manifest;
  Bytes file;
};

CampaignPackage make_campaign_package(const PackageKind& kind,
                                      const pkgtool::SimulatedGeometry& geometry);

}  // namespace romdelta::test
