// While a source is being overwritten only the package that does it can finish.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/in_place/cases.h"
#include "tests/support/package_maker.h"

namespace romdelta::test {
namespace {

class InPlacePending : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(run_until_group(device.get(), package.file, 3)); }

  void expect_refused(ByteSpan file, Status expected = Status::update_pending) {
    device->faults.reset();
    EXPECT_EQ(run_session(device.get(), file).status, expected);
    EXPECT_EQ(device->faults.writes(), 0u);
  }
  void expect_finishes() {
    ASSERT_EQ(run_session(device.get(), package.file).status, Status::ok);
    EXPECT_TRUE(device->active_image() == package.made_for.target);
  }

  const InPlacePackage& package = in_place_package("moved");
  std::unique_ptr<TestDevice> device = device_for(package.made_for);
};

TEST_F(InPlacePending, RefusesAnotherBuildOfTheSameVersion) {
  InPlaceCase other = package.made_for;
  other.scratch_bytes -= 1024;
  expect_refused(build_package(other));
  expect_finishes();
}

TEST_F(InPlacePending, RefusesANewerDelta) {
  BuildOptions options;
  options.target_version = "2.1";
  expect_refused(build_package(package.made_for, options));
  expect_finishes();
}

TEST_F(InPlacePending, RefusesAFullPackage) {
  expect_refused(full_package(package.made_for));
  expect_finishes();
}

TEST_F(InPlacePending, RefusesAPackageForAnotherRegion) {
  // A second region with two slots, in memory of its own.
  Bytes memory_a(64 * 1024, 0xff);
  Bytes memory_b(64 * 1024, 0xff);
  RamFlash flash_a(memory_a, nor_geometry);
  RamFlash flash_b(memory_b, nor_geometry);
  std::array<RomRegion, 2> regions;
  regions[0] = device->region;
  regions[1].package_id = "com.example.other";
  regions[1].slot_a = {&flash_a, 0, memory_a.size()};
  regions[1].slot_b = {&flash_b, 0, memory_b.size()};
  PackagePlan other;
  other.package_id = "com.example.other";
  other.target = make_image(3000, 7);
  const Bytes file = make_package(other).file;
  InventoryRecord record;
  ASSERT_TRUE(record.package_id.assign("com.example.other"));
  ASSERT_TRUE(record.version.assign("1.0"));
  Bytes buffer(limits::record_buffer_bytes);
  Inventory inventory;
  ASSERT_EQ(inventory.open(device->device.inventory, buffer), Status::ok);
  ASSERT_EQ(inventory.update(record), Status::ok);
  device->device.regions = regions;
  expect_refused(file);
  expect_finishes();
  EXPECT_EQ(run_session(device.get(), file).status, Status::ok) << "afterwards it is welcome";
}

TEST_F(InPlacePending, IsOverWhenTheUpdateHasFailedForGood) {
  // The slot lost what nobody had saved: more than any stash could mend.
  std::ranges::fill(device->slot_memory(Slot::a), std::uint8_t{0x66});
  const Status status = run_session(device.get(), package.file).status;
  ASSERT_TRUE(status == Status::source_damaged || status == Status::target_mismatch)
      << to_string(status);
  EXPECT_EQ(device->installed().version.view(), "1.0");
  EXPECT_EQ(device->newest_record()->kind, JournalKind::done);
  EXPECT_EQ(device->newest_record()->outcome, status);
  const Bytes full = full_package(package.made_for);
  ASSERT_EQ(run_session(device.get(), full).status, Status::ok);
  EXPECT_TRUE(device->active_image() == package.made_for.target);
  EXPECT_EQ(device->installed().version.view(), "3.0");
}

TEST_F(InPlacePending, FailsAgainWhenItIsTriedAgainAfterThat) {
  std::ranges::fill(device->slot_memory(Slot::a), std::uint8_t{0x66});
  std::ranges::fill(device->scratch_memory(), std::uint8_t{0x66});
  ASSERT_EQ(run_session(device.get(), package.file).status, Status::source_damaged);
  EXPECT_NE(run_session(device.get(), package.file).status, Status::ok);
  EXPECT_EQ(run_session(device.get(), full_package(package.made_for)).status, Status::ok);
}

