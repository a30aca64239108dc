// Random catalogs: what select_packages() chooses against a search through every chain there is.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "pkgtool/selection.h"
#include "tests/support/random.h"

namespace romdelta::pkgtool {
namespace {

using test::pick;
using test::Random;

// Few values each, so that labels, digests and costs collide.
constexpr std::uint64_t kReleases = 4;
constexpr std::uint64_t kRomPackages = 3;

std::string package_id(std::uint64_t number) { return "rom" + std::to_string(number); }
std::string version(std::uint64_t number) { return std::to_string(number) + ".0"; }
// Sometimes one version has two builds.
Digest digest(std::uint64_t release, std::uint64_t build) {
  Digest result;
  result.value[0] = static_cast<std::uint8_t>(release);
  result.value[1] = static_cast<std::uint8_t>(build);
  return result;
}

std::uint64_t rarely(Random* random) { return pick(random, 0, 7) == 0 ? 1 : 0; }

ImageIdentity random_image(Random* random) {
  const std::uint64_t release = pick(random, 1, kReleases);
  ImageIdentity image;
  EXPECT_TRUE(image.version.assign(version(release)));
  image.bytes = 1000;
  image.digest = digest(release, rarely(random));
  return image;
}

CatalogPackage random_package(Random* random, std::size_t number) {
  CatalogPackage package;
  package.path = "catalog/" + std::to_string(1000 + number) + ".pku";
  package.file_bytes = pick(random, 1, 6) * 100;
  package.trust = rarely(random) != 0 ? Status::unknown_key : Status::ok;
  Manifest& manifest = package.head.manifest;
  EXPECT_TRUE(manifest.package_id.assign(package_id(pick(random, 1, kRomPackages))));
  manifest.target = random_image(random);
  if (pick(random, 0, 4) != 0) {
    manifest.source_count = 1;
    manifest.sources[0] = random_image(random);
  } else {
    package.file_bytes += 600;
  }
  manifest.group_bytes = manifest.erase_block_bytes = 4096;
  ReleaseOrder& order = manifest.order;
  order.security_counter = pick(random, 0, 5) == 0 ? pick(random, 0, 3) : 1;
  order.number = rarely(random) != 0 ? pick(random, 0, 3) : 2;
  manifest.may_downgrade = rarely(random) != 0;
  if (rarely(random) != 0) order.security_counter += limits::counter_step_max;
  manifest.budgets.ram_bytes = rarely(random) != 0 ? 3000 : 2000;
  if (rarely(random) != 0) {
    manifest.device.has_hardware_range = true;
    manifest.device.hardware_min = static_cast<std::uint32_t>(pick(random, 0, 2));
    manifest.device.hardware_max = 2;
  }
  return package;
}

DeviceReport random_report(Random* random) {
  DeviceReport report;
  report.device.hardware = 1;
  report.device.ram_bytes = 2500;
  for (std::uint64_t i = 1; i <= kRomPackages; ++i) {
    const std::uint64_t release = pick(random, 1, kReleases);
    ReportedPackage package;
    package.package_id = package_id(i);
    package.version = version(release);
    if (pick(random, 0, 3) != 0) package.image_digest = digest(release, rarely(random));
    package.security_counter = pick(random, 0, 1);
    package.release.number = pick(random, 0, 2);
    report.packages.push_back(package);
  }
  return report;
}

// The whole truth about one ROM package, slowly.
class BruteForce {
 public:
  using Chain = std::vector<std::size_t>;  // Indices into the catalog.

  BruteForce(const Catalog& catalog, const DeviceReport& report, const ReportedPackage& start,
             std::string wanted)
      : catalog_(catalog), report_(report), start_(start), wanted_(std::move(wanted)) {}

  std::optional<Chain> run() {
    try_from(start_.version, start_.image_digest, start_.security_counter, start_.release);
    if (!best_) return std::nullopt;
    return std::get<2>(*best_);
  }

 private:
  void try_from(const std::string& version, const std::optional<Digest>& digest,
                std::uint64_t counter, const ReleaseOrder& active) {
    if (version == wanted_) {
      const auto cost = std::tuple(bytes_, chain_.size(), chain_);
      if (!best_ || cost < *best_) best_ = cost;
      return;
    }
    if (chain_.size() == 2 * kReleases) return;  // So many images there are.
    for (std::size_t i = 0; i < catalog_.packages.size(); ++i) {
      const Manifest& manifest = catalog_.packages[i].head.manifest;
      const ReleaseOrder& order = manifest.order;
      if (!may_be_taken(i) || order.security_counter < counter) continue;
      if (order.security_counter > counter + limits::counter_step_max) continue;
      const bool is_back =
          order.number < active.number || order.security_counter < active.security_counter;
      if (is_back && !manifest.may_downgrade) continue;
      if (!manifest.is_full()) {
        if (manifest.sources[0].version.view() != version) continue;
        if (digest && manifest.sources[0].digest != *digest) continue;
      }
      // The same place again, that is: the same image with the same numbers.
      const bool is_seen = std::ranges::any_of(chain_, [&](std::size_t step) {
        const Manifest& before = catalog_.packages[step].head.manifest;
        return before.target.version == manifest.target.version &&
               before.target.digest == manifest.target.digest &&
               before.order.security_counter == order.security_counter &&
               before.order.number == order.number;
      });
      if (is_seen) continue;
      chain_.push_back(i);
      bytes_ += catalog_.packages[i].file_bytes;
      try_from(std::string(manifest.target.version.view()), manifest.target.digest,
               order.security_counter, order);
      bytes_ -= catalog_.packages[i].file_bytes;
      chain_.pop_back();
    }
  }

