// Installations in place that are cut, and those that follow.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/in_place/cases.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

class InPlaceResume : public ::testing::TestWithParam<const InPlacePackage*> {
 protected:
  const InPlaceCase& the_case() const { return GetParam()->made_for; }
  const Manifest& manifest() const { return GetParam()->manifest(); }
  const Bytes& file() const { return GetParam()->file; }

  void forget_journal(TestDevice* device) {
    std::ranges::fill(device->journal_memory(), std::uint8_t{0xff});
  }
  // What the slot needs to be, whichever way it came there.
  void expect_installs(TestDevice* device, std::uint64_t where) {
    ASSERT_EQ(run_session(device, file()).status, Status::ok) << "after a cut at " << where;
    ASSERT_TRUE(device->active_image() == the_case().target) << "after a cut at " << where;
    ASSERT_EQ(device->installed().version.view(), "2.0");
    // None when the journal was forgotten after the commit: nothing is left to do then.
    const std::optional<JournalRecord> newest = device->newest_record();
    ASSERT_TRUE(!newest || newest->kind == JournalKind::done);
  }
  // About 150 cuts, wherever they fall.
  std::uint64_t stride() const {
    return std::max<std::uint64_t>(operation_count(*GetParam()) / 150, 1);
  }
};

TEST_P(InPlaceResume, GoesOnWhereItWasCancelled) {
  for (std::uint32_t group = 1; group <= manifest().plan.step_count; ++group) {
    const auto device = device_for(the_case());
    ASSERT_TRUE(run_until_group(device.get(), file(), group));
    ASSERT_NE(device->newest_record()->kind, JournalKind::done);
    const std::uint64_t before = device->slot_flash(Slot::a).programmed_bytes();
    expect_installs(device.get(), group);
    // Only the group at which it stopped may have been written in vain, and holes.
    const std::uint64_t written = device->slot_flash(Slot::a).programmed_bytes() - before;
    const std::uint64_t left = manifest().plan.step_count - group + 1;
    EXPECT_LE(written, (left + std::uint64_t{2} * manifest().plan.hole_count * left) *
                               manifest().group_bytes +
                           manifest().budgets.redo_bytes);
  }
}

TEST_P(InPlaceResume, SurvivesACancelAfterEveryGroupOfOneInstallation) {
  const auto device = device_for(the_case());
  std::uint32_t count = 0;
  while (run_until_group(device.get(), file(), 2)) ++count;
  EXPECT_GE(count + 2, manifest().plan.step_count);
  expect_installs(device.get(), count);
}

TEST_P(InPlaceResume, GoesOnAfterACutAnywhere) {
  const std::uint64_t step = stride();
  for (const auto effect :
       {FaultPlan::Effect::none, FaultPlan::Effect::half, FaultPlan::Effect::all}) {
    Status status = Status::internal;
    for (std::uint64_t at = 0;; at += step) {
      const auto device = device_for(the_case());
      if (!run_until_cut(device.get(), file(), at, effect, &status)) break;
      ASSERT_NE(status, Status::ok);
      expect_installs(device.get(), at);
      if (HasFatalFailure()) return;
    }
    EXPECT_EQ(status, Status::ok);
  }
}

TEST_P(InPlaceResume, GoesOnAfterManyCuts) {
  Random random = seeded_random();
  const std::uint64_t operations = operation_count(*GetParam());
  for (int round = 0; round < 10; ++round) {
    const auto device = device_for(the_case());
    Status status = Status::internal;
    for (int cut = 0; cut < 30 && status != Status::ok; ++cut) {
      (void)run_until_cut(device.get(), file(), pick(&random, 1, operations / 4),
                          static_cast<FaultPlan::Effect>(pick(&random, 0, 2)), &status);
    }
    expect_installs(device.get(), 0);
    if (HasFatalFailure()) return;
  }
}

