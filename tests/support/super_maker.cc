#include "tests/support/super_maker.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

namespace romdelta::test {
namespace {

void require(bool good, const char* what) {
  if (!good) throw std::logic_error(what);
}

template <typename Text>
Text text_of(std::string_view view) {
  Text text;
  require(text.assign(view), "too long");
  return text;
}

bool coin(Random* random) { return pick(random, 0, 1) == 1; }

std::string random_id(Random* random) {
  std::string id = "p";
  const std::uint64_t count = pick(random, 0, 12);
  for (std::uint64_t i = 0; i < count; ++i) id += "az09._-"[pick(random, 0, 6)];
  return id;
}

Digest random_digest(Random* random) {
  Digest digest;
  for (std::uint8_t& byte : digest.value) byte = static_cast<std::uint8_t>(pick(random, 0, 255));
  return digest;
}

ImageIdentity random_image(Random* random) {
  ImageIdentity image;
  image.version = text_of<Version>(std::to_string(pick(random, 0, 99999)));
  image.bytes = pick(random, 0, limits::image_bytes_max);
  image.digest = random_digest(random);
  return image;
}

// Members of one ROM package: deltas in the order of their sources, then perhaps a full package.
void add_group(Random* random, Layout layout, const std::string& id, RandomSuper* super) {
  SuperMember member;
  member.package_id = text_of<PackageId>(id);
  member.layout = layout;
  member.target = random_image(random);
  std::vector<ImageIdentity> sources;
  const std::uint64_t count = pick(random, 0, 3);
  for (std::uint64_t i = 0; i < count; ++i) sources.push_back(random_image(random));
  std::ranges::sort(sources, {}, [](const ImageIdentity& image) { return image.digest.value; });
  const bool has_full = count == 0 || coin(random);
  for (std::uint64_t i = 0; i < count + (has_full ? 1 : 0); ++i) {
    member.has_source = i < count;
    member.source = member.has_source ? sources[i] : ImageIdentity{};
    member.manifest_digest = random_digest(random);
    member.file_bytes = pick(random, 1, limits::member_bytes_max);
    member.ram_bytes = (*random)();
    member.scratch_bytes = (*random)();
    member.order = {(*random)(), (*random)(), (*random)()};
    super->members.push_back(member);
  }
}

SuperMember sample_member(std::string_view id, Layout layout, std::uint8_t fill) {
  SuperMember member;
  member.package_id = text_of<PackageId>(id);
  member.layout = layout;
  member.manifest_digest.value.fill(fill);
  member.file_bytes = 1000u * fill;
  member.ram_bytes = 100000;
  member.order = {7, 5, 3};
  member.target.version = text_of<Version>("2.0");
  member.target.bytes = 6000;
  member.target.digest.value.fill(static_cast<std::uint8_t>(0x80 + fill));
  return member;
}

void add_source(SuperMember* member, std::string_view version, std::uint8_t fill) {
  member->has_source = true;
  member->source.version = text_of<Version>(version);
  member->source.bytes = 5000;
  member->source.digest.value.fill(fill);
}

}  // namespace

SuperMember member_of(ByteSpan package) {
  PackageHead head;
  require(inspect_head(package, &head) == Status::ok, "no package");
  SuperMember member;
  member.package_id = head.manifest.package_id;
  member.manifest_digest = head.manifest_digest;
  member.file_bytes = package.size();
  member.ram_bytes = head.manifest.budgets.ram_bytes;
  member.scratch_bytes = head.manifest.budgets.scratch_bytes;
  member.order = head.manifest.order;
  member.layout = head.manifest.layout;
  member.has_source = !head.manifest.is_full();
  if (member.has_source) member.source = head.manifest.sources[0];
  member.target = head.manifest.target;
  return member;
}

SuperRequirement requirement_of(std::string_view package_id,
                                std::span<const std::string_view> versions) {
  SuperRequirement requirement;
  requirement.package_id = text_of<PackageId>(package_id);
  for (const std::string_view version : versions) {
    requirement.versions[requirement.version_count++] = text_of<Version>(version);
  }
  return requirement;
}

Bytes make_super_head(const SuperFacts& facts, std::span<const SuperRequirement> requirements,
                      std::span<const SuperMember> members, std::span<const TestKey> keys) {
  Bytes head(limits::super_head_bytes_max);
  ByteWriter writer(head);
  encode_super_signed_part(facts, requirements, members, &writer);
  require(writer.ok(), "the head is too long");
  SignatureList list;
  const Digest digest = super_signed_part_digest(writer.written());
  for (const TestKey& key : keys) require(list.insert(sign(key, digest)), "too many keys");
  encode_signature_list(list, &writer);
  head.resize(writer.offset());
  return head;
}

MadeSuper make_super(const SuperPlan& plan, std::span<const TestKey> keys) {
  MadeSuper made;
  for (const Bytes& member : plan.members) made.members.push_back(member_of(member));
  made.head = make_super_head(plan.facts, plan.requirements, made.members, keys);
  made.file = made.head;
  for (const Bytes& member : plan.members) append(&made.file, member);
  return made;
}

MadeSuper make_super(const SuperPlan& plan) {
  const TestKey key = test_key(1);
  return make_super(plan, {&key, 1});
}

RandomSuper random_super(Random* random) {
  RandomSuper super;
  super.facts.name = text_of<PackageId>(random_id(random));
  if (coin(random)) super.facts.release = text_of<Version>(std::to_string((*random)()));
  if (coin(random)) super.facts.device.vendor = text_of<IdentityName>("example");
  if (coin(random)) super.facts.device.model = text_of<IdentityName>("x1");
  if (coin(random)) {
    super.facts.device.has_hardware_range = true;
    super.facts.device.hardware_min = static_cast<std::uint32_t>(pick(random, 0, 9));
    super.facts.device.hardware_max = static_cast<std::uint32_t>(pick(random, 9, 99));
  }
  if (coin(random)) super.facts.security_counter = pick(random, 1, ~std::uint64_t{0});
  std::set<std::string> ids;
  while (ids.size() < 12) ids.insert(random_id(random));
  std::vector<std::string> names(ids.begin(), ids.end());
  const std::uint64_t required = pick(random, 0, 3);
  for (std::uint64_t i = 0; i < required; ++i) {
    std::set<std::string> versions;
    const std::uint64_t count = pick(random, 1, limits::requirement_version_count_max);
    while (versions.size() < count) versions.insert(std::to_string(pick(random, 0, 999)));
    const std::vector<std::string_view> views(versions.begin(), versions.end());
    super.requirements.push_back(requirement_of(names[i], views));
  }
  std::ranges::shuffle(names.begin() + static_cast<std::ptrdiff_t>(required), names.end(), *random);
  const std::uint64_t groups = pick(random, 1, 9);
  const std::uint64_t ab_groups = pick(random, 0, groups);
  for (std::uint64_t i = 0; i < groups; ++i) {
    add_group(random, i < ab_groups ? Layout::ab : Layout::in_place, names[required + i], &super);
  }
  return super;
}

RandomSuper sample_super() {
  RandomSuper super;
  super.facts.name = text_of<PackageId>("com.example.product");
  super.facts.release = text_of<Version>("4.2.0");
  super.facts.device.vendor = text_of<IdentityName>("example");
  super.facts.device.model = text_of<IdentityName>("x1");
  super.facts.device.has_hardware_range = true;
  super.facts.device.hardware_min = 1;
  super.facts.device.hardware_max = 4;
  super.facts.security_counter = 7;
  const std::string_view versions[] = {"1.8", "1.9"};
  super.requirements.push_back(requirement_of("com.example.radio", versions));
  SuperMember kernel = sample_member("com.example.kernel", Layout::ab, 1);
  add_source(&kernel, "1.0", 0x31);
  super.members.push_back(kernel);
  add_source(&kernel, "1.1", 0x32);
  kernel.manifest_digest.value.fill(2);
  super.members.push_back(kernel);
  super.members.push_back(sample_member("com.example.kernel", Layout::ab, 1));
  super.members.back().manifest_digest.value.fill(3);
  SuperMember rootfs = sample_member("com.example.rootfs", Layout::ab, 4);
  super.members.push_back(rootfs);
  SuperMember mcu = sample_member("com.example.mcu", Layout::in_place, 5);
  add_source(&mcu, "1.0", 0x33);
  mcu.scratch_bytes = 8192;
  super.members.push_back(mcu);
  return super;
}

Bytes encoded(const RandomSuper& super) {
  Bytes bytes(limits::super_manifest_bytes_max);
  ByteWriter writer(bytes);
  encode_super_manifest(super.facts, super.requirements, super.members, &writer);
  require(writer.ok(), "the super manifest is too long");
  bytes.resize(writer.offset());
  return bytes;
}

}  // namespace romdelta::test
