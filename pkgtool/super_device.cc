#include "pkgtool/super_device.h"

#include <algorithm>

#include "pkgtool/device_report.h"

namespace romdelta::pkgtool {
namespace {

const InventoryRecord* find(const std::vector<InventoryRecord>& inventory, const PackageId& id) {
  const auto found = std::ranges::find_if(
      inventory, [&](const InventoryRecord& record) { return record.package_id == id; });
  return found == inventory.end() ? nullptr : &*found;
}

DryRunStep step_of(const SuperHead& head, const PackageId& id, const InventoryRecord* record) {
  DryRunStep step;
  step.package_id = std::string(id.view());
  if (record == nullptr) {
    step.status = Status::not_provisioned;
    return step;
  }
  step.version = std::string(record->version.view());
  if (head.manifest.facts.security_counter < record->security_counter) {
    step.status = Status::rollback;
    return step;
  }
  const SuperChoice choice = choose_member(head.manifest, *record);
  step.is_present = choice.kind == SuperChoice::Kind::present;
  step.member = choice.index;
  if (choice.kind == SuperChoice::Kind::none_fits) step.status = Status::wrong_source;
  return step;
}

}  // namespace

std::vector<InventoryRecord> read_inventory(const std::string& path) {
  std::vector<InventoryRecord> records;
  for (const ReportedPackage& package : read_device_report(path).packages) {
    InventoryRecord record;
    (void)record.package_id.assign(package.package_id);
    (void)record.version.assign(package.version);
    record.security_counter = package.security_counter;
    if (package.image_digest) record.image_digest = *package.image_digest;
    records.push_back(record);
  }
  return records;
}

DryRun dry_run(const SuperHead& head, const std::vector<InventoryRecord>& inventory) {
  DryRun run;
  run.fetch_bytes = head.head_bytes;
  const auto note = [&](Status status) {
    if (run.status == Status::ok) run.status = status;
  };
  for (std::size_t i = 0; i < head.manifest.requirement_count; ++i) {
    const SuperRequirement requirement = head.manifest.requirement(i);
    const InventoryRecord* record = find(inventory, requirement.package_id);
    const bool is_met = record != nullptr && record->state != PackageState::broken &&
                        requirement.allows(record->version);
    if (is_met) continue;
    run.steps.push_back({std::string(requirement.package_id.view()),
                         record == nullptr ? "" : std::string(record->version.view()),
                         Status::requirement_unmet, false, 0});
    note(Status::requirement_unmet);
  }
  SuperMembers members = head.manifest.members();
  SuperMember member;
  PackageId last;
  while (members.next(&member)) {
    if (member.package_id == last) continue;
    last = member.package_id;
    const DryRunStep step = step_of(head, member.package_id, find(inventory, member.package_id));
    note(step.status);
    if (step.status == Status::ok && !step.is_present) {
      run.fetch_bytes += head.manifest.member(step.member).file_bytes;
    }
    run.steps.push_back(step);
  }
  return run;
}

}  // namespace romdelta::pkgtool
