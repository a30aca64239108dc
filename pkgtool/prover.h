// Prover: one package, one flash geometry, and everything that can happen to the power.
//
// An uninterrupted installation is recorded. For each of its operations, and each way in which
// power can fail during it, the state that the flashes are left in is made from the record; a
// device that knows nothing boots from it, is given the same package again, and must end with
// exactly the target. What counts as lost:
//
//   L1  the target is not reached, or (two slots) neither source nor target could be booted
//   L2  an image that is not whole is named by the inventory
//   L3  the installation takes more operations than it may, or does not get on
//   L4  a write outside of the declared regions, to the running slot, or against the flash's rules
//   L5  a budget of the manifest is exceeded
//   L6  more than the manifest's redo_bytes are written again
//   L9  a result that does not say what happened
//   L10 damage was accepted
//
// Every loss is named by a line that plays it again: replay_faults().
#pragma once

#include <array>
#include <string>
#include <vector>

#include "pkgtool/proof_device.h"

namespace romdelta::pkgtool {

struct ProofOptions {
  bool cuts = true;
  bool pairs = false;  // A second cut at each operation of each recovery.
  bool io = true;
  bool strays = true;  // Misdirected and duplicated writes.
  bool flips = true;
  bool watchdog = true;
  FaultLimits limits;
  FaultLimits second_limits = {.prefixes = 2, .subsets = 8, .losses = 64, .every_style = false};
  // At most so many operations are cut, spread over the installation; 0: every one.
  std::size_t cut_places = 0;
  // At most so many places of io_*, stray and flip faults; they are spread over the installation.
  std::size_t places = 64;
  // Of the recoveries that came to a state of the uninterrupted run, run so many to their end, too.
  unsigned full_percent = 1;
  std::uint64_t seed = 1;
  unsigned thread_count = 1;  // Never changes the verdict.
  StageProgress progress;
};

struct FaultCount {
  std::uint64_t planned = 0;
  std::uint64_t fired = 0;
};

struct Loss {
  FaultPath path;
  std::string what;
};
// "replay: op=12 fault=cut_after variant=0 seed=1: L1 ..."
std::string to_string(const Loss& loss);

struct Verdict {
  std::string broken;  // What is wrong without any fault; nothing else was tried then.
  std::uint64_t op_count = 0;
  std::array<FaultCount, fault_kind_count> counts{};
  FaultCount second_cuts;            // Of pairs.
  std::uint64_t state_count = 0;     // Different states that a cut left.
  std::uint64_t recovery_count = 0;  // Boots from them.
  std::uint64_t full_count = 0;      // Those that ran to their end.
  std::uint64_t lost_count = 0;
  std::vector<Loss> losses;  // The first ones.

  FaultCount total() const;
  bool proven() const;
};

// Throws Error when the package is not authentic or does not fit the device.
Verdict prove_package(const ProofSubject& subject, const ProofOptions& options);

// Plays one line again; what was lost, or empty.
std::string replay_faults(const ProofSubject& subject, const FaultPath& path);

}  // namespace romdelta::pkgtool
