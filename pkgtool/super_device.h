// What a device would do with a super package, from what it reported: `installer inventory --format
// json`. The dry run of `pkgtool super`.
#pragma once

#include <string>
#include <vector>

#include "format/inventory_record.h"
#include "format/super_package.h"
#include "installer/super_choice.h"

namespace romdelta::pkgtool {

// What becomes of one ROM package.
struct DryRunStep {
  std::string package_id;
  std::string version;  // That the device has; empty: the inventory does not list it.
  Status status = Status::ok;
  bool is_present = false;  // It has the target already.
  std::size_t member = 0;   // Else, with status ok: what is installed.
};

struct DryRun {
  Status status = Status::ok;  // The first failure, in the order in which a device looks.
  std::vector<DryRunStep> steps;
  std::uint64_t fetch_bytes = 0;  // Head and members that are needed.
};

// The records of an inventory as the installer prints it. Throws Error (bad_input).
std::vector<InventoryRecord> read_inventory(const std::string& path);

// Sources are compared by version and, where the inventory has them, by digest and size; nobody
// reads slots here.
DryRun dry_run(const SuperHead& head, const std::vector<InventoryRecord>& inventory);

}  // namespace romdelta::pkgtool
