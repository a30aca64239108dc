// AttackTable: what came of the attacks that have a name, in one row each.
//
//   const Attack attack_row("bspatch CVE-2014-9862", "a negative length in a control triple");
//
// at the beginning of a test makes a row of what is tried while it lives. Tests that attack several
// victims add to the same row.
#pragma once

#include <span>

#include "format/status.h"

namespace romdelta::test {

class Attack {
 public:
  // Whose attack it is, and what it does in a few words; both outlive the process.
  Attack(const char* incident, const char* what);
  ~Attack();
  Attack(const Attack&) = delete;
  Attack& operator=(const Attack&) = delete;
};

// Enters into the row that is open, if one is, that one of `expected` had to come and `got` came.
// Victim does this for every attack.
void note_attack(std::span<const Status> expected, Status got);

// On standard output; the number of attacks that were accepted though they had to be refused.
unsigned long long print_attack_table();

}  // namespace romdelta::test
