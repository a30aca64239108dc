#include "installer/super_choice.h"

namespace romdelta {
namespace {

bool is_zero(const Digest& digest) { return digest == Digest{}; }

// The ROM package is what this member would make of it.
bool has_target(const InventoryRecord& record, const SuperMember& member) {
  return record.state != PackageState::broken && record.version == member.target.version &&
         record.image_digest == member.target.digest;
}

// The factory may not have said which bytes it wrote: then the slot tells.
bool fits(const InventoryRecord& record, const SuperMember& member) {
  if (!member.has_source) return true;
  if (!(record.version == member.source.version)) return false;
  return is_zero(record.image_digest) || record.image_digest == member.source.digest;
}

}  // namespace

SuperChoice choose_member(const SuperManifest& manifest, const InventoryRecord& record) {
  using Kind = SuperChoice::Kind;
  SuperChoice choice;
  SuperMembers list = manifest.members();
  SuperMember member;
  for (std::size_t i = 0; list.next(&member); ++i) {
    if (!(member.package_id == record.package_id)) continue;
    if (choice.kind == Kind::no_member) choice = {Kind::none_fits, i, member};
    if (has_target(record, member)) return {Kind::present, choice.index, member};
    if (fits(record, member)) return {Kind::member, i, member};
  }
  return choice;
}

}  // namespace romdelta
