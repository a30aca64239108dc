// What a super package does to a device when nothing goes wrong.
#include <gtest/gtest.h>

#include "pkgtool/simulated_shapes.h"
#include "tests/super/product.h"

namespace romdelta::test {
namespace {

ProductOptions options_for(const char* geometry) {
  ProductOptions options;
  options.geometry = *pkgtool::find_geometry(geometry);
  return options;
}

class SuperInstall : public ::testing::TestWithParam<const char*> {
 protected:
  SuperInstall() : product(options_for(GetParam())), device(product) {
    device.boot(device.provisioned());
  }
  const pkgtool::SimulatedStorage& storage() { return device.simulator().storage(); }

  Product product;
  ProductDevice device;
};

TEST_P(SuperInstall, BringsAllRomPackagesToTheirTargets) {
  const InstallResult result = device.install_super(product.super().file);
  ASSERT_EQ(result.status, Status::ok) << testing::PrintToString(result.statuses);
  EXPECT_EQ(device.set_of(storage()), ProductSet::target);
  EXPECT_EQ(device.fault_of(storage(), true), "");
  EXPECT_FALSE(result.already_installed);
  for (const MemberState state : result.states) EXPECT_EQ(state, MemberState::complete);
  EXPECT_EQ(device.newest(storage())->kind, JournalKind::done);
  EXPECT_TRUE(device.simulator().violations().empty()) << device.simulator().violations().front();
  for (const InventoryRecord& record : device.records(storage())) {
    const RomPart* part = nullptr;
    for (const RomPart& each : product.parts()) {
      if (record.package_id.view() == each.id) part = &each;
    }
    ASSERT_NE(part, nullptr);
    EXPECT_EQ(record.active_slot, part->layout == Layout::ab ? Slot::b : Slot::a);
    EXPECT_EQ(record.manifest_digest, member_of(part->package).manifest_digest);
    EXPECT_EQ(record.image_digest, digest_of(DigestDomain::image, part->target));
  }
}

TEST_P(SuperInstall, TakesPiecesOfAnySize) {
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{37}}) {
    device.boot(device.provisioned());
    ASSERT_EQ(device.install_super(product.super().file, 0, piece).status, Status::ok) << piece;
    EXPECT_EQ(device.fault_of(storage(), true), "");
  }
}

TEST_P(SuperInstall, NeedsNoMoreMemoryThanItSays) {
  SuperHead head;
  ASSERT_EQ(inspect_super_head(product.super().file, &head), Status::ok);
  const auto needed = static_cast<std::size_t>(super_arena_bytes_needed(head));
  EXPECT_EQ(device.install_super(product.super().file, needed - 64).status,
            Status::arena_too_small);
  EXPECT_EQ(device.simulator().op_count(), 0u);
  device.boot(device.provisioned());
  const InstallResult result = device.install_super(product.super().file, needed);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_LE(result.arena_used_bytes, needed);
}

TEST_P(SuperInstall, DoesNothingTheSecondTime) {
  ASSERT_EQ(device.install_super(product.super().file).status, Status::ok);
  device.boot(storage());
  const InstallResult again = device.install_super(product.super().file, 0, 100);
  EXPECT_EQ(again.status, Status::ok);
  EXPECT_TRUE(again.already_installed);
  EXPECT_EQ(device.simulator().op_count(), 0u);
  for (const MemberState state : again.states) EXPECT_EQ(state, MemberState::present);
  EXPECT_LE(again.fetched_bytes, product.super().head.size() + 100);
}

INSTANTIATE_TEST_SUITE_P(Flash, SuperInstall, ::testing::Values("tiny", "tiny64", "disk"));

class SuperSelection : public ::testing::Test {
 protected:
  SuperSelection() : product(options_for("tiny")), device(product) {
    device.boot(device.provisioned());
    for (const RomPart& part : product.parts()) {
      other.push_back(revise(part.source, part.source.size(), 999));
    }
  }
  // A delta from another source, the right delta, and a full package; the latter alone where the
  // product has no delta.
  MadeSuper super_with_alternatives() {
    std::vector<Bytes> members;
    for (std::size_t i = 0; i < product.parts().size(); ++i) {
      const RomPart& part = product.parts()[i];
      if (!part.is_delta) {
        members.push_back(part.package);
        continue;
      }
      std::vector<Bytes> group = {product.build(part, part.source, part.target, "2.0"),
                                  product.build(part, other[i], part.target, "2.0", "0.9"),
                                  product.build(part, {}, part.target, "2.0")};
      if (member_of(group[0]).source.digest.value > member_of(group[1]).source.digest.value) {
        std::swap(group[0], group[1]);
      }
      members.insert(members.end(), group.begin(), group.end());
    }
    return product.super_of(members, product.facts());
  }

  Product product;
  ProductDevice device;
  std::vector<Bytes> other;
};

TEST_F(SuperSelection, TakesTheAlternativeThatFitsAndFetchesNoOther) {
  const MadeSuper super = super_with_alternatives();
  const InstallResult result = device.install_super(super.file, 0, 100);
  ASSERT_EQ(result.status, Status::ok) << testing::PrintToString(result.statuses);
  EXPECT_EQ(device.fault_of(device.simulator().storage(), true), "");
  std::uint64_t wanted = super.head.size();
  for (std::size_t i = 0; i < super.members.size(); ++i) {
    const bool is_only = super.members[i].package_id.view() == "com.example.boot" ||
                         super.members[i].package_id.view() == "com.example.fpga";
    const bool fits =
        is_only || (super.members[i].has_source && super.members[i].source.version.view() == "1.0");
    EXPECT_EQ(result.states[i], fits ? MemberState::complete : MemberState::unused) << i;
    // Heads and plans are looked at twice; pieces end behind what is wanted.
    if (fits) wanted += super.members[i].file_bytes + 1500;
  }
  EXPECT_LE(result.fetched_bytes, wanted);
}

TEST_F(SuperSelection, TakesAFullPackageWhereNoDeltaFits) {
  const MadeSuper super = super_with_alternatives();
  // The device was brought to a third version of its kernel.
  const RomPart& kernel = product.parts()[0];
  ASSERT_EQ(device.install_package(product.build(kernel, {}, other[0], "1.5")), Status::ok);
  device.boot(device.simulator().storage());
  const InstallResult result = device.install_super(super.file);
  ASSERT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.states[2], MemberState::complete);
  EXPECT_EQ(device.set_of(device.simulator().storage()), ProductSet::target);
}

TEST_F(SuperSelection, LeavesOutWhatIsThereAlready) {
  const RomPart& kernel = product.parts()[0];
  ASSERT_EQ(device.install_package(product.build(kernel, {}, kernel.target, "2.0")), Status::ok);
  device.boot(device.simulator().storage());
  const InstallResult result = device.install_super(product.super().file);
  ASSERT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.states[0], MemberState::present);
  EXPECT_EQ(result.states[1], MemberState::complete);
  EXPECT_EQ(device.fault_of(device.simulator().storage(), true), "");
}

TEST(SuperMembership, InstallsMembersThatAreBoundToIt) {
  ProductOptions options = options_for("tiny");
  options.member_of = "com.example.bound";
  const Product product(options);
  ProductDevice device(product);
  device.boot(device.provisioned());
  EXPECT_EQ(device.install_super(product.super().file).status, Status::ok);
  EXPECT_EQ(device.fault_of(device.simulator().storage(), true), "");
}

}  // namespace
}  // namespace romdelta::test
