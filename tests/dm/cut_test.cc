// Power fails at each persistent write between the answer to an Exec and the server's answer to the
// alert: the operation is never lost, and never has two results.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <optional>
#include <ostream>

#include "tests/support/dm_rig.h"

namespace romdelta::test {
namespace {

constexpr FlashGeometry kNor = {4096, 64, true};
constexpr FlashGeometry kDisk = {4096, 512, false};

// A server, and the device's agents, around an adapter that loses power.
class Life {
 public:
  // `operation`: the node of the Exec.
  Life(const FlashGeometry& geometry, std::string operation, Random* random)
      : rig(geometry, 16 * 1024), uri_("./FwUpdate/Pkg1/" + std::move(operation)), random_(random) {
    rig.random.seed(pick(random, 0, ~std::uint64_t{0}));
  }

  // The object with what the operation needs, and the alert before it answered.
  void prepare() {
    ASSERT_EQ(rig.restart(), Status::ok);
    rig.make_object();
    if (uri_.ends_with("/Update")) rig.give_package();
  }

  // One start of the device, until everything is done or power fails after `writes` writes.
  void run(std::optional<std::uint64_t> writes) {
    rig.flash.mood = static_cast<UnstableFlash::Mood>(pick(random_, 0, 2));
    rig.flash.restart();
    std::memset(rig.dm->storage, 0xa5, sizeof(rig.dm->storage));
    if (writes) rig.flash.cut_after(*writes);
    const auto begun = static_cast<Status>(romdelta_dm_begin(rig.dm.get(), &rig.host));
    if (rig.flash.is_cut()) return;
    ASSERT_EQ(begun, Status::ok);
    check_after_start();
    if (!rig.task() && !rig.alert() && !is_answered_) exec();
    while (!rig.flash.is_cut() && rig.task()) work();
    if (!rig.flash.is_cut()) talk();
  }

  void check_end() {
    EXPECT_TRUE(is_answered_);
    ASSERT_TRUE(result_) << "the operation was lost";
    EXPECT_EQ(rig.alert_count(), 0u);
    EXPECT_FALSE(rig.task());
    EXPECT_EQ(rig.flash.violations, 0u);
    const int state = rig.state();
    const bool is_download = uri_.ends_with("/Download");
    if (*result_ == "200") {
      EXPECT_EQ(state, is_download ? 50 : 100);
    } else {
      EXPECT_EQ(state, *result_ == "503" ? 20 : 80);
    }
    // What is not said to be there is gone.
    EXPECT_EQ(rig.packages.empty(), state != 50);
  }

  DmRig rig;

 private:
  // What was said to be so is so.
  void check_after_start() {
    const bool is_known = rig.task() || rig.alert();
    if (is_accepted_ && !is_answered_) {
      // An answer may have counted although power failed before the call returned.
      ASSERT_TRUE(is_known || was_answering_) << "the operation was lost";
      if (!is_known) is_answered_ = true;
    }
    if (is_answered_) {
      ASSERT_FALSE(is_known) << "the operation came back";
    }
    if (result_) {
      ASSERT_FALSE(rig.task()) << "the operation is tried again after its result was seen";
    }
    was_answering_ = false;
  }

  // The server repeats an Exec that was not answered, unless the operation is there.
  void exec() {
    ASSERT_FALSE(is_accepted_) << "the operation was lost";
    const int answer = rig.exec(uri_, "abc123");
    if (rig.flash.is_cut()) return;
    ASSERT_EQ(answer, ROMDELTA_DM_ACCEPTED);
    is_accepted_ = true;
  }

  // Agents end differently each time that they are asked: only the result that counted may be seen.
  void work() {
    const Status status = pick(random_, 0, 1) == 0 ? Status::ok : Status::target_mismatch;
    const auto task = rig.task();
    if (task->work == ROMDELTA_DM_DOWNLOAD) {
      const bool fails = status != Status::ok && pick(random_, 0, 2) == 0;
      // A download agent that fails deletes what it has, also of an earlier start.
      if (fails) rig.packages.erase("/data/pkg");
      static_cast<void>(rig.download_done(fails ? Status::network_failed : Status::ok));
      return;
    }
    if (pick(random_, 0, 1) == 0) {
      if (rig.update_started() != Status::ok) return;
    }
    static_cast<void>(rig.update_done(status));
  }

  void talk() {
    is_accepted_ = is_accepted_ || rig.alert().has_value();
    if (is_answered_) return;
    const auto alert = rig.alert();
    ASSERT_TRUE(alert);
    EXPECT_STREQ(alert->correlator, "abc123");
    EXPECT_EQ(alert->source_uri, uri_);
    EXPECT_STREQ(alert->server_id, "srv1");
    if (result_) {
      EXPECT_EQ(*result_, alert->data) << "two results for one operation";
    }
    result_ = alert->data;
    was_answering_ = true;
    if (rig.answer(200) == Status::ok) is_answered_ = true;
  }

