// Installations in place that nothing disturbs.
#include <gtest/gtest.h>

#include <algorithm>

#include "installer/in_place.h"
#include "tests/in_place/cases.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

// Counts the erases of each block; on storage that overwrites, the programs of its first unit.
class WearFlash final : public Flash {
 public:
  WearFlash(Flash* flash, std::uint32_t block_bytes)
      : flash_(*flash), block_bytes_(block_bytes), erased_(flash->size_bytes() / block_bytes) {}

  FlashGeometry geometry() const override { return flash_.geometry(); }
  std::uint64_t size_bytes() const override { return flash_.size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    return flash_.read(offset, into);
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    for (std::uint64_t at = offset; at < offset + count; at += block_bytes_) {
      ++erased_[at / block_bytes_];
    }
    return flash_.erase(offset, count);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    return flash_.program(offset, bytes);
  }
  Status sync() override { return flash_.sync(); }

  std::uint32_t most() const { return erased_.empty() ? 0 : *std::ranges::max_element(erased_); }

 private:
  Flash& flash_;
  std::uint32_t block_bytes_;
  std::vector<std::uint32_t> erased_;
};

// Programs one bit wrong, once, and says nothing.
class WrongFlash final : public Flash {
 public:
  WrongFlash(Flash* flash, std::uint64_t wrong_at) : flash_(*flash), wrong_at_(wrong_at) {}

  FlashGeometry geometry() const override { return flash_.geometry(); }
  std::uint64_t size_bytes() const override { return flash_.size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    return flash_.read(offset, into);
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    return flash_.erase(offset, count);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    Bytes wrong = to_bytes(bytes);
    if (count_++ == wrong_at_) wrong[wrong.size() / 2] ^= 4;
    return flash_.program(offset, wrong);
  }
  Status sync() override { return flash_.sync(); }

 private:
  Flash& flash_;
  std::uint64_t wrong_at_;
  std::uint64_t count_ = 0;
};

class InPlaceInstall : public ::testing::TestWithParam<const InPlacePackage*> {
 protected:
  const InPlaceCase& the_case() const { return GetParam()->made_for; }
  const Manifest& manifest() const { return GetParam()->manifest(); }
  void expect_installed() {
    const InventoryRecord record = device->installed();
    EXPECT_EQ(record.version.view(), "2.0");
    EXPECT_EQ(record.active_slot, Slot::a);
    EXPECT_EQ(record.state, PackageState::installed);
    EXPECT_EQ(record.image_digest, digest_of(DigestDomain::image, the_case().target));
    EXPECT_TRUE(device->active_image() == the_case().target);
    ASSERT_TRUE(device->newest_record());
    EXPECT_EQ(device->newest_record()->kind, JournalKind::done);
    EXPECT_EQ(device->newest_record()->outcome, Status::ok);
    EXPECT_EQ(device->newest_record()->layout, Layout::in_place);
  }

  std::unique_ptr<TestDevice> device = device_for(GetParam()->made_for);
};

TEST_P(InPlaceInstall, MakesTheTarget) {
  const RunResult result = run_session(device.get(), GetParam()->file);
  ASSERT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.target_slot, Slot::a);
  EXPECT_EQ(result.resumed_at_chunk, 0u);
  expect_installed();
}

TEST_P(InPlaceInstall, MakesTheTargetOfPiecesOfOneByte) {
  RunOptions options;
  options.piece_bytes = 1;
  options.from_beginning = true;
  ASSERT_EQ(run_session(device.get(), GetParam()->file, options).status, Status::ok);
  expect_installed();
}

TEST_P(InPlaceInstall, MakesTheTargetOfPiecesOfAnySize) {
  Random random = seeded_random();
  RunOptions options;
  options.random = &random;
  ASSERT_EQ(run_session(device.get(), GetParam()->file, options).status, Status::ok);
  expect_installed();
}

TEST_P(InPlaceInstall, DoesNothingTheSecondTime) {
  ASSERT_EQ(run_session(device.get(), GetParam()->file).status, Status::ok);
  device->faults.reset();
  const RunResult again = run_session(device.get(), GetParam()->file);
  EXPECT_EQ(again.status, Status::ok);
  EXPECT_TRUE(again.already_installed);
  EXPECT_EQ(device->faults.writes(), 0u);
}

// Old phases of the same package lie in the scratch, and must not be taken for new ones.
TEST_P(InPlaceInstall, WorksAgainWhereItWorkedBefore) {
  ASSERT_EQ(run_session(device.get(), GetParam()->file).status, Status::ok);
  device->provision(the_case().source, "1.0");
  ASSERT_EQ(run_session(device.get(), GetParam()->file).status, Status::ok);
  expect_installed();
}

