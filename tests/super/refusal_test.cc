// What a device refuses, and that nothing was written when it does.
#include <gtest/gtest.h>

#include "pkgtool/simulated_shapes.h"
#include "tests/super/product.h"

namespace romdelta::test {
namespace {

ProductOptions tiny(std::string member_of = {}) {
  ProductOptions options;
  options.geometry = *pkgtool::find_geometry("tiny");
  options.member_of = std::move(member_of);
  return options;
}

class SuperRefusal : public ::testing::Test {
 protected:
  SuperRefusal() : product(tiny()), device(product) { device.boot(device.provisioned()); }

  void expect_refused(ByteSpan file, Status expected, std::size_t arena_bytes = 0) {
    device.boot(device.provisioned());
    EXPECT_EQ(device.install_super(file, arena_bytes).status, expected);
    EXPECT_EQ(device.simulator().op_count(), 0u) << to_string(expected);
  }
  std::vector<Bytes> members() const {
    std::vector<Bytes> result;
    for (const RomPart& part : product.parts()) result.push_back(part.package);
    return result;
  }
  MadeSuper super_with(const SuperFacts& facts) const { return product.super_of(members(), facts); }

  Product product;
  ProductDevice device;
};

TEST_F(SuperRefusal, OfHeadsThatAreNotAuthentic) {
  SuperPlan plan;
  plan.facts = product.facts();
  plan.members = members();
  const TestKey stranger = test_key(2);
  expect_refused(make_super(plan, {&stranger, 1}).file, Status::unknown_key);
  expect_refused(make_super(plan, {}).file, Status::unknown_key);
  Bytes damaged = product.super().file;
  damaged[100] ^= 1;
  expect_refused(damaged, Status::bad_signature);
  device.device().trusted_keys = {};
  expect_refused(product.super().file, Status::no_trusted_key);
}

TEST_F(SuperRefusal, OfAPackageInItsPlace) {
  expect_refused(product.parts()[0].package, Status::unsupported_format);
  EXPECT_EQ(device.install_package(product.parts()[0].package), Status::ok);
}

TEST_F(SuperRefusal, OfOtherDevices) {
  SuperFacts facts = product.facts();
  (void)facts.device.vendor.assign("other");
  expect_refused(super_with(facts).file, Status::wrong_device);
}

TEST_F(SuperRefusal, OfMembersThatTheDeviceDoesNotHave) {
  const std::span<const RomRegion> regions = device.device().regions;
  device.device().regions = regions.first(regions.size() - 1);
  expect_refused(product.super().file, Status::unknown_package);
}

TEST_F(SuperRefusal, OfRequirementsThatAreNotMet) {
  SuperPlan plan;
  plan.facts = product.facts();
  plan.members = members();
  plan.members.erase(plan.members.begin());
  const auto with = [&](std::string_view version) {
    plan.requirements = {requirement_of("com.example.kernel", {&version, 1})};
    return make_super(plan).file;
  };
  expect_refused(with("1.1"), Status::requirement_unmet);
  plan.requirements.clear();
  const std::string_view one[] = {"1.0"};
  plan.requirements = {requirement_of("com.example.modem", one)};
  expect_refused(make_super(plan).file, Status::requirement_unmet);
  device.boot(device.provisioned());
  EXPECT_EQ(device.install_super(with("1.0")).status, Status::ok);
}

TEST_F(SuperRefusal, WhenNoSourceFits) {
  const RomPart& radio = product.parts()[4];
  std::vector<Bytes> list = members();
  list[4] = product.build(radio, radio.source, radio.target, "2.0", "0.9");
  const MadeSuper super = product.super_of(list, product.facts());
  device.boot(device.provisioned());
  const InstallResult result = device.install_super(super.file);
  EXPECT_EQ(result.status, Status::wrong_source);
  EXPECT_EQ(result.statuses[4], Status::wrong_source);
  EXPECT_EQ(result.states[4], MemberState::failed);
  EXPECT_EQ(device.simulator().op_count(), 0u);
}

TEST_F(SuperRefusal, OfASourceThatIsNotWhatTheInventorySays) {
  for (const std::size_t index : {0u, 3u}) {
    const RomPart& part = product.parts()[index];
    pkgtool::SimulatedStorage storage = device.provisioned();
    Bytes byte = device.image(storage, part, Slot::a, 1);
    byte[0] ^= 1;
    storage.image(pkgtool::Part::slot_a).contents.write(part.slot_a_at, byte);
    device.boot(storage);
    const InstallResult result = device.install_super(product.super().file);
    EXPECT_EQ(result.status, Status::wrong_source);
    EXPECT_EQ(result.statuses[index], Status::wrong_source);
    EXPECT_EQ(device.simulator().op_count(), 0u) << index;
  }
}

TEST_F(SuperRefusal, OfMembersThatWereExchangedOrDamaged) {
  const MadeSuper& super = product.super();
  const std::size_t first = super.head.size();
  // The payload of the first member.
  Bytes damaged = super.file;
  damaged[first + super.members[0].file_bytes - 1] ^= 1;
  device.boot(device.provisioned());
  EXPECT_EQ(device.install_super(damaged).status, Status::corrupt_chunk);
  EXPECT_EQ(device.set_of(device.simulator().storage()), ProductSet::source);
  EXPECT_EQ(device.fault_of(device.simulator().storage(), true), "");
  // Another signed package where the first is listed.
  const RomPart& kernel = product.parts()[0];
  const Bytes other = product.build(kernel, {}, kernel.source, "1.9");
  Bytes exchanged = super.file;
  std::copy(other.begin(),
            other.begin() + static_cast<std::ptrdiff_t>(
                                std::min<std::size_t>(other.size(), super.members[0].file_bytes)),
            exchanged.begin() + static_cast<std::ptrdiff_t>(first));
  expect_refused(exchanged, Status::wrong_member);
}

TEST_F(SuperRefusal, OfFilesThatAreTooShortOrTooLong) {
  const Bytes& file = product.super().file;
  Bytes longer = file;
  longer.push_back(0);
  device.boot(device.provisioned());
  EXPECT_EQ(device.install_super(longer).status, Status::trailing_bytes);
  EXPECT_EQ(device.set_of(device.simulator().storage()), ProductSet::source);
  for (const std::size_t count : {std::size_t{0}, std::size_t{15}, product.super().head.size(),
                                  file.size() / 2, file.size() - 1}) {
    device.boot(device.provisioned());
    EXPECT_EQ(device.install_super(ByteSpan(file).first(count)).status, Status::truncated) << count;
    EXPECT_EQ(device.set_of(device.simulator().storage()), ProductSet::source);
    if (count < file.size() / 2) {
      EXPECT_EQ(device.simulator().op_count(), 0u) << count;
    }
  }
}

TEST_F(SuperRefusal, OfDirectoriesThatSayOtherThanTheirMembers) {
  SuperPlan plan;
  plan.facts = product.facts();
  const auto with = [&](auto&& change) {
    std::vector<SuperMember> list = product.super().members;
    change(&list[0]);
    const TestKey key = test_key(1);
    Bytes file = make_super_head(plan.facts, {}, list, {&key, 1});
    for (const Bytes& member : members()) append(&file, member);
    return file;
  };
  expect_refused(with([](SuperMember* m) { m->ram_bytes -= 1; }), Status::wrong_member);
  expect_refused(with([](SuperMember* m) { m->scratch_bytes += 1; }), Status::wrong_member);
  expect_refused(with([](SuperMember* m) { m->order.number += 1; }), Status::wrong_member);
  expect_refused(with([](SuperMember* m) { m->target.bytes += 1; }), Status::wrong_member);
  expect_refused(with([](SuperMember* m) {
                   m->layout = Layout::ab;
                   m->manifest_digest = {};
                 }),
                 Status::wrong_member);
}

TEST(SuperMembership, RefusesAMemberThatWasCutOut) {
  const Product product(tiny("com.example.bound"));
  ProductDevice device(product);
  for (const RomPart& part : product.parts()) {
    device.boot(device.provisioned());
    EXPECT_EQ(device.install_package(part.package), Status::not_a_member) << part.id;
    EXPECT_EQ(device.simulator().op_count(), 0u);
  }
}

TEST(SuperMembership, RefusesAMemberOfAnotherSuperPackage) {
  const Product product(tiny("com.example.bound"));
  ProductDevice device(product);
  SuperFacts facts = product.facts();
  ASSERT_TRUE(facts.name.assign("com.example.other"));
  std::vector<Bytes> members;
  for (const RomPart& part : product.parts()) members.push_back(part.package);
  device.boot(device.provisioned());
  EXPECT_EQ(device.install_super(product.super_of(members, facts).file).status,
            Status::not_a_member);
  EXPECT_EQ(device.simulator().op_count(), 0u);
}

}  // namespace
}  // namespace romdelta::test