  std::string uri_;
  Random* random_;
  bool is_accepted_ = false;
  bool is_answered_ = false;
  bool was_answering_ = false;
  std::optional<std::string> result_;
};

struct Case {
  const char* operation;
  FlashGeometry geometry;
};

void PrintTo(const Case& tried, std::ostream* out) { *out << tried.operation; }

class PowerCut : public ::testing::TestWithParam<Case> {
 protected:
  Random random_ = seeded_random();
};

TEST_P(PowerCut, LosesNoOperationAndGivesItOneResult) {
  unsigned lives = 0;
  std::uint64_t most_writes = 0;
  // First cuts from the first write of the start that gets the Exec to the last one of its answer.
  for (std::uint64_t first = 0; first < 14; ++first) {
    for (std::uint64_t second = 0; second < 12; ++second) {
      for (int round = 0; round < 6; ++round, ++lives) {
        Life life(GetParam().geometry, GetParam().operation, &random_);
        life.prepare();
        const std::uint64_t before = life.rig.flash.writes();
        life.run(first);
        life.run(second);
        // A start without a cut ends a row of two, and another pair follows.
        life.run(pick(&random_, 4, 12));
        life.run(pick(&random_, 0, 12));
        for (int i = 0; i < 3; ++i) life.run(std::nullopt);
        life.check_end();
        most_writes = std::max(most_writes, life.rig.flash.writes() - before);
        ASSERT_FALSE(HasFailure()) << "cuts " << first << ", " << second << ", round " << round;
      }
    }
  }
  std::printf("lives with cuts: %u, writes of the longest: %llu\n", lives,
              static_cast<unsigned long long>(most_writes));
}

// The numbers that the loops above go up to are large enough.
TEST_P(PowerCut, IsTriedAtEveryWrite) {
  Life life(GetParam().geometry, GetParam().operation, &random_);
  life.prepare();
  const std::uint64_t before = life.rig.flash.writes();
  life.run(std::nullopt);
  life.check_end();
  const std::uint64_t writes = life.rig.flash.writes() - before;
  std::printf("writes from a start to the end of the operation: %llu\n",
              static_cast<unsigned long long>(writes));
  EXPECT_LE(writes, 14u);
}

INSTANTIATE_TEST_SUITE_P(Operations, PowerCut,
                         ::testing::Values(Case{"DownloadAndUpdate", kNor},
                                           Case{"DownloadAndUpdate", kDisk}, Case{"Download", kNor},
                                           Case{"Download", kDisk}, Case{"Update", kNor},
                                           Case{"Update", kDisk}),
                         [](const auto& suite) {
                           return std::string(suite.param.operation) +
                                  (suite.param.geometry.erase_before_program ? "_nor" : "_disk");
                         });

// What State says of a package is so whenever the device starts: one that is ready is there, and
// one that was given up is gone.
TEST(WithdrawnPackage, IsThereExactlyWhenStateSaysSo) {
  Random random = seeded_random();
  const std::function<void(DmRig*)> withdrawals[] = {
      [](DmRig* rig) { rig->replace("./FwUpdate/Pkg1/Download/PkgURL", "http://a/b"); },
      [](DmRig* rig) { rig->replace("./FwUpdate/Pkg1/Update/PkgData", ""); },
      [](DmRig* rig) { rig->exec("./FwUpdate/Pkg1/Download"); },
      [](DmRig* rig) { rig->remove("./FwUpdate/Pkg1"); },
  };
  unsigned lives = 0;
  for (const auto& withdraw : withdrawals) {
    for (const FlashGeometry& geometry : {kNor, kDisk}) {
      for (std::uint64_t writes = 0; writes < 5; ++writes) {
        for (int round = 0; round < 12; ++round, ++lives) {
          DmRig rig(geometry, 16 * 1024);
          rig.random.seed(pick(&random, 0, ~std::uint64_t{0}));
          ASSERT_EQ(rig.restart(), Status::ok);
          rig.make_object();
          ASSERT_EQ(rig.exec("./FwUpdate/Pkg1/Download"), ROMDELTA_DM_ACCEPTED);
          ASSERT_EQ(rig.download_done(), Status::ok);
          ASSERT_EQ(rig.answer(), Status::ok);
          rig.flash.cut_after(writes);
          withdraw(&rig);
          rig.flash.mood = static_cast<UnstableFlash::Mood>(pick(&random, 0, 2));
          ASSERT_EQ(rig.restart(), Status::ok);
          EXPECT_EQ(rig.state() == 50, rig.packages.contains("/data/pkg"))
              << "state " << rig.state() << " after " << writes << " writes";
        }
      }
    }
  }
  std::printf("lives with cuts: %u\n", lives);
}

// A flash that fails without a loss of power.
TEST(FlashFailure, StopsTheAdapterUntilItIsBegunAgain) {
  DmRig rig;
  ASSERT_EQ(rig.restart(), Status::ok);
  rig.make_object();
  rig.flash.cut_after(0);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg1/Download"), ROMDELTA_DM_STORE_FAILED);
  EXPECT_EQ(rig.get("./FwUpdate"), ROMDELTA_DM_STORE_FAILED);
  EXPECT_FALSE(rig.task());
  EXPECT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_USER_REQUEST, nullptr, nullptr),
            static_cast<romdelta_status>(Status::flash_program_failed));
  ASSERT_EQ(rig.restart(), Status::ok);
  EXPECT_EQ(rig.value("./FwUpdate"), "Pkg1");
}

}  // namespace
}  // namespace romdelta::test
