#include "pkgtool/prover.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <set>

#include "pkgtool/device_pool.h"
#include "pkgtool/parallel.h"
#include "pkgtool/recovery.h"

namespace romdelta::pkgtool {
namespace {

// What a report lists of all that was lost.
constexpr std::size_t kLossesKept = 100;

// Watchdog periods, in operations.
constexpr std::uint64_t kWatchdogOps = 64;

// Bits that are flipped at one place in one part.
constexpr std::uint64_t kFlipSeeds = 4;

// Numbers below `count`, at most `most`, spread evenly.
std::vector<std::uint64_t> spread(std::uint64_t count, std::size_t most) {
  std::vector<std::uint64_t> result;
  const std::uint64_t wanted = std::min<std::uint64_t>(count, most);
  for (std::uint64_t i = 0; i < wanted; ++i) result.push_back(i * count / wanted);
  return result;
}

// What one piece of work found. They are added up in the order of the work, whoever did it.
struct Findings {
  std::array<FaultCount, fault_kind_count> counts{};
  FaultCount second_cuts;
  std::vector<Fingerprint> states;
  std::uint64_t recovery_count = 0;
  std::uint64_t full_count = 0;
  std::vector<Loss> losses;

  FaultCount& count(FaultKind kind) { return counts[static_cast<std::size_t>(kind)]; }
};

class Prover {
 public:
  Prover(const ProofSubject& subject, const ProofOptions& options)
      : options_(options), pool_(subject) {}

  Verdict run();

 private:
  // Runs `work(device, i, findings)` for each i and adds up what was found.
  template <typename Work>
  void run_stage(const char* stage, std::size_t count, Work work);
  void cut_at(ProofDevice* device, std::size_t op, Findings* findings);
  std::string judge_cut(ProofDevice* device, const SimulatedStorage& state, const Fault& fault,
                        std::set<Fingerprint>* second_states, Findings* findings);
  void cut_again(ProofDevice* device, const SimulatedStorage& state, const Fault& first,
                 const std::vector<FlashOp>& log, std::set<Fingerprint>* second_states,
                 Findings* findings);
  std::vector<Fault> other_faults() const;
  void try_fault(ProofDevice* device, const Fault& fault, Findings* findings);
  void add(const Findings& findings);

