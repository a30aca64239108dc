// Everything that can be refused is refused before the first write: in place there is no way back.
#include <gtest/gtest.h>

#include <algorithm>

#include "format/result_code.h"
#include "installer/port/flash_ram.h"
#include "tests/in_place/cases.h"
#include "tests/support/package_maker.h"

namespace romdelta::test {
namespace {

class InPlaceRefusal : public ::testing::Test {
 protected:
  void expect_refused(Status expected) { expect_refused(package.file, expected); }
  void expect_refused(ByteSpan file, Status expected) {
    device->faults.reset();
    EXPECT_EQ(run_session(device.get(), file).status, expected);
    EXPECT_EQ(device->faults.writes(), 0u) << to_string(expected);
    EXPECT_EQ(device->installed().version.view(), "1.0");
  }
  // The package with its manifest changed, signed again.
  template <typename Change>
  Bytes file_with(Change&& change) const {
    Manifest manifest = package.manifest();
    change(&manifest);
    manifest.budgets.ram_bytes = std::max(manifest.budgets.ram_bytes, arena_bytes_needed(manifest));
    Bytes file = make_head(manifest, {&key, 1});
    append(&file, ByteSpan(package.file).subspan(package.head.head_bytes));
    return file;
  }
  // Replaces the flash of the slot by one of another geometry.
  void with_slot_geometry(const FlashGeometry& geometry) {
    other_flash.emplace(device->slot_memory(Slot::a), geometry);
    counted.emplace(&*other_flash, &device->faults);
    device->region.slot_a = {&*counted, 0, device->slot_memory(Slot::a).size()};
  }
  void with_scratch_geometry(const FlashGeometry& geometry) {
    other_flash.emplace(device->scratch_memory(), geometry);
    counted.emplace(&*other_flash, &device->faults);
    device->device.scratch = {&*counted, 0, device->scratch_memory().size()};
  }