  bool may_be_taken(std::size_t index) const {
    const CatalogPackage& package = catalog_.packages[index];
    const Manifest& manifest = package.head.manifest;
    const DeviceFilter& filter = manifest.device;
    return package.trust == Status::ok && manifest.package_id.view() == start_.package_id &&
           manifest.budgets.ram_bytes <= *report_.device.ram_bytes &&
           (!filter.has_hardware_range || (filter.hardware_min <= *report_.device.hardware &&
                                           *report_.device.hardware <= filter.hardware_max));
  }

  const Catalog& catalog_;
  const DeviceReport& report_;
  const ReportedPackage& start_;
  std::string wanted_;
  Chain chain_;
  std::uint64_t bytes_ = 0;
  std::optional<std::tuple<std::uint64_t, std::size_t, Chain>> best_;
};

// The files of a chain, for a message that can be read.
std::string names(const Catalog& catalog, const BruteForce::Chain& chain) {
  std::string text;
  for (const std::size_t index : chain) text += catalog.packages[index].path + ' ';
  return text;
}
std::string names(const PackageSelection& selection) {
  std::string text;
  for (const SelectedStep& step : selection.steps) text += step.package->path + ' ';
  return text;
}

TEST(RandomCatalog, GivesTheChainThatASearchThroughAllFinds) {
  Random random = test::seeded_random();
  std::size_t chains[4] = {};
  std::size_t none = 0;
  for (int round = 0; round < 4000; ++round) {
    Catalog catalog;
    const std::uint64_t count = pick(&random, 1, 24);
    for (std::size_t i = 0; i < count; ++i) catalog.packages.push_back(random_package(&random, i));
    const DeviceReport report = random_report(&random);
    WantedVersions wanted;
    for (std::uint64_t i = 1; i <= kRomPackages; ++i) {
      wanted[package_id(i)] = version(pick(&random, 1, kReleases));
    }
    const Selection selection = select_packages(catalog, report, wanted);
    ASSERT_EQ(selection.packages.size(), wanted.size());
    for (const PackageSelection& selected : selection.packages) {
      const ReportedPackage* start = report.find(selected.package_id);
      const auto best = BruteForce(catalog, report, *start, selected.target_version).run();
      ASSERT_EQ(selected.is_reached(), best.has_value()) << "round " << round;
      if (!best) {
        ++none;
        continue;
      }
      ASSERT_EQ(names(selected), names(catalog, *best)) << "round " << round;
      ++chains[std::min<std::size_t>(best->size(), 3)];
    }
  }
  // The catalogs are worth something: chains of each length occur.
  EXPECT_GT(none, 100u);
  for (const std::size_t found : chains) EXPECT_GT(found, 10u);
  std::printf("chains of 0, 1, 2, 3 or more steps: %zu, %zu, %zu, %zu; none: %zu\n", chains[0],
              chains[1], chains[2], chains[3], none);
}

// Super packages of one or two ROM packages, each from one or two sources.
CatalogSuper random_super(Random* random, std::size_t number) {
  CatalogSuper super;
  super.path = "catalog/" + std::to_string(9000 + number) + ".pks";
  super.head_bytes = pick(random, 1, 3) * 50;
  const std::uint64_t first = pick(random, 1, kRomPackages);
  for (std::uint64_t rom = first; rom <= std::min(first + 1, kRomPackages); ++rom) {
    const ImageIdentity target = random_image(random);
    for (std::uint64_t i = pick(random, 1, 2); i > 0; --i) {
      CatalogPackage member = random_package(random, 0);
      member.path.clear();
      member.trust = Status::ok;
      Manifest& manifest = member.head.manifest;
      EXPECT_TRUE(manifest.package_id.assign(package_id(rom)));
      manifest.target = target;
      manifest.order = {1, 0, 2};
      super.members.push_back(member);
    }
  }
  return super;
}

// Every place that all ROM packages together can come to, cheapest first.
class JointSearch {
 public:
  using DigestBytes = decltype(Digest::value);  // Unlike a Digest it has an order.
  using Place = std::vector<std::pair<std::string, std::optional<DigestBytes>>>;
  using Cost = std::pair<std::uint64_t, std::size_t>;  // Bytes, installations.

