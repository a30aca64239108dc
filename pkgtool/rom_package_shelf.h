// RomPackageShelf: the packages of a catalog for one ROM package of one device: which the device
// takes, which it does not, and why no chain of them leads to a goal.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pkgtool/catalog.h"
#include "pkgtool/chain.h"
#include "pkgtool/device_report.h"

namespace romdelta::pkgtool {

class RomPackageShelf {
 public:
  // All of these must outlive the object.
  RomPackageShelf(const Catalog& catalog, const DeviceTraits& device,
                  const ReportedPackage& reported);

  // What the device reported.
  const ChainStart& start() const { return start_; }
  // The packages that the device takes when it holds their source, and what they are to find_chain.
  const std::vector<const CatalogPackage*>& packages() const { return usable_; }
  const std::vector<ChainEdge>& edges() const { return edges_; }

  // Why no chain of edges() leads from start() to `version`. Not empty.
  std::vector<std::string> reasons(const std::string& version) const;

 private:
  // A package, whether the device takes it or not.
  struct Candidate {
    const CatalogPackage* package = nullptr;
    ChainEdge edge;
    std::string refusal;  // Empty: the device takes it.
  };

  std::set<ImageLabel> leading_to(const std::string& version) const;
  std::string why_not(const Candidate& candidate) const;
  std::vector<std::string> other_bytes(const std::set<ImageLabel>& useful) const;
  std::string gap(const std::string& version, const std::set<ImageLabel>& from) const;

  ChainStart start_;
  std::vector<Candidate> candidates_;
  std::vector<const CatalogPackage*> usable_;
  std::vector<ChainEdge> edges_;
};

// A package as an edge.
ChainEdge edge_of(const CatalogPackage& package);

}  // namespace romdelta::pkgtool
