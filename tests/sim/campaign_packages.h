// The packages and devices of the power-cut campaign.
#pragma once

#include <span>
#include <string>

#include "pkgtool/packager.h"
#include "pkgtool/proof_device.h"
#include "pkgtool/simulated_shapes.h"
#include "tests/support/bytes.h"
#include "tests/support/test_key.h"

namespace romdelta::test {

// How the target differs from the source.
enum class Change { revision, moves, holes, linked };

// What the device went through before, with a package of layout A/B for a second ROM package: that
// one was installed; power failed amid its groups; or while the inventory was written. Of that copy
// some units are unstable since: the next boot reads what was to be written (committing), or what
// was there before (hidden), and later ones either.
enum class Past { none, installed, cut, committing, hidden };

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
  Past past = Past::none;
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
  // Full ones: A/B for a second ROM package; for the same one, of the same layout.
  std::vector<Bytes> others;
};

CampaignPackage make_campaign_package(const PackageKind& kind,
                                      const pkgtool::SimulatedGeometry& geometry);

// Gives the device a second ROM package with two slots, and others of the package to be offered.
void add_others(const CampaignPackage& package, const pkgtool::SimulatedGeometry& geometry,
                pkgtool::ProofSubject* subject);
// Requires: add_others() before.
void add_past(Past past, pkgtool::ProofSubject* subject);

}  // namespace romdelta::test
