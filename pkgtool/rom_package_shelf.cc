#include "pkgtool/rom_package_shelf.h"

#include "installer/cli/command_line.h"
#include "pkgtool/device_fit.h"

namespace romdelta::pkgtool {
namespace {

// So many packages are named as reasons; the rest is counted.
constexpr std::size_t kReasonCountMax = 5;

ImageLabel label_of(const ImageIdentity& image) {
  return {std::string(image.version.view()), image.digest};
}

std::string short_digest(const Digest& digest) { return cli::to_hex(digest.value).substr(0, 12); }

// Quoted, in ascending order: "'1.0', '2.0'".
std::string list_of(const std::set<std::string>& versions) {
  std::string text;
  for (const std::string& version : versions) {
    text += (text.empty() ? "'" : ", '") + version + '\'';
  }
  return text;
}

std::string reason(const CatalogPackage& package, const ChainEdge& edge, const std::string& why) {
  const std::string from = edge.source ? edge.source->version + " -> " : "full, ";
  return printable(package.path) + " (" + from + edge.target.version + "): " + why;
}

std::string refusal_of(const CatalogPackage& package, const DeviceTraits& device,
                       const ReportedPackage& reported) {
  if (package.trust != Status::ok) return cli::describe(package.trust);
  const Manifest& manifest = package.head.manifest;
  if (!manifest.member_of.empty()) return cli::describe(Status::not_a_member);
  const Status status = fit(manifest, device, reported);
  return status == Status::ok ? "" : describe_misfit(status, manifest, device, reported);
}

void shorten(std::vector<std::string>* reasons) {
  if (reasons->size() <= kReasonCountMax) return;
  const std::size_t more = reasons->size() - kReasonCountMax;
  reasons->resize(kReasonCountMax);
  reasons->push_back("and " + std::to_string(more) + " more");
}

}  // namespace

ChainEdge edge_of(const CatalogPackage& package) {
  const Manifest& manifest = package.head.manifest;
  ChainEdge edge;
  if (!manifest.is_full()) edge.source = label_of(manifest.sources[0]);
  edge.target = label_of(manifest.target);
  edge.file_bytes = package.file_bytes;
  edge.order = manifest.order;
  edge.may_downgrade = manifest.may_downgrade;
  return edge;
}

RomPackageShelf::RomPackageShelf(const Catalog& catalog, const DeviceTraits& device,
                                 const ReportedPackage& reported)
    : start_{reported.version, reported.image_digest, reported.security_counter,
             device.security_counter, reported.release} {
  for (const CatalogPackage& package : catalog.packages) {
    if (package.head.manifest.package_id.view() != reported.package_id) continue;
    candidates_.push_back({&package, edge_of(package), refusal_of(package, device, reported)});
    if (!candidates_.back().refusal.empty()) continue;
    usable_.push_back(&package);
    edges_.push_back(candidates_.back().edge);
  }
}

// The packages that would have to be taken and may not be, or else where the ways that exist end
// and begin.
std::vector<std::string> RomPackageShelf::reasons(const std::string& version) const {
  const std::vector<ImageLabel> images = reachable(edges_, start_);
  const std::set<ImageLabel> from(images.begin(), images.end());
  const std::set<ImageLabel> useful = leading_to(version);
  std::vector<std::string> result;
  for (const Candidate& candidate : candidates_) {
    if (!useful.contains(candidate.edge.target)) continue;
    const bool starts_here =
        holds_source(start_, candidate.edge) || from.contains(*candidate.edge.source);
    const bool is_taken = candidate.refusal.empty() && from.contains(candidate.edge.target);
    if (starts_here && !is_taken) {
      result.push_back(reason(*candidate.package, candidate.edge, why_not(candidate)));
    }
  }
  if (result.empty()) result = other_bytes(useful);
  if (result.empty()) result = {gap(version, from)};
  shorten(&result);
  return result;
}

// The images from which packages lead to the version, whether the device takes them or not.
std::set<ImageLabel> RomPackageShelf::leading_to(const std::string& version) const {
  std::set<ImageLabel> images;
  for (const Candidate& candidate : candidates_) {
    if (candidate.edge.target.version == version) images.insert(candidate.edge.target);
  }
  for (bool grows = true; grows;) {
    grows = false;
    for (const Candidate& candidate : candidates_) {
      if (!candidate.edge.source || !images.contains(candidate.edge.target)) continue;
      grows = images.insert(*candidate.edge.source).second || grows;
    }
  }
  return images;
}

// Requires: the device can come to hold the candidate's source, and not its target. So counters
// stand in the way where nothing else does.
std::string RomPackageShelf::why_not(const Candidate& candidate) const {
  if (!candidate.refusal.empty()) return candidate.refusal;
  const Status status = check_order(start_, candidate.edge);
  return status == Status::ok ? "its counters do not follow those of a step before"
                              : cli::describe(status);
}

// The right version of the source, but other bytes than the device has.
std::vector<std::string> RomPackageShelf::other_bytes(const std::set<ImageLabel>& useful) const {
  std::vector<std::string> result;
  if (!start_.digest) return result;
  for (const Candidate& candidate : candidates_) {
    const auto& source = candidate.edge.source;
    if (!source || source->version != start_.version || source->digest == *start_.digest ||
        !useful.contains(candidate.edge.target)) {
      continue;
    }
    result.push_back(reason(*candidate.package, candidate.edge,
                            "it is for an image with digest " + short_digest(source->digest) +
                                "..., the device has " + short_digest(*start_.digest) + "..."));
  }
  return result;
}

std::string RomPackageShelf::gap(const std::string& version,
                                 const std::set<ImageLabel>& from) const {
  if (candidates_.empty()) return "the catalog has no package for this ROM package";
  std::set<std::string> starts;
  std::set<std::string> ends = {start_.version};
  for (const Candidate& candidate : candidates_) {
    const ChainEdge& edge = candidate.edge;
    if (edge.source && edge.target.version == version) starts.insert(edge.source->version);
  }
  for (const ImageLabel& image : from) ends.insert(image.version);
  if (starts.empty()) return "the catalog has no package to version '" + version + '\'';
  return "no package leads on from version " + list_of(ends) + "; those to '" + version +
         "' are from " + list_of(starts);
}

}  // namespace romdelta::pkgtool
