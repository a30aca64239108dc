#include "pkgtool/chain.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "format/bytes.h"

namespace romdelta::pkgtool {
namespace {

// A way to a place.
struct Way {
  std::uint64_t bytes = 0;
  std::uint64_t installations = 0;
  std::vector<std::size_t> steps;
  ChainStart place;
};

struct IsDearer {
  bool operator()(const Way& a, const Way& b) const {
    if (a.bytes != b.bytes) return a.bytes > b.bytes;
    if (a.installations != b.installations) return a.installations > b.installations;
    return a.steps > b.steps;
  }
};

// Dijkstra's search. Extending two ways to one place by the same step keeps their order, so the
// first way that comes out to a place is the best one to it.
class Search {
 public:
  Search(std::span<const ChainEdge> edges, const ChainStart& start) : edges_(edges) {
    for (std::size_t i = 0; i < edges.size(); ++i) {
      by_version_[edges[i].source ? edges[i].source->version : ""].push_back(i);
    }
    Way way;
    way.place = start;
    ways_.push(std::move(way));
  }

  // The next place, in ascending order of cost; nothing when all were visited.
  std::optional<Way> next() {
    while (!ways_.empty()) {
      Way way = ways_.top();
      ways_.pop();
      if (!visited_.insert(key_of(way)).second) continue;
      for (const std::string& version : {way.place.version, std::string()}) {
        const auto found = by_version_.find(version);
        if (found == by_version_.end()) continue;
        for (const std::size_t edge : found->second) add(way, edge);
      }
      return way;
    }
    return std::nullopt;
  }

 private:
  using DigestBytes = decltype(Digest::value);  // Unlike a Digest it has an order.
  using Key = std::tuple<std::string, std::optional<DigestBytes>, std::uint64_t, std::uint64_t,
                         std::uint64_t, bool>;

  // The start may have counters of its own; after a step they are those of the release.
  static Key key_of(const Way& way) {
    std::optional<DigestBytes> digest;
    if (way.place.digest) digest = way.place.digest->value;
    const ReleaseOrder& order = way.place.active;
    return {way.place.version,    digest,       order.security_counter,
            order.device_counter, order.number, way.steps.empty()};
  }

  void add(const Way& way, std::size_t index) {
    const ChainEdge& edge = edges_[index];
    if (!holds_source(way.place, edge) || check_order(way.place, edge) != Status::ok) return;
    Way longer = way;
    if (!checked_add(way.bytes, edge.file_bytes, &longer.bytes)) return;
    longer.installations += edge.installations;
    longer.steps.push_back(index);
    longer.place = after(way.place, edge);
    ways_.push(std::move(longer));
  }

  std::span<const ChainEdge> edges_;
  std::map<std::string, std::vector<std::size_t>> by_version_;  // Of the source; "": full packages.
  std::priority_queue<Way, std::vector<Way>, IsDearer> ways_;
  std::set<Key> visited_;
};

bool is_at(const ChainStart& place, const ChainGoal& goal) {
  if (std::ranges::find(goal.versions, place.version) == goal.versions.end()) return false;
  return !goal.digest || (place.digest && *place.digest == *goal.digest);
}

}  // namespace

bool holds_source(const ChainStart& start, const ChainEdge& edge) {
  if (!edge.source) return true;
  if (edge.source->version != start.version) return false;
  return !start.digest || edge.source->digest == *start.digest;
}

Status check_order(const ChainStart& start, const ChainEdge& edge) {
  const ReleaseOrder& order = edge.order;
  const ReleaseOrder& active = start.active;
  if (order.security_counter < start.package_floor || order.device_counter < start.device_floor) {
    return Status::rollback;
  }
  if (order.security_counter - start.package_floor > limits::counter_step_max ||
      order.device_counter - start.device_floor > limits::counter_step_max) {
    return Status::counter_jump;
  }
  const bool is_before = order.number < active.number ||
                         order.security_counter < active.security_counter ||
                         order.device_counter < active.device_counter;
  return is_before && !edge.may_downgrade ? Status::downgrade : Status::ok;
}

ChainStart after(const ChainStart& start, const ChainEdge& edge) {
  return {edge.target.version, edge.target.digest,
          std::max(start.package_floor, edge.order.security_counter),
          std::max(start.device_floor, edge.order.device_counter), edge.order};
}

std::optional<std::vector<std::size_t>> find_chain(std::span<const ChainEdge> edges,
                                                   const ChainStart& start, const ChainGoal& goal) {
  Search search(edges, start);
  while (std::optional<Way> way = search.next()) {
    if (is_at(way->place, goal)) return std::move(way->steps);
  }
  return std::nullopt;
}

std::vector<ImageLabel> reachable(std::span<const ChainEdge> edges, const ChainStart& start) {
  std::vector<ImageLabel> images;
  Search search(edges, start);
  while (const std::optional<Way> way = search.next()) {
    if (!way->place.digest) continue;
    const ImageLabel image{way->place.version, *way->place.digest};
    if (std::ranges::find(images, image) == images.end()) images.push_back(image);
  }
  return images;
}

}  // namespace romdelta::pkgtool