// What is installed says nothing of a slot that a later update has ruined.
TEST_F(InPlacePending, LetsWhatWasInstalledBeforeARuinedUpdateRepairTheSlot) {
  device = device_for(package.made_for);
  InPlaceCase back = package.made_for;
  const Bytes full = full_package(package.made_for);
  ASSERT_EQ(run_session(device.get(), full).status, Status::ok);
  std::swap(back.source, back.target);
  BuildOptions options;
  options.source_version = "3.0";
  options.target_version = "4.0";
  const Bytes delta = build_package(back, options);
  ASSERT_TRUE(run_until_group(device.get(), delta, 3));
  std::ranges::fill(device->slot_memory(Slot::a), std::uint8_t{0x66});
  std::ranges::fill(device->scratch_memory(), std::uint8_t{0x66});
  ASSERT_EQ(run_session(device.get(), delta).status, Status::source_damaged);
  EXPECT_EQ(device->installed().version.view(), "3.0");
  ASSERT_EQ(run_session(device.get(), full).status, Status::ok);
  EXPECT_TRUE(device->active_image() == package.made_for.target);
}

TEST_F(InPlacePending, WorksAgainOnceTheSourceIsBack) {
  std::ranges::fill(device->scratch_memory(), std::uint8_t{0x66});
  std::ranges::fill(device->slot_memory(Slot::a), std::uint8_t{0x66});
  ASSERT_EQ(run_session(device.get(), package.file).status, Status::source_damaged);
  device->provision(package.made_for.source, "1.0");
  expect_finishes();
}

// A signed mistake: the plan is right, a chunk is not. It cannot be finished, whoever tries.
TEST_F(InPlacePending, IsOverWhenAChunkMakesNoSense) {
  device = device_for(package.made_for);
  const Manifest& m = package.manifest();
  ASSERT_EQ(m.chunk_count, 1u);
  const ByteSpan all = package.file;
  const std::size_t plan_at = package.head.head_bytes + m.map.bytes;
  Chunk chunk;
  chunk.bytes = to_bytes(all.subspan(plan_at + m.plan.bytes + TreeEntry::bytes));
  chunk.target_bytes = m.plan.rewritten_bytes;
  chunk.bytes.push_back(0);  // One byte too many.
  Payload payload = make_payload({&chunk, 1});
  Manifest bad = m;
  bad.tree_root = payload.root;
  bad.chunk_stored_bytes_max = static_cast<std::uint32_t>(chunk.bytes.size());
  bad.payload_bytes = m.map.bytes + m.plan.bytes + payload.bytes.size();
  bad.budgets.ram_bytes = arena_bytes_needed(bad);
  Bytes file = make_head(bad, {&device->key, 1});
  append(&file, all.subspan(package.head.head_bytes, m.map.bytes + m.plan.bytes));
  append(&file, payload.bytes);
  ASSERT_EQ(run_session(device.get(), file).status, Status::source_damaged);
  expect_finishes();
}

// The same for tables that are too small for what the plan does.
TEST_F(InPlacePending, IsOverWhenTheSpillIsTooSmallForThePlan) {
  for (const std::uint32_t fragments : {0u, 1u, 2u, 3u, 4u}) {
    device = device_for(package.made_for);
    Manifest bad = package.manifest();
    bad.plan.fragment_count_max = fragments;
    Bytes file = make_head(bad, {&device->key, 1});
    append(&file, ByteSpan(package.file).subspan(package.head.head_bytes));
    const Status status = run_session(device.get(), file).status;
    ASSERT_NE(status, Status::ok);
    EXPECT_EQ(device->newest_record()->kind, JournalKind::done) << to_string(status);
    EXPECT_EQ(run_session(device.get(), full_package(package.made_for)).status, Status::ok);
    EXPECT_TRUE(device->active_image() == package.made_for.target);
  }
}

}  // namespace
}  // namespace romdelta::test
