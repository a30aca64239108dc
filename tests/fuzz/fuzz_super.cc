// Bytes -> super manifest; and bytes -> a super package with right sizes, digests and signatures,
// its members resigned as fuzz_session does -> a whole SuperSession, before and after a power cut.
#include <algorithm>

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/resign.h"
#include "tests/fuzz/super_product.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

// A parsed super manifest says the same when it is encoded again, unless it has fields of no use.
void check_encoding(ByteSpan bytes) {
  SuperManifest manifest;
  if (parse_super_manifest(bytes, &manifest) != Status::ok) return;
  RandomSuper super;
  super.facts = manifest.facts;
  for (std::size_t i = 0; i < manifest.requirement_count; ++i) {
    super.requirements.push_back(manifest.requirement(i));
  }
  SuperMembers members = manifest.members();
  SuperMember member;
  std::uint64_t offset = 0;
  while (members.next(&member)) {
    require(member.offset_bytes == offset, "members follow each other");
    offset += member.file_bytes;
    super.members.push_back(member);
  }
  require(super.members.size() == manifest.member_count, "all members are read again");
  const Bytes again = encoded(super);
  SuperManifest twice;
  require(parse_super_manifest(again, &twice), "what was accepted is accepted again");
  require(again.size() <= bytes.size(), "an encoding is the shortest");
}

struct Forged {
  Bytes file;
  std::vector<SuperMember> members;
};

// Signs what is there. `is_honest`: the directory says what the members are; else as far as the
// input says something that can be signed.
Forged forge(ByteSpan input, bool is_honest, bool mends_members) {
  std::uint32_t manifest_bytes = 0;
  if (input.size() >= package_header_bytes) {
    ByteReader reader(input.subspan(12, 4));
    manifest_bytes = reader.u32() % (limits::super_manifest_bytes_max + 1);
    input = input.subspan(package_header_bytes);
  }
  const Bytes text = to_bytes(input.first(std::min<std::size_t>(manifest_bytes, input.size())));
  input = input.subspan(text.size());
  constexpr std::size_t kListBytes = signature_list_header_bytes + signature_entry_bytes;
  input = input.subspan(std::min(kListBytes, input.size()));
  check_encoding(text);

  Forged forged;
  SuperManifest manifest;
  SuperFacts facts;
  std::vector<SuperRequirement> requirements;
  std::vector<Bytes> files;
  if (parse_super_manifest(text, &manifest) == Status::ok) {
    facts = manifest.facts;
    for (std::size_t i = 0; i < manifest.requirement_count; ++i) {
      requirements.push_back(manifest.requirement(i));
    }
    SuperMembers list = manifest.members();
    SuperMember member;
    while (list.next(&member)) {
      const ByteSpan bytes = input.first(
          static_cast<std::size_t>(std::min<std::uint64_t>(member.file_bytes, input.size())));
      input = input.subspan(bytes.size());
      Bytes file = mends_members ? resign(bytes, test_key(1), {}) : to_bytes(bytes);
      PackageHead head;
      if (is_honest && inspect_head(file, &head) == Status::ok && head.manifest.source_count <= 1) {
        member = member_of(file);
      }
      member.file_bytes = std::max<std::uint64_t>(file.size(), 1);
      forged.members.push_back(member);
      files.push_back(std::move(file));
    }
  }
  const TestKey key = test_key(1);
  if (forged.members.empty()) {
    // Not even a list: signed as it is.
    forged.file = written_by([&](ByteWriter* writer) {
      encode_document_header(DocumentKind::super_package, text.size(), writer);
    });
    append(&forged.file, text);
    SignatureList list;
    (void)list.insert(sign(key, super_signed_part_digest(forged.file)));
    append(&forged.file,
           written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); }));
  } else {
    forged.file = make_super_head(facts, requirements, forged.members, {&key, 1});
    for (const Bytes& file : files) append(&forged.file, file);
  }
  append(&forged.file, input);
  return forged;
}

// The inventory is what it was, or all that is listed; or what was begun in place is broken.
void check_set(const std::vector<InventoryRecord>& records, const Forged& forged, Status status) {
  require(records.size() == fuzz_product().parts().size(), "no record is lost");
  for (const InventoryRecord& record : records) {
    const bool is_listed = std::ranges::any_of(forged.members, [&](const SuperMember& member) {
      return member.package_id == record.package_id && member.target.version == record.version &&
             member.target.digest == record.image_digest;
    });
    const bool is_old = record.version.view() == "1.0" && record.state != PackageState::installed;
    if (status == Status::ok) {
      const bool is_member = std::ranges::any_of(forged.members, [&](const SuperMember& member) {
        return member.package_id == record.package_id;
      });
      require(is_listed || !is_member, "all targets are named");
    } else {
      require(is_old, "a failure names no target");
    }
  }
}

}  // namespace

// [options u8][cut u16][super package].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::uint8_t bits = input.u8();
  const std::uint16_t cut = input.u16();
  const Bytes rest = input.rest();
  check_encoding(rest);
  const Forged forged = forge(rest, (bits & 1) == 0, (bits & 2) == 0);
  static ProductDevice device(fuzz_product());
  constexpr std::size_t kArenaBytes = 256 * 1024;

  device.boot(device.provisioned());
  const Status whole = device.install_super(forged.file, kArenaBytes).status;
  require(whole != Status::internal && whole != Status::out_of_order, "the file is at fault");
  require(device.simulator().violations().empty(), "the rules of the flash are kept");
  check_set(device.records(device.simulator().storage()), forged, whole);
  const std::uint64_t ops = device.simulator().op_count();
  if (ops == 0) return 0;

  device.boot(device.provisioned());
  device.simulator().plan({pkgtool::FaultKind::cut_before, cut % ops, 0, 1});
  (void)device.install_super(forged.file, kArenaBytes);
  device.boot(device.simulator().storage());
  const Status resumed = device.install_super(forged.file, kArenaBytes).status;
  require((resumed == Status::ok) == (whole == Status::ok), "a cut does not change the verdict");
  check_set(device.records(device.simulator().storage()), forged, resumed);
  return 0;
}