TEST_P(InPlaceInstall, WorksWithScratchFullOfAnything) {
  Random random = seeded_random();
  std::ranges::copy(random_bytes(&random, device->scratch_memory().size()),
                    device->scratch_memory().begin());
  ASSERT_EQ(run_session(device.get(), GetParam()->file).status, Status::ok);
  expect_installed();
}

TEST_P(InPlaceInstall, WorksWhereThereIsMoreOfEverything) {
  DeviceShape shape;
  shape.slots = the_case().flash;
  shape.slot_bytes = 256 * 1024;
  shape.scratch_bytes = 256 * 1024;
  TestDevice rich(shape);
  rich.provision(the_case().source, "1.0");
  RunOptions options;
  options.arena_bytes = 2 << 20;
  ASSERT_EQ(run_session(&rich, GetParam()->file, options).status, Status::ok);
  EXPECT_TRUE(rich.active_image() == the_case().target);
  EXPECT_EQ(rich.installed().active_slot, Slot::a);
}

TEST_P(InPlaceInstall, KeepsItsBudgets) {
  WearFlash slot(&device->slot_flash(Slot::a), the_case().erase_block_bytes);
  WearFlash scratch(&device->scratch_flash(), the_case().erase_block_bytes);
  device->region.slot_a = {&slot, 0, slot.size_bytes()};
  device->device.scratch = {&scratch, 0, scratch.size_bytes()};
  RunOptions options;
  options.arena_bytes = manifest().budgets.ram_bytes;
  const std::uint64_t journal_before = device->journal_flash().programmed_bytes();
  const RunResult result = run_session(device.get(), GetParam()->file, options);
  ASSERT_EQ(result.status, Status::ok);
  const Budgets& budgets = manifest().budgets;
  EXPECT_EQ(result.arena_used_bytes, budgets.ram_bytes) << "not a byte more than is needed";
  EXPECT_LE(
      device->slot_flash(Slot::a).programmed_bytes() + device->scratch_flash().programmed_bytes(),
      budgets.flash_write_bytes);
  EXPECT_LE(device->slot_flash(Slot::a).erased_blocks() + device->scratch_flash().erased_blocks(),
            budgets.erase_count);
  EXPECT_LE(device->journal_flash().programmed_bytes() - journal_before, budgets.journal_bytes);
  EXPECT_LE(slot.most(), manifest().plan.block_erase_count);
  EXPECT_LE(scratch.most(), manifest().plan.block_erase_count);
}

TEST_P(InPlaceInstall, NeedsTheArenaThatItSays) {
  device->faults.reset();
  RunOptions options;
  options.arena_bytes = manifest().budgets.ram_bytes - 1;
  EXPECT_EQ(run_session(device.get(), GetParam()->file, options).status, Status::arena_too_small);
  EXPECT_EQ(device->faults.writes(), 0u);
}

TEST_P(InPlaceInstall, ReportsProgressUpToTheEnd) {
  struct Log {
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;
    static bool progress(void* context, const Progress& progress) {
      if (progress.stage != Progress::Stage::apply) return true;
      auto* log = static_cast<Log*>(context);
      EXPECT_GT(progress.done_bytes, log->done_bytes);
      log->done_bytes = progress.done_bytes;
      log->total_bytes = progress.total_bytes;
      return true;
    }
  } log;
  RunOptions options;
  options.session.progress = &Log::progress;
  options.session.progress_context = &log;
  ASSERT_EQ(run_session(device.get(), GetParam()->file, options).status, Status::ok);
  EXPECT_EQ(log.total_bytes, manifest().plan.rewritten_bytes);
  EXPECT_EQ(log.done_bytes, log.total_bytes);
}

TEST_P(InPlaceInstall, OfAFullPackageMakesTheTarget) {
  const Bytes full = full_package(the_case());
  const std::uint64_t journal_before = device->journal_flash().programmed_bytes();
  ASSERT_EQ(run_session(device.get(), full).status, Status::ok);
  PackageHead head;
  ASSERT_EQ(inspect_head(full, &head), Status::ok);
  const Budgets& budgets = head.manifest.budgets;
  // The journal has program units of 16 bytes, which its records fill.
  EXPECT_LE(device->journal_flash().programmed_bytes() - journal_before, budgets.journal_bytes);
  EXPECT_LE(device->slot_flash(Slot::a).programmed_bytes(), budgets.flash_write_bytes);
  EXPECT_LE(device->slot_flash(Slot::a).erased_blocks(), budgets.erase_count);
  EXPECT_EQ(device->installed().version.view(), "3.0");
  EXPECT_EQ(device->installed().active_slot, Slot::a);
  EXPECT_TRUE(device->active_image() == the_case().target);
}

