// Shelf: the folder of packages, and the choice among them. `pkgtool select` chooses: it knows
// packages, keys and chains; this asks it with what a device reported.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "samples/ota/device_record.h"
#include "samples/ota/server_config.h"

namespace romdelta::ota {

struct Choice {
  bool is_reached = false;  // With all that follows, the device has the release.
  std::string file;         // What to send now, relative to the catalog; empty: nothing.
  std::string reason;       // Why there is nothing, for people.
};

class Shelf {
 public:
  // Reads what the super packages hold and which packages are full. Throws cli::Error when the
  // catalog cannot be read or pkgtool cannot be run.
  explicit Shelf(const CampaignConfig& campaign, std::string work_folder);

  // What brings a device nearer to the release. `full_only`: the bytes that it has are not what its
  // versions say.
  Choice choose(const std::map<std::string, RomVersion>& versions, bool full_only) const;

  std::string path_of(const std::string& file) const { return campaign_.catalog + '/' + file; }
  // What the package is called for people: PkgName and PkgVersion.
  std::string name_of(const std::string& file) const;

 private:
  struct SuperPackage {
    std::string file;
    std::uint64_t bytes = 0;
    std::vector<std::string> manifest_digests;  // Of the members, sorted.
  };

  void read_catalog();

  const CampaignConfig& campaign_;
  std::string work_folder_;
  std::vector<SuperPackage> super_packages_;
};

}  // namespace romdelta::ota