// Without a journal the slot tells. It does not tell whether a phase that has its stash has all its
// copies: where scratch is short, the update may have to be given up then, but never the device.
TEST_P(InPlaceResume, FindsItsWayWithoutTheJournalAfterACutAnywhere) {
  const std::uint64_t step = stride();
  int found = 0;
  int given_up = 0;
  for (const auto effect :
       {FaultPlan::Effect::none, FaultPlan::Effect::half, FaultPlan::Effect::all}) {
    Status status = Status::internal;
    for (std::uint64_t at = 0;; at += step) {
      const auto device = device_for(the_case());
      if (!run_until_cut(device.get(), file(), at, effect, &status)) break;
      forget_journal(device.get());
      const FlashContent content = content_of(device.get());
      if (run_session(device.get(), file()).status == Status::scratch_too_small) {
        ++given_up;
        ASSERT_EQ(run_session(device.get(), full_package(the_case())).status, Status::ok);
        ASSERT_TRUE(device->active_image() == the_case().target);
        continue;
      }
      ++found;
      set_content(device.get(), content);
      expect_installs(device.get(), at);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_LT(given_up * 50, found);
}

TEST_P(InPlaceResume, FindsItsWayWithoutTheJournalAfterEveryGroup) {
  const auto device = device_for(the_case());
  // As long as the source is whole it begins again: so each time a group more.
  std::uint32_t groups = 2;
  while (run_until_group(device.get(), file(), groups)) {
    forget_journal(device.get());
    ASSERT_LE(++groups, manifest().plan.step_count + 2) << "it gets nowhere";
  }
  expect_installs(device.get(), 0);
}

// Of a record that says something else than the truth, only time may be lost.
TEST_P(InPlaceResume, IsNotMisledByAForgedJournal) {
  Random random = seeded_random();
  for (int round = 0; round < 60; ++round) {
    const auto device = device_for(the_case());
    const auto groups = static_cast<std::uint32_t>(pick(&random, 1, manifest().plan.step_count));
    ASSERT_TRUE(run_until_group(device.get(), file(), groups));
    JournalRecord record = *device->newest_record();
    // The first append has to repeat what is there: see Journal::append().
    device->append_record(record);
    record.kind = pick(&random, 0, 1) == 0 ? JournalKind::step : JournalKind::checkpoint;
    record.next = static_cast<std::uint32_t>(pick(&random, 0, 2 * manifest().plan.step_count));
    record.spill_sequence = static_cast<std::uint32_t>(pick(&random, 0, 100));
    forget_journal(device.get());
    device->append_record(record);
    const Status status = run_session(device.get(), file()).status;
    if (status == Status::ok) {
      ASSERT_TRUE(device->active_image() == the_case().target);
      continue;
    }
    ASSERT_EQ(device->installed().version.view(), "1.0");
    // Whatever became of the slot: a full package repairs it, once this one has given up.
    ASSERT_TRUE(status == Status::source_damaged || status == Status::target_mismatch ||
                status == Status::malformed_chunk || status == Status::scratch_too_small)
        << to_string(status);
    ASSERT_EQ(run_session(device.get(), full_package(the_case())).status, Status::ok);
    ASSERT_TRUE(device->active_image() == the_case().target);
  }
}

std::string case_name(const ::testing::TestParamInfo<const InPlacePackage*>& info) {
  return info.param->made_for.name;
}
INSTANTIATE_TEST_SUITE_P(Of, InPlaceResume, ::testing::ValuesIn(in_place_packages()), case_name);

TEST(InPlaceResumeOfAFullPackage, GoesOnAfterACutAnywhere) {
  const InPlaceCase& the_case = in_place_package("small").made_for;
  const Bytes full = full_package(the_case);
  Status status = Status::internal;
  for (std::uint64_t at = 0;; ++at) {
    const auto device = device_for(the_case);
    if (!run_until_cut(device.get(), full, at, FaultPlan::Effect::half, &status)) break;
    ASSERT_EQ(run_session(device.get(), full).status, Status::ok) << at;
    ASSERT_TRUE(device->active_image() == the_case.target);
  }
  EXPECT_EQ(status, Status::ok);
}

}  // namespace
}  // namespace romdelta::test