std::string case_name(const ::testing::TestParamInfo<const InPlacePackage*>& info) {
  return info.param->made_for.name;
}
INSTANTIATE_TEST_SUITE_P(Of, InPlaceInstall, ::testing::ValuesIn(in_place_packages()), case_name);

// The cases are what they are called: or the tests above do not test what they seem to.
TEST(InPlaceCases, AskForWhatTheyAreCalled) {
  EXPECT_GT(in_place_package("moved").manifest().plan.kept_count_max, 0u);
  EXPECT_GT(in_place_package("tight").manifest().chunk_count, 1u);
  EXPECT_GT(in_place_package("holes").manifest().plan.hole_count, 0u);
  EXPECT_TRUE(in_place_package("map").manifest().map.present());
  EXPECT_NE(in_place_package("short").manifest().target.bytes % 1024, 0u);
  EXPECT_EQ(in_place_package("nand").manifest().erase_block_bytes, 8192u);
  for (const InPlacePackage* each : in_place_packages()) {
    EXPECT_LT(each->file.size(), each->made_for.target.size() / 2) << each->made_for.name;
  }
}

TEST(InPlaceCases, NoticeAGroupThatDoesNotReadBack) {
  const InPlacePackage& package = in_place_package("moved");
  for (std::uint64_t wrong_at = 0; wrong_at < package.manifest().plan.step_count; ++wrong_at) {
    const auto device = device_for(package.made_for);
    const FlashRegion slot = device->region.slot_a;
    WrongFlash flash(&device->slot_flash(Slot::a), wrong_at);
    device->region.slot_a = {&flash, 0, flash.size_bytes()};
    ASSERT_EQ(run_session(device.get(), package.file).status, Status::flash_program_failed);
    device->region.slot_a = slot;
    ASSERT_EQ(run_session(device.get(), package.file).status, Status::ok) << wrong_at;
    EXPECT_TRUE(device->active_image() == package.made_for.target);
  }
}

TEST(InPlaceCases, NeedTheirArenaToTheLastLine) {
  const InPlacePackage& package = in_place_package("map");
  AlignedMemory memory(package.manifest().budgets.ram_bytes);
  const auto engine = std::make_unique<InPlace>();
  std::size_t count = 0;
  for (;; count += Arena::line_bytes) {
    Arena arena(memory.span().first(count));
    const Status status = engine->begin(package.head, &arena);
    if (status == Status::ok) break;
    ASSERT_EQ(status, Status::arena_too_small);
  }
  // Head, records and the one node of the tree are the session's.
  EXPECT_EQ(count + Session::arena_bytes_min +
                round_up(package.manifest().chunk_count * TreeEntry::bytes, Arena::line_bytes),
            round_up(package.manifest().budgets.ram_bytes, Arena::line_bytes));
}

// Nothing to plan: pkgtool makes what a device can install all the same.
TEST(InPlaceCases, WithoutAGroupToWriteAreInstalled) {
  const Bytes image = make_image(9000, 9);
  for (const std::size_t target_bytes : {9000u, 8999u, 8192u, 1u, 0u}) {
    InPlaceCase the_case;
    the_case.source = image;
    the_case.target =
        Bytes(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(target_bytes));
    const Bytes file = build_package(the_case);
    const auto device = device_for(the_case);
    ASSERT_EQ(run_session(device.get(), file).status, Status::ok) << target_bytes;
    EXPECT_TRUE(device->active_image() == the_case.target);
    EXPECT_EQ(device->installed().version.view(), "2.0");
  }
}

TEST(InPlaceCases, OfOneByteAreInstalled) {
  for (const std::size_t source_bytes : {1u, 2u, 5000u}) {
    InPlaceCase the_case;
    the_case.source = Bytes(source_bytes, 7);
    the_case.target = Bytes{8};
    const Bytes file = build_package(the_case);
    const auto device = device_for(the_case);
    ASSERT_EQ(run_session(device.get(), file).status, Status::ok) << source_bytes;
    EXPECT_TRUE(device->active_image() == the_case.target);
  }
}

TEST(InPlaceInstallOnTwoSlots, LeavesTheOtherSlotAlone) {
  const InPlacePackage& package = in_place_package("moved");
  DeviceShape shape;
  shape.scratch_bytes = 64 * 1024;
  TestDevice device(shape);
  device.provision(package.made_for.source, "1.0");
  const Bytes slot_b = device.slot_memory(Slot::b);
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  EXPECT_TRUE(device.active_image() == package.made_for.target);
  EXPECT_EQ(device.slot_memory(Slot::b), slot_b);
}

}  // namespace
}  // namespace romdelta::test
