#include "pkgtool/selection.h"

#include <algorithm>
#include <memory>
#include <queue>
#include <set>

#include "pkgtool/device_fit.h"
#include "pkgtool/rom_package_shelf.h"

namespace romdelta::pkgtool {
namespace {

// After so many places no further super packages are tried: a catalog in which more would have to
// be would be a riddle, not a shelf.
constexpr std::size_t kPlacesMax = 5000;

// The members of one super package for one ROM package, as far as the device takes them.
struct Group {
  std::string package_id;
  ImageLabel target;
  std::vector<const CatalogPackage*> members;
  std::vector<ChainEdge> edges;
};

// A super package, seen from one device.
struct SuperView {
  const CatalogSuper* super = nullptr;
  std::vector<Group> groups;
  std::string refusal;  // Empty: the device takes it when each of its ROM packages is ready.
};

// Chains of several ROM packages, and behind them a super package, unless it is the last.
struct Leg {
  std::map<std::string, std::vector<SelectedStep>> chains;
  Round members;
};

// A way that all ROM packages take together.
struct Journey {
  std::uint64_t bytes = 0;
  std::vector<std::size_t> order;  // Of what is installed, by its place in the catalog.
  std::map<std::string, ChainStart> places;
  std::vector<Leg> legs;
  bool is_finished = false;
};

struct IsDearer {
  bool operator()(const Journey& a, const Journey& b) const {
    if (a.bytes != b.bytes) return a.bytes > b.bytes;
    if (a.order.size() != b.order.size()) return a.order.size() > b.order.size();
    if (a.order != b.order) return a.order > b.order;
    return a.is_finished < b.is_finished;
  }
};

// Steps in ascending order of the device's counter, which each of them may raise for all ROM
// packages; of those with the same one the last share a round.
std::vector<Round> rounds_of(const Leg& leg) {
  const auto counter_of = [](const SelectedStep& step) {
    return step.package->head.manifest.order.device_counter;
  };
  std::map<std::uint64_t, std::vector<Round>> parts;  // By counter: the chains' parts.
  for (const auto& [id, chain] : leg.chains) {
    for (auto begin = chain.begin(); begin != chain.end();) {
      const auto end = std::find_if(begin, chain.end(), [&](const SelectedStep& step) {
        return counter_of(step) != counter_of(*begin);
      });
      parts[counter_of(*begin)].emplace_back(begin, end);
      begin = end;
    }
  }
  std::vector<Round> rounds;
  for (const auto& [counter, chains] : parts) {
    std::size_t count = 0;
    for (const Round& chain : chains) count = std::max(count, chain.size());
    const std::size_t base = rounds.size();
    rounds.resize(base + count);
    for (const Round& chain : chains) {
      const std::size_t first = base + count - chain.size();
      for (std::size_t i = 0; i < chain.size(); ++i) rounds[first + i].push_back(chain[i]);
    }
  }
  if (!leg.members.empty()) rounds.push_back(leg.members);
  return rounds;
}

[[noreturn]] void throw_conflict(const CatalogSuper& super, const std::string& id,
                                 const std::string& release) {
  throw Error(Exit::bad_input,
              "super packages mean different versions of " + id + " by release " + release,
              printable(super.path), "give --want ID=VERSION");
}

class Selector {
 public:
  Selector(const Catalog& catalog, const DeviceReport& report, const WantedVersions& wanted)
      : catalog_(catalog), report_(report), wanted_(wanted) {
    for (const auto& [id, version] : wanted) add_shelf(id);
    for (const CatalogSuper& super : catalog.supers) {
      for (const CatalogPackage& member : super.members) add_shelf(id_of(member));
      for (const SuperRequirement& requirement : super.requirements) {
        add_shelf(std::string(requirement.package_id.view()));
      }
      supers_.push_back(view_of(super));
    }
  }

  Selection run() {
    const std::optional<Journey> journey = search();
    return journey ? selection_of(*journey) : each_for_itself();
  }

 private:
  static std::string id_of(const CatalogPackage& package) {
    return std::string(package.head.manifest.package_id.view());
  }

  void add_shelf(const std::string& id) {
    const ReportedPackage* reported = report_.find(id);
    if (reported != nullptr && !shelves_.contains(id)) {
      shelves_.emplace(id, RomPackageShelf(catalog_, report_.device, *reported));
    }
  }