  JointSearch(const Catalog& catalog, const DeviceReport& report) : catalog_(catalog) {
    for (const ReportedPackage& package : report.packages) {
      start_.emplace_back(package.version, std::nullopt);
      if (package.image_digest) start_.back().second = package.image_digest->value;
    }
  }

  std::optional<Cost> run(const WantedVersions& wanted) {
    std::set<std::pair<Cost, Place>> queue = {{Cost{}, start_}};
    std::set<Place> visited;
    while (!queue.empty()) {
      const auto [cost, place] = *queue.begin();
      queue.erase(queue.begin());
      if (!visited.insert(place).second) continue;
      bool is_there = true;
      for (std::size_t rom = 0; rom < kRomPackages; ++rom) {
        is_there &= place[rom].first == wanted.at(package_id(rom + 1));
      }
      if (is_there) return cost;
      for (const CatalogPackage& package : catalog_.packages) {
        const std::size_t rom = rom_of(package);
        if (!leads_on(package, place[rom])) continue;
        Place next = place;
        next[rom] = target_of(package);
        queue.insert({{cost.first + package.file_bytes, cost.second + 1}, next});
      }
      for (const CatalogSuper& super : catalog_.supers) {
        if (const auto next = install(super, place)) {
          queue.insert({{cost.first + next->first, cost.second + 1}, next->second});
        }
      }
    }
    return std::nullopt;
  }

 private:
  using Image = Place::value_type;
  static std::size_t rom_of(const CatalogPackage& package) {
    return static_cast<std::size_t>(package.head.manifest.package_id.view().back() - '1');
  }
  static Image target_of(const CatalogPackage& package) {
    const ImageIdentity& target = package.head.manifest.target;
    return {std::string(target.version.view()), target.digest.value};
  }
  static bool leads_on(const CatalogPackage& package, const Image& image) {
    const Manifest& manifest = package.head.manifest;
    if (manifest.is_full()) return true;
    if (manifest.sources[0].version.view() != image.first) return false;
    return !image.second || manifest.sources[0].digest.value == *image.second;
  }
  // Its bytes and where it leads; nothing when it does not fit or does nothing.
  static std::optional<std::pair<std::uint64_t, Place>> install(const CatalogSuper& super,
                                                                Place place) {
    std::map<std::size_t, std::uint64_t> cheapest;  // Member of each ROM package that changes.
    std::set<std::size_t> stuck;
    for (const CatalogPackage& member : super.members) {
      const std::size_t rom = rom_of(member);
      if (place[rom] == target_of(member)) continue;
      stuck.insert(rom);
      if (!leads_on(member, place[rom])) continue;
      const auto [at, is_first] = cheapest.try_emplace(rom, member.file_bytes);
      if (!is_first) at->second = std::min(at->second, member.file_bytes);
    }
    if (stuck.empty() || stuck.size() != cheapest.size()) return std::nullopt;
    std::uint64_t bytes = super.head_bytes;
    for (const CatalogPackage& member : super.members) place[rom_of(member)] = target_of(member);
    for (const auto& [rom, member_bytes] : cheapest) bytes += member_bytes;
    return std::pair(bytes, place);
  }

  const Catalog& catalog_;
  Place start_;
};

TEST(RandomCatalog, WithSuperPackagesCostsWhatASearchThroughAllPlacesFinds) {
  Random random = test::seeded_random();
  std::size_t with_super = 0;
  std::size_t without = 0;
  std::size_t none = 0;
  for (int round = 0; round < 600; ++round) {
    Catalog catalog;
    for (std::size_t i = 0; i < 9; ++i) {
      CatalogPackage package = random_package(&random, i);
      package.trust = Status::ok;
      package.head.manifest.order = {1, 0, 2};
      catalog.packages.push_back(package);
    }
    for (std::size_t i = 0; i < 4; ++i) catalog.supers.push_back(random_super(&random, i));
    DeviceReport report = random_report(&random);
    report.device = {};
    WantedVersions wanted;
    for (std::uint64_t i = 1; i <= kRomPackages; ++i) {
      wanted[package_id(i)] = version(pick(&random, 1, kReleases));
    }
    const Selection selection = select_packages(catalog, report, wanted);
    const auto best = JointSearch(catalog, report).run(wanted);
    ASSERT_EQ(selection.is_complete(), best.has_value()) << "round " << round;
    if (!best) {
      ++none;
      continue;
    }
    std::size_t installations = 0;
    bool has_super = false;
    for (const Round& steps : selection.rounds) {
      has_super |= steps.front().super != nullptr;
      installations += steps.front().super != nullptr ? 1 : steps.size();
    }
    ASSERT_EQ(JointSearch::Cost(selection.file_bytes, installations), *best) << "round " << round;
    ++(has_super ? with_super : without);
  }
  EXPECT_GT(with_super, 20u);
  EXPECT_GT(without, 20u);
  EXPECT_GT(none, 20u);
  std::printf("with super packages: %zu, without: %zu, none: %zu\n", with_super, without, none);
}

}  // namespace
}  // namespace romdelta::pkgtool
