#include "installer/confirm.h"

#include "tests/unit/installer/trust_rig.h"

namespace romdelta::test {
namespace {

class ConfirmTest : public ::testing::TestWithParam<FlashGeometry> {
 protected:
  Random random_ = seeded_random();
  TrustRig rig_{GetParam(), &random_};
};

TEST_P(ConfirmTest, RaisesTheCountersToThoseOfTheRelease) {
  rig_.put("a", 11, {7, 4, 9}, 5);
  ASSERT_EQ(rig_.confirm("a"), Status::ok);
  const InventoryRecord record = rig_.record("a");
  EXPECT_EQ(record.state, PackageState::confirmed);
  EXPECT_EQ(record.security_counter, 7u);
  EXPECT_EQ(rig_.device_counter(), 4u);
  EXPECT_EQ(record.release.number, 9u);
  EXPECT_EQ(rig_.newest().kind, JournalKind::done);
  EXPECT_EQ(rig_.violations(), 0u);
}

TEST_P(ConfirmTest, NeverLowersACounter) {
  rig_.put("a", 11, {9, 6, 0}, 0);
  ASSERT_EQ(rig_.confirm("a"), Status::ok);
  rig_.put("a", 11, {3, 2, 0}, 9);
  ASSERT_EQ(rig_.confirm("a"), Status::ok);
  EXPECT_EQ(rig_.record("a").security_counter, 9u);
  EXPECT_EQ(rig_.device_counter(), 6u);
}

TEST_P(ConfirmTest, WritesNothingASecondTime) {
  rig_.put("a", 11);
  ASSERT_EQ(rig_.confirm("a"), Status::ok);
  const std::uint64_t writes = rig_.writes();
  EXPECT_EQ(rig_.confirm("a"), Status::ok);
  EXPECT_EQ(rig_.confirm(), Status::ok);
  EXPECT_EQ(rig_.writes(), writes);
}

TEST_P(ConfirmTest, ConfirmsOneOrAllThatWait) {
  rig_.put("a", 11, {1, 0, 0});
  rig_.put("b", 11, {2, 5, 0});
  rig_.put("c", 0);
  ASSERT_EQ(rig_.confirm("a"), Status::ok);
  EXPECT_EQ(rig_.record("b").state, PackageState::installed);
  ASSERT_EQ(rig_.confirm(), Status::ok);
  EXPECT_EQ(rig_.record("b").security_counter, 2u);
  EXPECT_EQ(rig_.device_counter(), 5u);
  EXPECT_EQ(rig_.record("c").state, PackageState::factory);
}

TEST_P(ConfirmTest, RefusesWhatNoPackageInstalled) {
  EXPECT_EQ(rig_.confirm(), Status::not_confirmable);
  EXPECT_EQ(rig_.confirm("a"), Status::not_provisioned);
  rig_.put("a", 0);
  EXPECT_EQ(rig_.confirm("a"), Status::not_confirmable);
  EXPECT_EQ(rig_.confirm(), Status::not_confirmable);
}

TEST_P(ConfirmTest, WaitsForAnUpdateInPlace) {
  rig_.put("a", 11);
  JournalRecord step;
  step.kind = JournalKind::step;
  step.layout = Layout::in_place;
  rig_.note(step);
  const std::uint64_t writes = rig_.writes();
  EXPECT_EQ(rig_.confirm("a"), Status::update_pending);
  EXPECT_EQ(rig_.writes(), writes);
}

TEST_P(ConfirmTest, LeavesItKnownThatAnUpdateInPlaceFailed) {
  rig_.put("a", 11);
  JournalRecord failed;
  failed.kind = JournalKind::done;
  failed.layout = Layout::in_place;
  failed.outcome = Status::source_damaged;
  rig_.note(failed);
  ASSERT_EQ(rig_.confirm("a"), Status::ok);
  EXPECT_EQ(rig_.newest().layout, Layout::in_place);
  EXPECT_EQ(rig_.newest().outcome, Status::source_damaged);
}

// A cut in any write, however what it left reads afterwards: the release is confirmed or not, the
// counter has the one value or the other, and the next call confirms. Then a second cut.
TEST_P(ConfirmTest, IsAllOrNothingThroughAnyTwoCuts) {
  unsigned cuts = 0;
  for (const bool in_journal : {true, false}) {
    for (std::uint64_t first = 0; first < 6; ++first) {
      for (std::uint64_t second = 0; second < 6; ++second) {
        for (int round = 0; round < 4; ++round) {
          TrustRig rig(GetParam(), &random_);
          rig.put("b", 11);
          rig.put("a", 11, {7, 3, 0}, 5);
          for (const std::uint64_t writes : {first, second}) {
            UnstableFlash& flash = in_journal ? rig.journal : rig.inventory;
            flash.cut_after(writes);
            (void)rig.confirm("a");
            cuts += flash.is_cut() ? 1 : 0;
            rig.restart();
            const InventoryRecord record = rig.record("a");
            const bool is_confirmed = record.state == PackageState::confirmed;
            ASSERT_EQ(record.security_counter, is_confirmed ? 7u : 5u);
          }
          ASSERT_EQ(rig.confirm("a"), Status::ok);
          for (const auto mood : {UnstableFlash::Mood::old, UnstableFlash::Mood::latest}) {
            rig.set_mood(mood);
            ASSERT_EQ(rig.record("a").security_counter, 7u) << first << " " << second;
            ASSERT_EQ(rig.device_counter(), 3u);
            ASSERT_EQ(rig.record("b").version.view(), "1");
          }
          ASSERT_EQ(rig.violations(), 0u);
        }
      }
    }
  }
  EXPECT_GT(cuts, 60u);
}

INSTANTIATE_TEST_SUITE_P(Geometries, ConfirmTest, ::testing::ValuesIn(trust_geometries),
                         [](const auto& suite) { return geometry_name(suite.param); });

}  // namespace
}  // namespace romdelta::test