  const ProofOptions& options_;
  DevicePool pool_;
  Baseline baseline_;
  std::mutex mutex_;
  std::set<Fingerprint> states_;
  Verdict verdict_;
};

void Prover::add(const Findings& findings) {
  for (std::size_t i = 0; i < fault_kind_count; ++i) {
    verdict_.counts[i].planned += findings.counts[i].planned;
    verdict_.counts[i].fired += findings.counts[i].fired;
  }
  verdict_.second_cuts.planned += findings.second_cuts.planned;
  verdict_.second_cuts.fired += findings.second_cuts.fired;
  verdict_.recovery_count += findings.recovery_count;
  verdict_.full_count += findings.full_count;
  verdict_.lost_count += findings.losses.size();
  states_.insert(findings.states.begin(), findings.states.end());
  for (const Loss& loss : findings.losses) {
    if (verdict_.losses.size() < kLossesKept) verdict_.losses.push_back(loss);
  }
}

template <typename Work>
void Prover::run_stage(const char* stage, std::size_t count, Work work) {
  std::vector<Findings> findings(count);
  std::size_t done = 0;
  parallel_for(count, options_.thread_count, [&](std::size_t i) {
    const DevicePool::Lease lease = pool_.lease(baseline_.target);
    work(lease.get(), i, &findings[i]);
    const std::lock_guard lock(mutex_);
    ++done;
    if (options_.progress) options_.progress(stage, done, count);
  });
  for (const Findings& found : findings) add(found);
}

void Prover::cut_at(ProofDevice* device, std::size_t op, Findings* findings) {
  const FlashOp& cut_op = baseline_.log[op];
  const SimulatedStorage before = baseline_.before(op);
  const std::vector<Fault> faults = cuts_at(before, cut_op, op, options_.limits, options_.seed);
  std::map<Fingerprint, std::string> judged;
  std::set<Fingerprint> second_states;
  for (const Fault& fault : faults) {
    ++findings->count(fault.kind).planned;
    SimulatedStorage state = before;
    if (!cut_power(&state, cut_op, fault)) continue;
    ++findings->count(fault.kind).fired;
    const auto [entry, is_new] = judged.emplace(state.fingerprint(), "");
    if (is_new) {
      findings->states.push_back(entry->first);
      entry->second = judge_cut(device, state, fault, &second_states, findings);
    }
    if (!entry->second.empty()) findings->losses.push_back({{fault}, entry->second});
  }
}

std::string Prover::judge_cut(ProofDevice* device, const SimulatedStorage& state,
                              const Fault& fault, std::set<Fingerprint>* second_states,
                              Findings* findings) {
  const std::string lost = device->fault_of_boot(state);
  if (!lost.empty()) return "L2 " + lost;
  RecoveryOptions options;
  options.to_end =
      mixed(fault.seed, fault.op, static_cast<std::uint64_t>(fault.kind) << 32 | fault.variant) %
          100 <
      options_.full_percent;
  options.record = options_.pairs;
  options.judge_redo = true;
  options.slot_bytes_before = baseline_.slot_bytes[fault.op];
  ++findings->recovery_count;
  Recovery recovery = recover(device, baseline_, state, options);
  if (!recovery.met_baseline) ++findings->full_count;
  if (recovery.fault.empty() && options_.pairs) {
    cut_again(device, state, fault, recovery.log, second_states, findings);
  }
  return recovery.fault;
}

void Prover::cut_again(ProofDevice* device, const SimulatedStorage& state, const Fault& first,
                       const std::vector<FlashOp>& log, std::set<Fingerprint>* second_states,
                       Findings* findings) {
  SimulatedStorage before = state;
  before.boot();
  for (std::size_t op = 0; op < log.size(); ++op) {
    for (const Fault& second :
         cuts_at(before, log[op], op, options_.second_limits, options_.seed)) {
      ++findings->second_cuts.planned;
      SimulatedStorage again = before;
      if (!cut_power(&again, log[op], second)) continue;
      ++findings->second_cuts.fired;
      if (!second_states->insert(again.fingerprint()).second) continue;
      findings->states.push_back(again.fingerprint());
      std::string lost = device->fault_of_boot(again);
      if (!lost.empty()) lost.insert(0, "L2 ");
      if (lost.empty()) {
        ++findings->recovery_count;
        const Recovery recovery = recover(device, baseline_, again, {});
        if (!recovery.met_baseline) ++findings->full_count;
        lost = recovery.fault;
      }
      if (!lost.empty()) findings->losses.push_back({{first, second}, lost});
    }
    before.apply(log[op]);
  }
}

std::vector<Fault> Prover::other_faults() const {
  std::vector<Fault> faults;
  const auto add = [&](FaultKind kind, std::uint64_t op, std::uint64_t variant,
                       std::uint64_t seed) {
    faults.push_back({kind, op, static_cast<std::uint32_t>(variant), seed});
  };
  std::array<std::uint64_t, 3> counts{};
  for (const FlashOp& op : baseline_.log) ++counts[static_cast<std::size_t>(op.kind)];
  if (options_.io) {
    for (const std::uint64_t i : spread(baseline_.read_count, options_.places)) {
      add(FaultKind::io_read, i, 0, 0);
      add(FaultKind::io_read, i, 3, 0);
    }
    constexpr FaultKind kKinds[] = {FaultKind::io_erase, FaultKind::io_program, FaultKind::io_sync};
    for (std::size_t kind = 0; kind < 3; ++kind) {
      for (const std::uint64_t i : spread(counts[kind], options_.places)) {
        for (std::uint32_t variant = 0; variant < io_fault_variants; ++variant) {
          add(kKinds[kind], i, variant, 0);
        }
      }
    }
  }
  std::vector<std::uint64_t> programs;
  for (std::size_t i = 0; i < baseline_.log.size(); ++i) {
    const FlashOp& op = baseline_.log[i];
    // Two copies of the inventory, and a write that hits the good one: nobody can help that device.
    const bool helpless = op.part == Part::inventory;
    if (!helpless && FlashSimulator::can_stray(baseline_.snapshots[0], op)) programs.push_back(i);
  }
  for (const std::uint64_t i : spread(options_.strays ? programs.size() : 0, options_.places)) {
    add(FaultKind::misdirected, programs[i], 0, options_.seed);
    add(FaultKind::duplicated, programs[i], 0, options_.seed);
  }
  for (const std::uint64_t op : spread(options_.flips ? baseline_.commit_op : 0, options_.places)) {
    for (std::uint32_t variant = 0; variant < flip_variants; ++variant) {
      // The image of another ROM package is not this installation's to read.
      const auto part = static_cast<Part>(variant / 2);
      if (part == Part::other_a || part == Part::other_b) continue;
      if (baseline_.snapshots[0].shape()[variant / 2].bytes == 0) continue;
      for (std::uint64_t seed = 0; seed < kFlipSeeds; ++seed) {
        add(FaultKind::flip, op, variant, options_.seed + seed);
      }
    }
  }
  const std::uint64_t periods = std::min<std::uint64_t>(kWatchdogOps, baseline_.log.size() - 1);
  for (const std::uint64_t i : spread(options_.watchdog ? periods : 0, options_.places)) {
    add(FaultKind::watchdog, i + 1, 0, 0);
  }
  return faults;
}

std::string judge(ProofDevice* device, const Baseline& baseline, const Fault& fault, bool* fired) {
  switch (fault.kind) {
    case FaultKind::misdirected:
    case FaultKind::duplicated: return judge_stray(device, baseline, fault, fired);
    case FaultKind::flip: return judge_flip(device, baseline, fault, fired);
    case FaultKind::watchdog: return judge_watchdog(device, baseline, fault, fired);
    default: return judge_io(device, baseline, fault, fired);
  }
}

void Prover::try_fault(ProofDevice* device, const Fault& fault, Findings* findings) {
  ++findings->count(fault.kind).planned;
  bool fired = false;
  const std::string lost = judge(device, baseline_, fault, &fired);
  if (fired) ++findings->count(fault.kind).fired;
  if (!lost.empty()) findings->losses.push_back({{fault}, lost});
}

Verdict Prover::run() {
  {
    const DevicePool::Lease lease = pool_.lease(nullptr);
    baseline_ = run_baseline(lease.get());
  }
  verdict_.broken = baseline_.broken;
  verdict_.op_count = baseline_.log.size();
  if (!baseline_.broken.empty()) return verdict_;
  if (options_.cuts) {
    const std::size_t count = baseline_.log.size();
    const std::vector<std::uint64_t> ops =
        spread(count, options_.cut_places == 0 ? count : options_.cut_places);
    run_stage("cut power", ops.size(), [&](ProofDevice* device, std::size_t i, Findings* findings) {
      cut_at(device, static_cast<std::size_t>(ops[i]), findings);
    });
  }
  const std::vector<Fault> faults = other_faults();
  run_stage("other faults", faults.size(),
            [&](ProofDevice* device, std::size_t i, Findings* findings) {
              try_fault(device, faults[i], findings);
            });
  verdict_.state_count = states_.size();
  return verdict_;
}

}  // namespace

std::string to_string(const Loss& loss) {
  return "replay: " + to_string(loss.path) + ": " + loss.what;
}

FaultCount Verdict::total() const {
  FaultCount sum = second_cuts;
  for (const FaultCount& count : counts) {
    sum.planned += count.planned;
    sum.fired += count.fired;
  }
  return sum;
}

bool Verdict::proven() const {
  const FaultCount sum = total();
  return broken.empty() && lost_count == 0 && sum.planned == sum.fired;
}

Verdict prove_package(const ProofSubject& subject, const ProofOptions& options) {
  return Prover(subject, options).run();
}

std::string replay_faults(const ProofSubject& subject, const FaultPath& path) {
  ProofDevice device(subject);
  const Baseline baseline = run_baseline(&device);
  if (!baseline.broken.empty()) return baseline.broken;
  bool fired = false;
  if (path.size() == 1 && path[0].kind > FaultKind::unsynced) {
    const std::string lost = judge(&device, baseline, path[0], &fired);
    return fired ? lost : "nothing happened: the fault did not fire";
  }
  SimulatedStorage storage = device.provisioned();
  for (const Fault& fault : path) {
    device.boot(std::move(storage));
    device.simulator().plan(fault);
    (void)device.run();
    if (!device.simulator().fired()) return "nothing happened: the fault did not fire";
    storage = device.simulator().storage();
    const std::string lost = device.fault_of_boot(storage);
    if (!lost.empty()) return "L2 " + lost;
  }
  RecoveryOptions options;
  options.to_end = true;
  options.judge_redo = path.size() == 1;
  if (options.judge_redo) options.slot_bytes_before = baseline.slot_bytes[path[0].op];
  return recover(&device, baseline, storage, options).fault;
}

}  // namespace romdelta::pkgtool
