// Figure 2 of FUMO 1.0: every arrow is taken, and no other.
#include <gtest/gtest.h>

#include <set>

#include "installer/dm/dm_state.h"
#include "tests/support/dm_rig.h"

namespace romdelta::test {
namespace {

using Arrow = std::pair<int, int>;

// As read from the picture.
const std::set<Arrow> kFigure = {{10, 30},  {10, 50}, {30, 20}, {30, 40}, {40, 50},
                                 {50, 10},  {50, 60}, {60, 70}, {60, 90}, {70, 80},
                                 {90, 100}, {90, 10}, {20, 10}, {80, 10}, {100, 10}};
constexpr int kStates[] = {10, 20, 30, 50, 60, 70, 80, 90, 100};

constexpr const char* kBoth = "./FwUpdate/Pkg1/DownloadAndUpdate";
constexpr const char* kDownload = "./FwUpdate/Pkg1/Download";
constexpr const char* kUpdate = "./FwUpdate/Pkg1/Update";
constexpr const char* kUrl = "./FwUpdate/Pkg1/DownloadAndUpdate/PkgURL";
constexpr const char* kData = "./FwUpdate/Pkg1/Update/PkgData";

// An object with both URLs in the given state, with every alert answered where the state allows it.
void lead_to(DmRig* rig, int state) {
  ASSERT_EQ(rig->restart(), Status::ok);
  rig->make_object();
  if (state == 10) return;
  ASSERT_EQ(rig->exec(state == 50 ? kDownload : kBoth), ROMDELTA_DM_ACCEPTED);
  if (state == 30) return;
  const Status download = state == 20 ? Status::network_failed : Status::ok;
  ASSERT_EQ(rig->download_done(download), Status::ok);
  if (state == 60) {
    ASSERT_EQ(rig->update_started(), Status::ok);
    return;
  }
  if (state > 60) {
    const Status update = state <= 80 ? Status::target_mismatch : Status::ok;
    ASSERT_EQ(rig->update_done(update, state == 70 || state == 90), Status::ok);
  }
  ASSERT_EQ(rig->answer(), Status::ok);
}

TEST(Figure2, IsTheTableOfTheCode) {
  for (int from = 10; from <= 100; from += 10) {
    for (int to = 10; to <= 100; to += 10) {
      EXPECT_EQ(is_dm_arrow(static_cast<DmState>(from), static_cast<DmState>(to)),
                kFigure.count({from, to}) == 1)
          << from << " -> " << to;
    }
  }
}

TEST(Figure2, CanBeLedToEachStateThatStays) {
  for (const int state : kStates) {
    DmRig rig;
    lead_to(&rig, state);
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << state;
    EXPECT_EQ(rig.state(), state);
    ASSERT_EQ(rig.restart(), Status::ok);
    EXPECT_EQ(rig.state(), state) << "after a reboot";
  }
}

// What each state makes of each thing that can happen: the state after it, and which answer.
struct Event {
  const char* name;
  std::function<int(DmRig*)> run;
};

const std::vector<Event>& events() {
  static const std::vector<Event> all = {
      {"Exec Download", [](DmRig* rig) { return rig->exec(kDownload); }},
      {"Exec Update", [](DmRig* rig) { return rig->exec(kUpdate); }},
      {"Exec DownloadAndUpdate", [](DmRig* rig) { return rig->exec(kBoth); }},
      {"Replace PkgURL", [](DmRig* rig) { return rig->replace(kUrl, "http://a/b"); }},
      {"Replace PkgData", [](DmRig* rig) { return rig->replace(kData, "package"); }},
      {"Replace PkgName",
       [](DmRig* rig) { return rig->replace("./FwUpdate/Pkg1/PkgName", "name"); }},
      {"download ok", [](DmRig* rig) { return static_cast<int>(rig->download_done()); }},
      {"download failed",
       [](DmRig* rig) { return static_cast<int>(rig->download_done(Status::bad_url)); }},
      {"update started", [](DmRig* rig) { return static_cast<int>(rig->update_started()); }},
      {"update ok", [](DmRig* rig) { return static_cast<int>(rig->update_done()); }},
      {"update failed, kept",
       [](DmRig* rig) { return static_cast<int>(rig->update_done(Status::internal, true)); }},
      {"update declined",
       [](DmRig* rig) { return static_cast<int>(rig->update_done(Status::cancelled)); }},
      {"Delete", [](DmRig* rig) { return rig->remove("./FwUpdate/Pkg1"); }},
      {"reboot", [](DmRig* rig) { return static_cast<int>(rig->restart()); }},
  };
  return all;
}

// The state after an event in each of kStates; -1: the object is gone.
const std::map<std::string, std::vector<int>>& expected_states() {
  static const std::map<std::string, std::vector<int>> table = {
      //                        10  20  30  50  60  70  80  90  100
      {"Exec Download", {30, 30, 30, 30, 60, 30, 30, 30, 30}},
      {"Exec Update", {10, 20, 30, 60, 60, 70, 80, 90, 100}},
      {"Exec DownloadAndUpdate", {30, 30, 30, 30, 60, 30, 30, 30, 30}},
      {"Replace PkgURL", {10, 10, 30, 10, 60, 10, 10, 10, 10}},
      {"Replace PkgData", {50, 50, 30, 50, 60, 50, 50, 50, 50}},
      {"Replace PkgName", {10, 20, 30, 50, 60, 70, 80, 90, 100}},
      {"download ok", {10, 20, 50, 50, 60, 70, 80, 90, 100}},
      {"download failed", {10, 20, 20, 50, 60, 70, 80, 90, 100}},
      {"update started", {10, 20, 30, 50, 60, 70, 80, 90, 100}},
      {"update ok", {10, 20, 30, 50, 100, 70, 80, 90, 100}},
      {"update failed, kept", {10, 20, 30, 50, 70, 70, 80, 90, 100}},
      {"update declined", {10, 20, 30, 50, 80, 70, 80, 90, 100}},
      {"Delete", {-1, -1, 30, -1, 60, -1, -1, -1, -1}},
      {"reboot", {10, 20, 30, 50, 60, 70, 80, 90, 100}},
  };
  return table;
}

bool is_success(int answer) {
  return answer == 0 || answer == ROMDELTA_DM_OK || answer == ROMDELTA_DM_ACCEPTED;
}

// Nine states times fourteen events: where an arrow is forbidden the answer says so, and nothing
// changes; what changes goes along arrows only.
TEST(Figure2, IsFollowedByEveryEventInEveryState) {
  std::set<Arrow> taken;
  unsigned refused = 0;
  for (const Event& event : events()) {
    for (std::size_t i = 0; i < std::size(kStates); ++i) {
      DmRig rig;
      lead_to(&rig, kStates[i]);
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << kStates[i];
      const int before = rig.state();
      rig.moves.clear();
      const int answer = event.run(&rig);
      const int expected = expected_states().at(event.name)[i];
      EXPECT_EQ(rig.state(), expected) << event.name << " in " << kStates[i];
      if (!is_success(answer)) {
        ++refused;
        EXPECT_EQ(expected, before) << event.name;
        EXPECT_TRUE(rig.moves.empty()) << event.name << " in " << kStates[i];
        EXPECT_TRUE(answer == ROMDELTA_DM_NOT_ALLOWED ||
                    answer == static_cast<int>(Status::no_record) ||
                    answer == static_cast<int>(Status::out_of_order))
            << event.name << " in " << kStates[i] << ": " << answer;
      }
      int at = before;
      for (const DmMove& move : rig.moves) {
        EXPECT_EQ(move.from, at) << event.name << " in " << kStates[i];
        EXPECT_TRUE(kFigure.count({move.from, move.to})) << move.from << " -> " << move.to;
        taken.insert({move.from, move.to});
        at = move.to;
      }
      if (expected != -1) {
        EXPECT_EQ(at, expected) << event.name << " in " << kStates[i];
      }
    }
  }
  EXPECT_EQ(taken, kFigure) << "every arrow is taken by some event";
  std::printf("arrows taken: %zu, events refused: %u of %zu\n", taken.size(), refused,
              events().size() * std::size(kStates));
}

// DownloadAndUpdate may be declined or fail between its halves.
TEST(Figure2, LetsAnUpdateEndBeforeItBegan) {
  DmRig rig;
  lead_to(&rig, 30);
  ASSERT_EQ(rig.download_done(), Status::ok);
  EXPECT_EQ(rig.state(), 50);
  rig.moves.clear();
  ASSERT_EQ(rig.update_done(Status::cancelled), Status::ok);
  EXPECT_EQ(rig.state(), 80);
  ASSERT_EQ(rig.moves.size(), 3u);
  EXPECT_EQ(rig.moves[0].to, 60);
  EXPECT_EQ(rig.moves[1].to, 70);
  EXPECT_STREQ(rig.alert()->data, "401");
}

TEST(Exec, IsRefusedWhileAnyObjectIsAtWork) {
  DmRig rig;
  lead_to(&rig, 30);
  rig.make_object("Pkg2");
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg2/Download"), ROMDELTA_DM_NOT_ALLOWED);
  ASSERT_EQ(rig.download_done(Status::bad_url), Status::ok);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg2/Download"), ROMDELTA_DM_ACCEPTED)
      << "an alert that waits is no work";
}

TEST(Exec, IsRefusedUntilTheFinalAlertOfTheObjectWasAnswered) {
  DmRig rig;
  lead_to(&rig, 30);
  ASSERT_EQ(rig.download_done(Status::bad_url), Status::ok);
  EXPECT_EQ(rig.exec(kBoth), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.replace(kUrl, "http://a/b"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.answer(401), Status::ok);
  EXPECT_EQ(rig.exec(kBoth), ROMDELTA_DM_NOT_ALLOWED) << "401 asks for credentials";
  EXPECT_EQ(rig.answer(407), Status::ok);
  EXPECT_EQ(rig.answer(101), Status::ok);
  EXPECT_EQ(rig.alert_count(), 1u);
  EXPECT_EQ(rig.answer(500), Status::ok);
  EXPECT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
}

TEST(Exec, NeedsTheUrlOfItsOwnNode) {
  DmRig rig;
  ASSERT_EQ(rig.restart(), Status::ok);
  rig.add(kUrl, "http://example.com/a");
  EXPECT_EQ(rig.exec(kDownload), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
}

TEST(Exec, TakesEveryCorrelatorOfItsLengthAndNoLongerOne) {
  DmRig rig;
  lead_to(&rig, 10);
  EXPECT_EQ(rig.exec(kBoth, std::string(65, 'c').c_str()), ROMDELTA_DM_DEVICE_FULL);
  EXPECT_EQ(rig.exec(kBoth, "bad\ncorrelator"), ROMDELTA_DM_FAILED);
  EXPECT_EQ(rig.state(), 10);
  EXPECT_EQ(rig.exec(kBoth, std::string(64, 'c').c_str()), ROMDELTA_DM_ACCEPTED);
  ASSERT_EQ(rig.download_done(Status::bad_url), Status::ok);
  EXPECT_EQ(rig.alert()->correlator, std::string(64, 'c'));
}

TEST(Task, IsTheSameUntilItIsReported) {
  DmRig rig;
  lead_to(&rig, 30);
  for (int start = 0; start < 3; ++start) {
    ASSERT_TRUE(rig.task());
    EXPECT_EQ(rig.task()->work, ROMDELTA_DM_DOWNLOAD);
    EXPECT_TRUE(rig.task()->installs_after);
    EXPECT_STREQ(rig.task()->url, "http://example.com/both.pku");
    EXPECT_STREQ(rig.task()->server_id, "srv1");
    EXPECT_STREQ(rig.task()->object_id, "Pkg1");
    ASSERT_EQ(rig.restart(), Status::ok);
  }
  ASSERT_EQ(rig.download_done(), Status::ok);
  ASSERT_EQ(rig.restart(), Status::ok);
  EXPECT_EQ(rig.task()->work, ROMDELTA_DM_UPDATE);
  EXPECT_FALSE(rig.task()->is_started);
  ASSERT_EQ(rig.update_started(), Status::ok);
  ASSERT_EQ(rig.restart(), Status::ok);
  EXPECT_TRUE(rig.task()->is_started);
  EXPECT_STREQ(rig.task()->location, "/data/pkg");
}

TEST(Task, IsNotEndedByANumberThatIsNotItsOwn) {
  DmRig rig;
  lead_to(&rig, 30);
  const std::uint32_t number = rig.task()->number;
  const auto wrong = static_cast<romdelta_status>(Status::out_of_order);
  EXPECT_EQ(romdelta_dm_download_done(rig.dm.get(), number + 1, ROMDELTA_OK, "/p"), wrong);
  EXPECT_EQ(romdelta_dm_update_done(rig.dm.get(), number, ROMDELTA_OK, false), wrong);
  EXPECT_EQ(romdelta_dm_download_done(rig.dm.get(), number, ROMDELTA_OK, ""), wrong);
  EXPECT_EQ(
      romdelta_dm_download_done(rig.dm.get(), number, ROMDELTA_OK, std::string(129, 'p').c_str()),
      wrong);
  EXPECT_EQ(rig.state(), 30);
  EXPECT_EQ(romdelta_dm_alert_answered(rig.dm.get(), number, 200), wrong);
}

TEST(Alert, IsForTheServerOfItsExec) {
  DmRig rig;
  lead_to(&rig, 30);
  ASSERT_EQ(rig.download_done(Status::bad_url), Status::ok);
  EXPECT_TRUE(rig.alert("srv1"));
  EXPECT_FALSE(rig.alert("srv2"));
  EXPECT_STREQ(rig.alert()->server_id, "srv1");
}

TEST(Alert, ComesInTheOrderOfTheOperations) {
  DmRig rig;
  lead_to(&rig, 30);
  ASSERT_EQ(rig.download_done(Status::bad_url), Status::ok);
  ASSERT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_USER_REQUEST, nullptr, "x"), ROMDELTA_OK);
  rig.make_object("Pkg2");
  ASSERT_EQ(rig.exec("./FwUpdate/Pkg2/Download"), ROMDELTA_DM_ACCEPTED);
  ASSERT_EQ(rig.download_done(), Status::ok);
  ASSERT_EQ(rig.alert_count(), 3u);
  const auto first = rig.alert();
  const auto second = rig.alert(nullptr, first->number);
  const auto third = rig.alert(nullptr, second->number);
  EXPECT_STREQ(first->source_uri, kBoth);
  EXPECT_STREQ(second->data, "x");
  EXPECT_STREQ(third->source_uri, "./FwUpdate/Pkg2/Download");
}

TEST(Request, WaitsAloneAndIsNotAskedTwice) {
  DmRig rig;
  lead_to(&rig, 10);
  const auto ask = [&](romdelta_dm_request_kind kind, const char* data) {
    return romdelta_dm_request(rig.dm.get(), kind, nullptr, data);
  };
  const auto wrong = static_cast<romdelta_status>(Status::out_of_order);
  EXPECT_EQ(ask(ROMDELTA_DM_USER_REQUEST, "a"), ROMDELTA_OK);
  EXPECT_EQ(ask(ROMDELTA_DM_USER_REQUEST, "a"), ROMDELTA_OK);
  EXPECT_EQ(rig.alert_count(), 1u);
  EXPECT_EQ(ask(ROMDELTA_DM_USER_REQUEST, "b"), wrong);
  EXPECT_EQ(ask(ROMDELTA_DM_DEVICE_REQUEST, "a"), wrong);
  ASSERT_EQ(rig.answer(), Status::ok);
  EXPECT_EQ(ask(ROMDELTA_DM_DEVICE_REQUEST, std::string(65, 'd').c_str()), wrong);
  EXPECT_EQ(ask(static_cast<romdelta_dm_request_kind>(3), "a"), wrong);
  EXPECT_EQ(rig.alert_count(), 0u);
}

TEST(Package, IsDeletedWhenItIsNoLongerNeeded) {
  DmRig rig;
  lead_to(&rig, 60);
  ASSERT_TRUE(rig.packages.count("/data/pkg"));
  ASSERT_EQ(rig.update_done(), Status::ok);
  EXPECT_TRUE(rig.packages.empty());
  ASSERT_EQ(rig.answer(), Status::ok);
  rig.give_package();
  EXPECT_EQ(rig.packages, std::set<std::string>{"/store/Pkg1"});
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1"), ROMDELTA_DM_OK);
  EXPECT_TRUE(rig.packages.empty());
}

TEST(Package, ThatCannotBeDeletedIsTriedAgainAndKeepsTheResult) {
  DmRig rig;
  lead_to(&rig, 60);
  rig.discard_fails = true;
  ASSERT_EQ(rig.update_done(), Status::ok);
  EXPECT_EQ(rig.state(), 90);
  EXPECT_STREQ(rig.alert()->data, "200");
  ASSERT_EQ(rig.answer(), Status::ok);
  EXPECT_EQ(rig.exec(kBoth), ROMDELTA_DM_FAILED);
  EXPECT_EQ(rig.state(), 90);
  rig.discard_fails = false;
  ASSERT_EQ(rig.restart(), Status::ok);
  EXPECT_EQ(rig.state(), 100);
  EXPECT_TRUE(rig.packages.empty());
}

}  // namespace
}  // namespace romdelta::test
