// Trials: what else may happen to a device between a cut of power and the next boot: the journal is
// lost, or somebody offers another package.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkgtool/prover.h"

namespace romdelta::test {

enum class TrialKind : std::uint8_t {
  // Variants: the journal is erased; noise; a half of it is erased, the first or the second.
  journal,
  // Variants: ProofSubject::others. Then the package itself again.
  other,
  // The operation itself is not done, although the flash says so; for programs of the slot. Then
  // the package itself again.
  dropped,
};

// Power fails before operation `op`, and then this.
struct Trial {
  TrialKind kind = TrialKind::journal;
  std::uint64_t op = 0;
  std::uint32_t variant = 0;
};
// "op=12 trial=journal variant=0", and back; nothing when it is no such text.
std::string to_string(const Trial& trial);
std::optional<Trial> parse_trial(std::string_view text);

struct TrialVerdict {
  std::string broken;  // What is wrong without a trial.
  std::uint64_t op_count = 0;
  pkgtool::FaultCount count;
  // An update in place that could not go on without its journal, and said so.
  std::uint64_t given_up = 0;
  std::vector<std::pair<Trial, std::string>> losses;
};

// Before each operation of an installation, or before `places` of them (0: each).
TrialVerdict run_trials(const pkgtool::ProofSubject& subject, TrialKind kind, std::size_t places,
                        unsigned thread_count);

// What was lost, or empty.
std::string replay_trial(const pkgtool::ProofSubject& subject, const Trial& trial);

}  // namespace romdelta::test
