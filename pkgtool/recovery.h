// Recovery: one boot after a fault, and what must be true of it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "pkgtool/prover.h"

namespace romdelta::pkgtool {

// The uninterrupted installation.
struct Baseline {
  std::string broken;  // What is wrong with it; empty: nothing.
  std::vector<FlashOp> log;
  std::shared_ptr<const Bytes> target;
  std::vector<std::uint64_t> slot_bytes;  // Programmed into the slots before each operation.
  std::uint64_t total_slot_bytes = 0;
  std::uint64_t read_count = 0;
  // What the device is at the moments when the journal has grown, and the slot bytes until then.
  std::map<Fingerprint, std::uint64_t> milestones;
  std::size_t commit_op = 0;  // The first that writes the inventory.

  // The state before an operation.
  SimulatedStorage before(std::size_t op) const;

  static constexpr std::size_t snapshot_ops = 32;
  std::vector<SimulatedStorage> snapshots;
};

Baseline run_baseline(ProofDevice* device);

struct RecoveryOptions {
  bool to_end = false;  // Even where the uninterrupted run is met.
  bool record = false;  // Keep the operations.
  bool judge_redo = false;
  std::uint64_t slot_bytes_before = 0;  // What the boots before had programmed.
};

struct Recovery {
  std::string fault;  // Empty: nothing was lost.
  bool met_baseline = false;
  std::vector<FlashOp> log;
};

// Boots from `storage`, gives the package again and judges the end. A state that the uninterrupted
// run was in, too, leads where that one led, and is the end.
Recovery recover(ProofDevice* device, const Baseline& baseline, const SimulatedStorage& storage,
                 const RecoveryOptions& options);

// What is wrong after a fault that is no cut: the installation may fail with a result that says so,
// and later ones without faults must succeed. `*fired`: whether it happened.
std::string judge_io(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                     bool* fired);
std::string judge_stray(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                        bool* fired);
std::string judge_flip(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                       bool* fired);
std::string judge_watchdog(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                           bool* fired);

// Variants of a flip: which part, and how many bits.
inline constexpr std::uint32_t flip_variants = 2 * part_count;

}  // namespace romdelta::pkgtool
