// Shelf: the folder of packages, and the choice among them. `pkgtool select` chooses: it knows
// packages, keys and chains; this asks it with what a device reported.
#pragma once

#include <map>
#include <string>

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
  // Finds out which packages are full. Throws cli::Error when the catalog cannot be read or pkgtool
  // cannot be run.
  explicit Shelf(const CampaignConfig& campaign, std::string work_folder);

  // What brings a device nearer to the release. `full_only`: the bytes that it has are not what its
  // versions say.
  Choice choose(const std::map<std::string, RomVersion>& versions, bool full_only) const;

  std::string path_of(const std::string& file) const { return campaign_.catalog + '/' + file; }
  // What the package is called for people: PkgName and PkgVersion.
  std::string name_of(const std::string& file) const;

 private:
  void link_full_packages() const;

  const CampaignConfig& campaign_;
  std::string work_folder_;
};

}  // namespace romdelta::ota
