#include "pkgtool/super_verifier.h"

#include <algorithm>

namespace romdelta::pkgtool {
namespace {

bool equal(const ImageIdentity& a, const ImageIdentity& b) {
  return a.bytes == b.bytes && a.digest == b.digest && a.version == b.version;
}

// What the directory says of it is what it says of itself.
bool is_listed(const PackageHead& head, const SuperMember& member) {
  const Manifest& manifest = head.manifest;
  const ImageIdentity source = manifest.is_full() ? ImageIdentity() : manifest.sources[0];
  return head.manifest_digest == member.manifest_digest &&
         manifest.package_id == member.package_id && manifest.layout == member.layout &&
         manifest.source_count == (member.has_source ? 1u : 0u) &&
         equal(manifest.target, member.target) && equal(source, member.source) &&
         manifest.budgets.ram_bytes == member.ram_bytes &&
         manifest.budgets.scratch_bytes == member.scratch_bytes && manifest.order == member.order;
}

}  // namespace

SuperVerifyResult verify_super_package(ByteSpan file, std::optional<TrustedKeys> keys) {
  SuperVerifyResult result;
  result.structure = "head";
  const ByteSpan front = file.first(std::min(file.size(), limits::super_head_bytes_max));
  SuperHead head;
  result.status = keys ? verify_super_head(front, *keys, &head) : inspect_super_head(front, &head);
  if (result.status != Status::ok) return result;
  result.head = head;
  result.structure = "end of file";
  result.offset_bytes = std::min<std::uint64_t>(head.file_bytes(), file.size());
  if (file.size() != head.file_bytes()) {
    result.status = file.size() < head.file_bytes() ? Status::truncated : Status::trailing_bytes;
    return result;
  }
  SuperMembers members = head.manifest.members();
  SuperMember member;
  for (std::size_t i = 0; members.next(&member); ++i) {
    const std::uint64_t begin = head.head_bytes + member.offset_bytes;
    const ByteSpan bytes =
        file.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(member.file_bytes));
    const VerifyResult each = verify_package(bytes, keys);
    result.structure = "member " + std::to_string(i) + " (" +
                       std::string(member.package_id.view()) + "), " + each.structure;
    result.offset_bytes = begin + each.offset_bytes;
    result.status = each.status;
    if (result.status == Status::ok && !is_listed(*each.head, member)) {
      result.status = Status::wrong_member;
      result.offset_bytes = begin;
    }
    const PackageId empty;
    if (result.status == Status::ok && !(each.head->manifest.member_of == empty) &&
        !(each.head->manifest.member_of == head.manifest.facts.name)) {
      result.status = Status::not_a_member;
      result.offset_bytes = begin;
    }
    if (result.status != Status::ok) return result;
    result.members.push_back(*each.head);
    result.chunk_count += each.head->manifest.chunk_count;
  }
  result.structure.clear();
  result.offset_bytes = 0;
  return result;
}

}  // namespace romdelta::pkgtool
