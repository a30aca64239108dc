// Closure: every state that any number of power cuts can lead to, for packages that are small.
//
// The engine is a function of what lies on flash: a state that was met before leads where it led
// before. So the states are enumerated, from each by cutting each operation of the boot in each
// way, until no new one appears. States that differ only in the sequence numbers of records, in
// what lies where a record is torn, or (two slots) in what lies where a block of the target is not
// written whole, count as one.
#pragma once

#include "pkgtool/prover.h"

namespace romdelta::pkgtool {

struct ClosureOptions {
  FaultLimits limits = {.prefixes = 2, .subsets = 8, .losses = 64, .every_style = false};
  std::size_t states_max = 1'000'000;
  std::uint64_t seed = 1;
  unsigned thread_count = 1;  // Never changes the result.
  StageProgress progress;
};

struct Closure {
  std::string broken;        // What is wrong without any fault.
  bool is_complete = false;  // No state was left out.
  std::uint64_t state_count = 0;
  std::uint64_t depth = 0;  // Cuts that the farthest state takes.
  FaultCount cuts;
  std::uint64_t lost_count = 0;
  std::vector<Loss> losses;  // The first ones, each by a shortest path.

  bool proven() const { return broken.empty() && is_complete && lost_count == 0; }
};

Closure close_package(const ProofSubject& subject, const ClosureOptions& options);

// Equal for states that the engine cannot tell apart, as above.
Fingerprint canonical_fingerprint(const SimulatedStorage& storage, const Manifest& manifest,
                                  ByteSpan target);

}  // namespace romdelta::pkgtool