  const InPlacePackage& package = in_place_package("holes");
  TestKey key = test_key(1);
  std::unique_ptr<TestDevice> device = device_for(package.made_for);
  std::optional<RamFlash> other_flash;
  std::optional<FaultyFlash> counted;
};

TEST_F(InPlaceRefusal, OfAnotherSource) {
  Bytes& slot = device->slot_memory(Slot::a);
  for (const std::size_t at :
       {std::size_t{0}, slot.size() / 2, package.made_for.source.size() - 1}) {
    slot[at] ^= 1;
    expect_refused(Status::wrong_source);
    EXPECT_EQ(static_cast<int>(result_code(Status::wrong_source)), 403);
    slot[at] ^= 1;
  }
  EXPECT_EQ(run_session(device.get(), package.file).status, Status::ok);
}

TEST_F(InPlaceRefusal, OfAnotherVersion) {
  device->provision(package.made_for.source, "1.1");
  device->faults.reset();
  EXPECT_EQ(run_session(device.get(), package.file).status, Status::wrong_source);
  EXPECT_EQ(device->faults.writes(), 0u);
}

TEST_F(InPlaceRefusal, OfATargetThatIsThereUnderAnotherVersion) {
  InPlaceCase other = package.made_for;
  std::swap(other.source, other.target);
  BuildOptions options;
  options.source_version = "7.0";
  expect_refused(build_package(other, options), Status::wrong_source);
}

TEST_F(InPlaceRefusal, OfTooLittleScratch) {
  device->device.scratch = {&device->scratch_flash(), 0, device->scratch_memory().size() - 1024};
  expect_refused(Status::scratch_too_small);
  device->device.scratch = {};
  expect_refused(Status::scratch_too_small);
}

TEST_F(InPlaceRefusal, OfATooSmallSlot) {
  const std::uint64_t target_bytes = package.manifest().target.bytes;
  device->region.slot_a = {&device->slot_flash(Slot::a), 0, target_bytes / 1024 * 1024 - 1024};
  expect_refused(Status::slot_too_small);
}

TEST_F(InPlaceRefusal, OfASlotThatTheSourceDoesNotFitInto) {
  const InPlacePackage& smaller = in_place_package("smaller");
  device = device_for(smaller.made_for);
  device->region.slot_a = {&device->slot_flash(Slot::a), 0,
                           round_up(smaller.manifest().target.bytes, 1024)};
  device->faults.reset();
  EXPECT_EQ(run_session(device.get(), smaller.file).status, Status::wrong_source);
  EXPECT_EQ(device->faults.writes(), 0u);
}

TEST_F(InPlaceRefusal, OfLargerUnitsThanThePackageWasMadeFor) {
  with_slot_geometry({2048, 16, true});
  expect_refused(Status::unsupported_geometry);
  with_slot_geometry({1024, 32, true});
  expect_refused(Status::unsupported_geometry);
  device = device_for(package.made_for);
  with_scratch_geometry({2048, 16, true});
  expect_refused(Status::unsupported_geometry);
  with_scratch_geometry({1024, 32, true});
  expect_refused(Status::unsupported_geometry);
}

TEST_F(InPlaceRefusal, OfScratchThatDoesNotEndOnABlock) {
  device->device.scratch = {&device->scratch_flash(), 512, device->scratch_memory().size() - 512};
  const Bytes file = file_with([](Manifest* m) { m->budgets.scratch_bytes -= 1024; });
  expect_refused(file, Status::unsupported_geometry);
}

TEST_F(InPlaceRefusal, OfAJournalThatHoldsTooFewRecords) {
  // One place in each half.
  Bytes memory(2 * 1024, 0xff);
  RamFlash flash(memory, {1024, 1024, true});
  FaultyFlash faulty(&flash, &device->faults);
  device->device.journal = {&faulty, 0, memory.size()};
  expect_refused(Status::journal_too_small);
}

TEST_F(InPlaceRefusal, OfAnotherDeviceOrAnOlderPackage) {
  device->provision(package.made_for.source, "1.0", 9);
  expect_refused(Status::rollback);
  device->region.package_id = "com.example.other";
  device->faults.reset();
  EXPECT_EQ(run_session(device.get(), package.file).status, Status::unknown_package);
  EXPECT_EQ(device->faults.writes(), 0u);
}

TEST_F(InPlaceRefusal, OfAPlanThatIsDamaged) {
  const std::size_t begin = package.head.head_bytes;
  for (std::size_t at = begin; at < begin + package.manifest().plan.bytes; ++at) {
    Bytes file = package.file;
    file[at] ^= 1;
    expect_refused(file, Status::corrupt_chunk);
  }
}

TEST_F(InPlaceRefusal, OfANodeThatIsDamagedBeforeAnyGroupIsWritten) {
  Bytes file = package.file;
  file[package.head.head_bytes + package.manifest().plan.bytes] ^= 1;
  EXPECT_EQ(run_session(device.get(), file).status, Status::corrupt_chunk);
  const ByteSpan slot = device->slot_memory(Slot::a);
  EXPECT_TRUE(
      std::ranges::equal(slot.first(package.made_for.source.size()), package.made_for.source));
  EXPECT_EQ(run_session(device.get(), package.file).status, Status::ok);
}

// Signed, but not by one who counted right.
TEST_F(InPlaceRefusal, OfAPlanThatSaysMoreThanTheManifest) {
  const auto refused = [&](auto change) {
    device = device_for(package.made_for);
    expect_refused(file_with(change), Status::malformed_chunk);
  };
  ASSERT_GT(package.manifest().plan.step_count, package.manifest().chunk_count);
  ASSERT_LT(package.manifest().plan.step_count + package.manifest().plan.hole_count,
            package.manifest().group_count());
  refused([](Manifest* m) { ++m->plan.step_count; });
  refused([](Manifest* m) {
    m->plan.chunk_steps_max = std::min(m->plan.chunk_steps_max, m->plan.step_count - 1);
    --m->plan.step_count;
    m->plan.rewritten_bytes -= m->group_bytes;
  });
  refused([](Manifest* m) { --m->plan.rewritten_bytes; });
  refused([](Manifest* m) { ++m->plan.hole_count; });
  refused([](Manifest* m) { --m->plan.hole_count; });
  refused([](Manifest* m) { --m->plan.chunk_steps_max; });
}

TEST_F(InPlaceRefusal, OfAPlanThatKeepsMoreThanTheManifestSays) {
  for (const char* name : {"moved", "holes"}) {
    const InPlacePackage& keeping = in_place_package(name);
    device = device_for(keeping.made_for);
    Manifest manifest = keeping.manifest();
    ASSERT_GT(manifest.plan.kept_count_max, 0u);
    --manifest.plan.kept_count_max;
    Bytes file = make_head(manifest, {&key, 1});
    append(&file, ByteSpan(keeping.file).subspan(keeping.head.head_bytes));
    expect_refused(file, Status::malformed_chunk);
  }
}

TEST_F(InPlaceRefusal, OfFullPackagesOnTheSameGrounds) {
  const Bytes full = full_package(package.made_for);
  with_slot_geometry({2048, 16, true});
  expect_refused(full, Status::unsupported_geometry);
  device = device_for(package.made_for);
  device->region.slot_a = {&device->slot_flash(Slot::a), 0, 1024};
  expect_refused(full, Status::slot_too_small);
}

}  // namespace
}  // namespace romdelta::test
