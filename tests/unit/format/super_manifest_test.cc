#include "format/super_manifest.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/support/manifest_maker.h"
#include "tests/support/super_maker.h"

namespace romdelta::test {
namespace {

using Fields = std::vector<ManifestField>;

constexpr std::uint16_t kName = 0x0001;
constexpr std::uint16_t kCounter = 0x000c;
constexpr std::uint16_t kMember = 0x0030;
// Offsets in a member's value.
constexpr std::size_t kLayoutAt = 80;
constexpr std::size_t kSourceCountAt = 81;

Status parse(const Bytes& bytes) {
  SuperManifest manifest;
  return parse_super_manifest(bytes, &manifest);
}

Status parse_edited(const std::function<void(Fields*)>& edit) {
  Fields fields = split_fields(encoded(sample_super()));
  edit(&fields);
  return parse(join_fields(fields));
}

Status parse_changed(const std::function<void(RandomSuper*)>& change) {
  RandomSuper super = sample_super();
  change(&super);
  return parse(encoded(super));
}

RandomSuper read_back(const SuperManifest& manifest) {
  RandomSuper super;
  super.facts = manifest.facts;
  for (std::size_t i = 0; i < manifest.requirement_count; ++i) {
    super.requirements.push_back(manifest.requirement(i));
  }
  SuperMembers members = manifest.members();
  SuperMember member;
  while (members.next(&member)) super.members.push_back(member);
  return super;
}

TEST(SuperManifest, ReadsBackEveryValue) {
  const RandomSuper written = sample_super();
  const Bytes bytes = encoded(written);
  SuperManifest m;
  ASSERT_EQ(parse_super_manifest(bytes, &m), Status::ok);
  EXPECT_EQ(m.facts.name.view(), "com.example.product");
  EXPECT_EQ(m.facts.release.view(), "4.2.0");
  EXPECT_EQ(m.facts.device.vendor.view(), "example");
  EXPECT_EQ(m.facts.device.model.view(), "x1");
  EXPECT_EQ(m.facts.device.hardware_max, 4u);
  EXPECT_EQ(m.facts.security_counter, 7u);
  ASSERT_EQ(m.requirement_count, 1u);
  EXPECT_EQ(m.requirement(0).package_id.view(), "com.example.radio");
  EXPECT_TRUE(m.requirement(0).allows(m.requirement(0).versions[1]));
  EXPECT_FALSE(m.requirement(0).allows(m.facts.release));
  ASSERT_EQ(m.member_count, 5u);
  EXPECT_EQ(m.members_bytes, 1000u + 1000u + 1000u + 4000u + 5000u);
  EXPECT_EQ(m.ram_bytes_max, 100000u);
  EXPECT_EQ(m.scratch_bytes_max, 8192u);
  const SuperMember second = m.member(1);
  EXPECT_EQ(second.package_id.view(), "com.example.kernel");
  EXPECT_TRUE(second.has_source);
  EXPECT_EQ(second.source.version.view(), "1.1");
  EXPECT_EQ(second.source.bytes, 5000u);
  EXPECT_EQ(second.source.digest, written.members[1].source.digest);
  EXPECT_EQ(second.target.digest, written.members[1].target.digest);
  EXPECT_EQ(second.manifest_digest, written.members[1].manifest_digest);
  EXPECT_EQ(second.order, (ReleaseOrder{7, 5, 3}));
  EXPECT_EQ(second.offset_bytes, 1000u);
  EXPECT_FALSE(m.member(2).has_source);
  EXPECT_EQ(m.member(4).layout, Layout::in_place);
  EXPECT_EQ(m.member(4).offset_bytes, 7000u);
}

TEST(SuperManifest, HasOneEncodingOnly) {
  Random random = seeded_random();
  for (int round = 0; round < 1000; ++round) {
    const Bytes bytes = encoded(random_super(&random));
    SuperManifest parsed;
    ASSERT_EQ(parse_super_manifest(bytes, &parsed), Status::ok) << to_hex(bytes);
    ASSERT_EQ(to_hex(encoded(read_back(parsed))), to_hex(bytes));
  }
}

TEST(SuperManifest, ReencodesWhateverItAcceptsAfterDamage) {
  Random random = seeded_random();
  int accepted = 0;
  for (int round = 0; round < 10000; ++round) {
    Bytes bytes = encoded(random_super(&random));
    bytes[pick(&random, 0, bytes.size() - 1)] ^= static_cast<std::uint8_t>(pick(&random, 1, 255));
    SuperManifest parsed;
    if (parse_super_manifest(bytes, &parsed) != Status::ok) continue;
    ++accepted;
    // A field that became an unknown, ignorable one is the only thing that may be lost.
    if (split_fields(bytes).back().tag >= 0x8000) continue;
    ASSERT_EQ(to_hex(encoded(read_back(parsed))), to_hex(bytes));
  }
  EXPECT_GT(accepted, 1000);
}

TEST(SuperManifest, StaysUnchangedWhenParsingFails) {
  const Bytes bytes = encoded(sample_super());
  SuperManifest manifest;
  ASSERT_EQ(parse_super_manifest(bytes, &manifest), Status::ok);
  EXPECT_EQ(parse_super_manifest(Bytes{1}, &manifest), Status::malformed_manifest);
  EXPECT_EQ(to_hex(encoded(read_back(manifest))), to_hex(bytes));
}

TEST(SuperManifest, NeedsANameAndAMember) {
  EXPECT_EQ(parse({}), Status::malformed_manifest);
  EXPECT_EQ(parse_edited([](Fields* f) { f->erase(f->begin()); }), Status::malformed_manifest);
  EXPECT_EQ(
      parse_edited([](Fields* f) { std::erase_if(*f, [](auto& e) { return e.tag == kMember; }); }),
      Status::malformed_manifest);
  EXPECT_EQ(parse_edited([](Fields* f) {
              std::erase_if(*f, [](auto& e) { return e.tag != kMember && e.tag != kName; });
            }),
            Status::ok);
}

TEST(SuperManifest, RefusesFieldsOutOfOrderOrTwice) {
  const Fields fields = split_fields(encoded(sample_super()));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (std::size_t j = i + 1; j < fields.size(); ++j) {
      Fields swapped = fields;
      std::swap(swapped[i], swapped[j]);
      EXPECT_EQ(parse(join_fields(swapped)), Status::malformed_manifest) << i << " " << j;
    }
    Fields twice = fields;
    twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(i), fields[i]);
    EXPECT_EQ(parse(join_fields(twice)), Status::malformed_manifest) << i;
  }
}