  SuperView view_of(const CatalogSuper& super) const {
    SuperView view;
    view.super = &super;
    view.refusal = describe_misfit(super, report_.device);
    for (const CatalogPackage& member : super.members) {
      const std::string id = id_of(member);
      if (view.groups.empty() || view.groups.back().package_id != id) {
        view.groups.push_back({id, edge_of(member).target, {}, {}});
      }
      const ReportedPackage* reported = report_.find(id);
      if (reported == nullptr) {
        if (view.refusal.empty()) view.refusal = "the device does not report " + id;
        continue;
      }
      const Status status = fit(member.head.manifest, report_.device, *reported);
      if (status == Status::ok) {
        view.groups.back().members.push_back(&member);
        view.groups.back().edges.push_back(edge_of(member));
        view.groups.back().edges.back().installations = 0;
      } else if (view.refusal.empty()) {
        view.refusal = "its member for " + id + ": " +
                       describe_misfit(status, member.head.manifest, report_.device, *reported);
      }
    }
    return view;
  }

  // Dijkstra's search over the places after a super package. Between two of them ROM packages have
  // nothing to do with each other, and move only where the next super package needs it, or the end.
  std::optional<Journey> search() const {
    std::priority_queue<Journey, std::vector<Journey>, IsDearer> queue;
    std::set<std::string> visited;
    Journey start;
    for (const auto& [id, shelf] : shelves_) start.places[id] = shelf.start();
    queue.push(std::move(start));
    while (!queue.empty()) {
      const Journey journey = queue.top();
      queue.pop();
      if (journey.is_finished) return journey;
      if (visited.size() == kPlacesMax || !visited.insert(key_of(journey)).second) continue;
      if (auto finished = finish(journey)) queue.push(std::move(*finished));
      for (std::size_t i = 0; i < supers_.size(); ++i) {
        if (auto longer = append(journey, i)) queue.push(std::move(*longer));
      }
    }
    return std::nullopt;
  }

  static std::string key_of(const Journey& journey) {
    std::string key;
    for (const auto& [id, place] : journey.places) {
      key += id + ' ' + place.version;
      for (const std::uint64_t number :
           {place.package_floor, place.device_floor, place.active.security_counter,
            place.active.device_counter, place.active.number}) {
        key += ' ' + std::to_string(number);
      }
      key += ' ';
      if (place.digest) key.append(place.digest->value.begin(), place.digest->value.end());
      key += '\n';
    }
    return key;
  }

  std::optional<Journey> finish(Journey journey) const {
    journey.is_finished = true;
    journey.legs.emplace_back();
    for (const auto& [id, version] : wanted_) {
      if (!move(&journey, id, {{version}, std::nullopt}, nullptr)) return std::nullopt;
    }
    return journey;
  }

  // Nothing: the super package cannot be installed from there, or would do nothing.
  std::optional<Journey> append(Journey journey, std::size_t index) const {
    const SuperView& view = supers_[index];
    if (!view.refusal.empty()) return std::nullopt;
    journey.legs.emplace_back();
    for (const SuperRequirement& requirement : view.super->requirements) {
      ChainGoal goal;
      for (std::size_t i = 0; i < requirement.version_count; ++i) {
        goal.versions.emplace_back(requirement.versions[i].view());
      }
      const std::string id(requirement.package_id.view());
      if (!move(&journey, id, goal, nullptr)) return std::nullopt;
    }
    for (const Group& group : view.groups) {
      const ChainGoal goal{{group.target.version}, group.target.digest};
      if (!move(&journey, group.package_id, goal, &group)) return std::nullopt;
    }
    Round& members = journey.legs.back().members;
    if (members.empty()) return std::nullopt;
    std::uint64_t device_floor = 0;
    for (const auto& [id, place] : journey.places) {
      device_floor = std::max(device_floor, place.device_floor);
    }
    for (auto& [id, place] : journey.places) place.device_floor = device_floor;
    for (SelectedStep& member : members) member.super = view.super;
    journey.bytes += view.super->head_bytes;
    journey.order.push_back(catalog_.packages.size() + index);
    return journey;
  }

  // Takes the cheapest chain of one ROM package to a goal; its last step may be a member of
  // `group`. False: there is none.
  bool move(Journey* journey, const std::string& id, const ChainGoal& goal,
            const Group* group) const {
    const auto found = shelves_.find(id);
    if (found == shelves_.end()) return false;
    const RomPackageShelf& shelf = found->second;
    std::vector<ChainEdge> edges = shelf.edges();
    std::vector<const CatalogPackage*> packages = shelf.packages();
    if (group != nullptr) {
      edges.insert(edges.end(), group->edges.begin(), group->edges.end());
      packages.insert(packages.end(), group->members.begin(), group->members.end());
    }
    ChainStart& place = journey->places[id];
    const auto chain = find_chain(edges, place, goal);
    if (!chain) return false;
    for (const std::size_t step : *chain) {
      const ChainEdge& edge = edges[step];
      const SelectedStep selected{packages[step], nullptr, place.version};
      journey->bytes += edge.file_bytes;
      // A member makes what the group makes, so it ends the chain.
      if (step >= shelf.edges().size()) {
        journey->legs.back().members.push_back(selected);
      } else {
        journey->legs.back().chains[id].push_back(selected);
        journey->order.push_back(
            static_cast<std::size_t>(packages[step] - catalog_.packages.data()));
      }
      place = after(place, edge);
    }
    return true;
  }

