// Selection: which packages and super packages of a catalog bring a device to the versions that are
// wanted, for the fewest bytes, and why not where nothing does.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgtool/catalog.h"
#include "pkgtool/device_report.h"

namespace romdelta::pkgtool {

// The version wanted of each ROM package.
using WantedVersions = std::map<std::string, std::string>;

// One package for one ROM package, on its own or as a member.
struct SelectedStep {
  const CatalogPackage* package = nullptr;
  const CatalogSuper* super = nullptr;  // Null: on its own.
  std::string source_version;           // What the device has then.

  const std::string& path() const { return super == nullptr ? package->path : super->path; }
};

// What becomes of one ROM package.
struct PackageSelection {
  std::string package_id;
  std::string source_version;        // Empty: the device does not report this ROM package.
  std::string target_version;        // Empty: not wanted, but a super package changes it.
  std::vector<SelectedStep> steps;   // None when nothing has to be done.
  std::vector<std::string> reasons;  // Not empty: it cannot be reached, and why.

  bool is_reached() const { return reasons.empty(); }
};

// What can be installed together, before the next round and after the one before: packages, one of
// each ROM package at most, or the members of one super package.
using Round = std::vector<SelectedStep>;

struct Selection {
  std::vector<PackageSelection> packages;  // In ascending order of ids.
  // The last steps of chains that begin together share a round, so that versions come together.
  std::vector<Round> rounds;
  // What has to be downloaded: of a super package its head and the members that are needed.
  std::uint64_t file_bytes = 0;

  bool is_complete() const;
};

// The result refers to `catalog`. Fewest bytes count, then fewest installations, then the order of
// the paths. Where not all that is wanted can be reached, each ROM package is taken for itself.
Selection select_packages(const Catalog& catalog, const DeviceReport& report,
                          const WantedVersions& wanted);

// What a super package of the catalog calls a release: its members' targets. Nothing: none does.
// Throws Error (bad_input) when two super packages mean different versions by it.
std::optional<WantedVersions> wanted_by_release(const Catalog& catalog, const std::string& release);

}  // namespace romdelta::pkgtool