TEST(SuperManifest, RefusesEveryTruncation) {
  const Bytes bytes = encoded(sample_super());
  // Right behind each field but the first member it is a shorter super manifest.
  std::size_t whole = 0;
  for (std::size_t count = 0; count < bytes.size(); ++count) {
    if (parse(to_bytes(ByteSpan(bytes).first(count))) == Status::ok) ++whole;
  }
  EXPECT_EQ(whole, 4u);
}

TEST(SuperManifest, IgnoresOnlyUnknownFieldsThatAreNotCritical) {
  EXPECT_EQ(parse_edited([](Fields* f) { f->push_back({0x8001, {1}}); }), Status::ok);
  EXPECT_EQ(parse_edited([](Fields* f) {
              f->push_back({0x0031, {1}});
            }),
            Status::unsupported_field);
}

TEST(SuperManifest, RefusesACounterThatSaysNothing) {
  EXPECT_EQ(parse_edited([](Fields* f) {
              for (ManifestField& field : *f) {
                if (field.tag == kCounter) field.value = Bytes(8);
              }
            }),
            Status::malformed_manifest);
}

TEST(SuperManifest, RefusesTwoTargetsForOneRomPackage) {
  const auto bad = Status::malformed_manifest;
  EXPECT_EQ(parse_changed([](RandomSuper* s) { s->members[2].target.bytes ^= 1; }), bad);
  EXPECT_EQ(parse_changed([](RandomSuper* s) { s->members[1].target.digest.value[31] ^= 1; }), bad);
  EXPECT_EQ(parse_changed([](RandomSuper* s) { (void)s->members[0].target.version.assign("2.1"); }),
            bad);
  // Not beside each other.
  EXPECT_EQ(parse_changed([](RandomSuper* s) {
              (void)s->members[4].package_id.assign("com.example.kernel");
            }),
            bad);
}

TEST(SuperManifest, RefusesAlternativesOfTwoLayouts) {
  EXPECT_EQ(parse_changed([](RandomSuper* s) {
              s->members.resize(3);
              s->members[2].layout = Layout::in_place;
            }),
            Status::malformed_manifest);
}