  PackageSelection& entry(Selection* selection, const std::string& id) const {
    auto& packages = selection->packages;
    const auto place = std::ranges::lower_bound(packages, id, {}, &PackageSelection::package_id);
    if (place != packages.end() && place->package_id == id) return *place;
    PackageSelection added;
    added.package_id = id;
    if (const ReportedPackage* reported = report_.find(id))
      added.source_version = reported->version;
    if (const auto wanted = wanted_.find(id); wanted != wanted_.end()) {
      added.target_version = wanted->second;
    }
    return *packages.insert(place, std::move(added));
  }

  void add_leg(const Leg& leg, Selection* selection) const {
    for (const auto& [id, chain] : leg.chains) {
      auto& steps = entry(selection, id).steps;
      steps.insert(steps.end(), chain.begin(), chain.end());
    }
    for (const SelectedStep& member : leg.members) {
      entry(selection, id_of(*member.package)).steps.push_back(member);
    }
    for (Round& round : rounds_of(leg)) selection->rounds.push_back(std::move(round));
  }

  Selection selection_of(const Journey& journey) const {
    Selection selection;
    for (const auto& [id, version] : wanted_) (void)entry(&selection, id);
    for (const Leg& leg : journey.legs) add_leg(leg, &selection);
    selection.file_bytes = journey.bytes;
    return selection;
  }

  Selection each_for_itself() const {
    Selection selection;
    Journey journey;
    journey.legs.emplace_back();
    for (const auto& [id, version] : wanted_) {
      PackageSelection& package = entry(&selection, id);
      const auto shelf = shelves_.find(id);
      if (shelf == shelves_.end()) {
        package.reasons = {"the device does not report this ROM package"};
        continue;
      }
      journey.places[id] = shelf->second.start();
      if (move(&journey, id, {{version}, std::nullopt}, nullptr)) continue;
      package.reasons = shelf->second.reasons(version);
      add_super_reasons(&package);
    }
    add_leg(journey.legs.back(), &selection);
    selection.file_bytes = journey.bytes;
    return selection;
  }

  // Super packages that would make the wanted version.
  void add_super_reasons(PackageSelection* package) const {
    for (const SuperView& view : supers_) {
      const bool makes_it = std::ranges::any_of(view.groups, [&](const Group& group) {
        return group.package_id == package->package_id &&
               group.target.version == package->target_version;
      });
      if (!makes_it) continue;
      package->reasons.push_back(printable(view.super->path) + ": " + why_not(view));
    }
  }

  static std::string no_member(const Group& group, const std::string& version) {
    return "it has no member for version '" + version + "' of " + group.package_id;
  }

  std::string why_not(const SuperView& view) const {
    if (!view.refusal.empty()) return view.refusal;
    Journey journey;
    journey.legs.emplace_back();
    for (const auto& [id, shelf] : shelves_) journey.places[id] = shelf.start();
    for (const Group& group : view.groups) {
      const ChainGoal goal{{group.target.version}, group.target.digest};
      const ChainStart before = journey.places[group.package_id];
      if (!move(&journey, group.package_id, goal, &group)) return no_member(group, before.version);
    }
    for (const SuperRequirement& requirement : view.super->requirements) {
      const std::string id(requirement.package_id.view());
      const ReportedPackage* reported = report_.find(id);
      Version version;
      if (reported == nullptr || !version.assign(reported->version) ||
          !requirement.allows(version)) {
        return "it needs another version of " + id;
      }
    }
    return "it does not lead to all versions that are wanted";
  }

  const Catalog& catalog_;
  const DeviceReport& report_;
  const WantedVersions& wanted_;
  std::map<std::string, RomPackageShelf> shelves_;
  std::vector<SuperView> supers_;
};

}  // namespace

bool Selection::is_complete() const {
  return std::ranges::all_of(packages, &PackageSelection::is_reached);
}

Selection select_packages(const Catalog& catalog, const DeviceReport& report,
                          const WantedVersions& wanted) {
  return Selector(catalog, report, wanted).run();
}

std::optional<WantedVersions> wanted_by_release(const Catalog& catalog,
                                                const std::string& release) {
  std::optional<WantedVersions> wanted;
  for (const CatalogSuper& super : catalog.supers) {
    if (super.facts.release.view() != release) continue;
    if (!wanted) wanted.emplace();
    for (const CatalogPackage& member : super.members) {
      const std::string id(member.head.manifest.package_id.view());
      const std::string version(member.head.manifest.target.version.view());
      const std::string& known = wanted->try_emplace(id, version).first->second;
      if (known == version) continue;
      throw_conflict(super, id, release);
    }
  }
  return wanted;
}

}  // namespace romdelta::pkgtool
