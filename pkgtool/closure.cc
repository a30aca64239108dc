#include "pkgtool/closure.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "pkgtool/device_pool.h"
#include "pkgtool/parallel.h"
#include "pkgtool/recovery.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::size_t kLossesKept = 100;

// A state, and how power failed to get there from another.
struct Node {
  SimulatedStorage storage;
  Fingerprint fingerprint;
  std::size_t parent = 0;
  Fault fault;
};

// What one boot from one state gave.
struct Expansion {
  std::string fault;
  FaultCount cuts;
  std::vector<Node> next;
};

class ClosureSearch {
 public:
  ClosureSearch(const ProofSubject& subject, const ClosureOptions& options)
      : options_(options), pool_(subject) {}

  Closure run();

 private:
  // The cuts that lead to a state, without its storage.
  struct Step {
    std::size_t parent;
    Fault fault;
  };

  Fingerprint canonical(const SimulatedStorage& storage) const {
    return canonical_fingerprint(storage, *manifest_, *baseline_.target);
  }
  Expansion expand(const Node& node, std::size_t index);
  FaultPath path_to(std::size_t index) const;
  void lose(std::size_t index, const std::string& what);
  // Takes the states that are new. False when there is no room for more.
  bool take(std::vector<Expansion>* expansions, std::size_t first, std::vector<Node>* next);

  const ClosureOptions& options_;
  DevicePool pool_;
  Baseline baseline_;
  std::optional<Manifest> manifest_;
  std::set<Fingerprint> seen_;
  std::vector<Step> steps_;
  Closure result_;
};

FaultPath ClosureSearch::path_to(std::size_t index) const {
  FaultPath path;
  for (; index != 0; index = steps_[index].parent) path.push_back(steps_[index].fault);
  std::ranges::reverse(path);
  return path;
}

void ClosureSearch::lose(std::size_t index, const std::string& what) {
  ++result_.lost_count;
  if (result_.losses.size() < kLossesKept) result_.losses.push_back({path_to(index), what});
}

Expansion ClosureSearch::expand(const Node& node, std::size_t index) {
  const DevicePool::Lease lease = pool_.lease(baseline_.target);
  ProofDevice* device = lease.get();
  Expansion result;
  const std::string lost = device->fault_of_boot(node.storage);
  if (!lost.empty()) {
    result.fault = "L2 " + lost;
    return result;
  }
  const Recovery recovery =
      recover(device, baseline_, node.storage, {.to_end = true, .record = true});
  result.fault = recovery.fault;
  SimulatedStorage before = node.storage;
  before.boot();
  std::set<Fingerprint> mine;
  for (std::size_t op = 0; op < recovery.log.size(); ++op) {
    for (const Fault& fault :
         cuts_at(before, recovery.log[op], op, options_.limits, options_.seed)) {
      ++result.cuts.planned;
      SimulatedStorage state = before;
      if (!cut_power(&state, recovery.log[op], fault)) continue;
      ++result.cuts.fired;
      const Fingerprint fingerprint = canonical(state);
      if (seen_.contains(fingerprint) || !mine.insert(fingerprint).second) continue;
      result.next.push_back({std::move(state), fingerprint, index, fault});
    }
    before.apply(recovery.log[op]);
  }
  return result;
}

bool ClosureSearch::take(std::vector<Expansion>* expansions, std::size_t first,
                         std::vector<Node>* next) {
  for (std::size_t i = 0; i < expansions->size(); ++i) {
    Expansion& expansion = (*expansions)[i];
    result_.cuts.planned += expansion.cuts.planned;
    result_.cuts.fired += expansion.cuts.fired;
    if (!expansion.fault.empty()) lose(first + i, expansion.fault);
    for (Node& node : expansion.next) {
      if (!seen_.insert(node.fingerprint).second) continue;
      if (steps_.size() >= options_.states_max) return false;
      steps_.push_back({node.parent, node.fault});
      next->push_back(std::move(node));
    }
  }
  return true;
}

Closure ClosureSearch::run() {
  std::vector<Node> frontier;
  {
    const DevicePool::Lease lease = pool_.lease(nullptr);
    baseline_ = run_baseline(lease.get());
    manifest_ = lease.get()->manifest();
    result_.broken = baseline_.broken;
    if (!result_.broken.empty()) return result_;
    frontier.push_back({baseline_.snapshots[0], {}, 0, {}});
  }
  frontier[0].fingerprint = canonical(frontier[0].storage);
  seen_.insert(frontier[0].fingerprint);
  steps_.push_back({0, {}});
  result_.is_complete = true;
  while (!frontier.empty() && result_.is_complete) {
    const std::size_t first = steps_.size() - frontier.size();
    std::vector<Expansion> expansions(frontier.size());
    std::mutex mutex;
    std::size_t done = first;
    parallel_for(frontier.size(), options_.thread_count, [&](std::size_t i) {
      expansions[i] = expand(frontier[i], first + i);
      const std::lock_guard lock(mutex);
      ++done;
      if (options_.progress) options_.progress("close", done, steps_.size());
    });
    std::vector<Node> next;
    result_.is_complete = take(&expansions, first, &next);
    frontier = std::move(next);
    if (!frontier.empty()) ++result_.depth;
  }
  result_.state_count = steps_.size();
  return result_;
}

}  // namespace

Closure close_package(const ProofSubject& subject, const ClosureOptions& options) {
  return ClosureSearch(subject, options).run();
}

}  // namespace romdelta::pkgtool