TEST(SuperManifest, HasAlternativesInOneOrderOnly) {
  const auto bad = Status::malformed_manifest;
  EXPECT_EQ(parse_changed([](RandomSuper* s) { std::swap(s->members[0], s->members[1]); }), bad);
  EXPECT_EQ(parse_changed([](RandomSuper* s) { std::swap(s->members[1], s->members[2]); }), bad);
  EXPECT_EQ(parse_changed([](RandomSuper* s) { s->members[1] = s->members[0]; }), bad);
  EXPECT_EQ(parse_changed([](RandomSuper* s) { s->members[1] = s->members[2]; }), bad);
}

TEST(SuperManifest, InstallsInPlaceLast) {
  EXPECT_EQ(parse_changed([](RandomSuper* s) { std::swap(s->members[3], s->members[4]); }),
            Status::malformed_manifest);
}

TEST(SuperManifest, RefusesRequirementsThatAreMembersOrOutOfOrder) {
  const auto bad = Status::malformed_manifest;
  const std::string_view versions[] = {"1"};
  const std::string_view twice[] = {"1", "1"};
  const std::string_view down[] = {"2", "1"};
  const auto with = [&](const SuperRequirement& added) {
    return parse_changed([&](RandomSuper* s) { s->requirements.push_back(added); });
  };
  EXPECT_EQ(with(requirement_of("com.example.sim", versions)), Status::ok);
  EXPECT_EQ(with(requirement_of("com.example.radio", versions)), bad);
  EXPECT_EQ(with(requirement_of("com.example.a", versions)), bad);
  EXPECT_EQ(with(requirement_of("com.example.rootfs", versions)), bad);
  EXPECT_EQ(with(requirement_of("com.example.sim", twice)), bad);
  EXPECT_EQ(with(requirement_of("com.example.sim", down)), bad);
  EXPECT_EQ(with(requirement_of("com.example.sim", {})), bad);
}

TEST(SuperManifest, RefusesMembersThatBreakARule) {
  const auto with_value = [](std::size_t at, std::uint8_t value) {
    return parse_edited([&](Fields* f) { f->back().value[at] = value; });
  };
  EXPECT_EQ(with_value(kLayoutAt, 1), Status::ok);
  EXPECT_EQ(with_value(kLayoutAt, 2), Status::unsupported_layout);
  EXPECT_EQ(with_value(kSourceCountAt, 0), Status::malformed_manifest);
  EXPECT_EQ(with_value(kSourceCountAt, 2), Status::malformed_manifest);
  for (std::size_t at = kSourceCountAt + 1; at < kSourceCountAt + 4; ++at) {
    EXPECT_EQ(with_value(at, 0), Status::malformed_manifest) << at;
    EXPECT_EQ(with_value(at, 200), Status::malformed_manifest) << at;
  }
  const auto bad = Status::malformed_manifest;
  EXPECT_EQ(parse_changed([](RandomSuper* s) { s->members[3].file_bytes = 0; }), bad);
  EXPECT_EQ(parse_changed(
                [](RandomSuper* s) { s->members[3].file_bytes = limits::member_bytes_max + 1; }),
            bad);
  EXPECT_EQ(parse_changed(
                [](RandomSuper* s) { s->members[3].target.bytes = limits::image_bytes_max + 1; }),
            bad);
}

TEST(SuperManifest, CountsItsMembers) {
  const auto with_members = [](std::size_t count) {
    RandomSuper super;
    (void)super.facts.name.assign("p");
    for (std::size_t i = 0; i < count; ++i) {
      super.members.push_back(sample_super().members[3]);
      (void)super.members.back().package_id.assign("p" + std::to_string(i));
    }
    return parse(encoded(super));
  };
  EXPECT_EQ(with_members(limits::super_member_count_max), Status::ok);
  EXPECT_EQ(with_members(limits::super_member_count_max + 1), Status::malformed_manifest);
}

TEST(SuperManifest, ReadsTheSameWhateverTheOrderOfQuestions) {
  Random random = seeded_random();
  const Bytes bytes = encoded(random_super(&random));
  SuperManifest manifest;
  ASSERT_EQ(parse_super_manifest(bytes, &manifest), Status::ok);
  const RandomSuper all = read_back(manifest);
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < manifest.member_count; ++i) {
    const SuperMember member = manifest.member(i);
    EXPECT_EQ(member.manifest_digest, all.members[i].manifest_digest);
    EXPECT_EQ(member.offset_bytes, offset);
    offset += member.file_bytes;
  }
  EXPECT_EQ(offset, manifest.members_bytes);
}

}  // namespace
}  // namespace romdelta::test
