// What the journal of a package in place says after cuts of power that leave units unstable.
#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "installer/journal.h"
#include "tests/support/unstable_flash.h"

namespace romdelta::test {
namespace {

constexpr FlashGeometry kNor = {256, 16, true};
constexpr FlashGeometry kSmall = {128, 64, true};  // Two places a half.
constexpr FlashGeometry kDisk = {512, 64, false};

// An installation as the journal sees it: steps 0, 1, 2 ... are done and recorded, and after a cut
// the step that the newest record names is recorded again and done again.
class Installation {
 public:
  Installation(const FlashGeometry& geometry, Random* random)
      : flash(geometry, std::uint64_t{geometry.erase_block_bytes} * 2, random) {}

  // Goes on after a restart and does `count` steps more, or as many as there is power for.
  void run(std::uint32_t count) {
    flash.restart();
    Journal journal;
    ASSERT_EQ(journal.open({&flash, 0, flash.size_bytes()}, buffer_), Status::ok);
    std::uint32_t step = journal.newest().next;
    ASSERT_TRUE(allowed_.contains(step)) << "step " << step << " is not what was durable";
    for (std::uint32_t i = 0; i <= count; ++i, ++step) {
      allowed_.insert(step);
      if (append(&journal, step) != Status::ok) return;
      allowed_ = {step};
    }
  }
  // As run(), with a cut after that many writes.
  void run_cut(std::uint32_t count, std::uint64_t writes) {
    writes_ = writes;
    run(count);
    writes_.reset();
  }

  UnstableFlash flash;

 private:
  Status append(Journal* journal, std::uint32_t step) {
    if (writes_) flash.cut_after(*writes_);
    writes_.reset();
    JournalRecord record;
    record.kind = JournalKind::step;
    record.layout = Layout::in_place;
    record.next = step;
    return journal->append(record);
  }

  std::set<std::uint32_t> allowed_ = {0};
  std::optional<std::uint64_t> writes_;
  Bytes buffer_ = Bytes(limits::record_buffer_bytes);
};

class JournalCutTest : public ::testing::TestWithParam<FlashGeometry> {
 protected:
  Random random_ = seeded_random();
};

TEST_P(JournalCutTest, KeepsWhatWasDurableThroughAnyTwoCuts) {
  for (std::uint64_t first = 0; first < 24; ++first) {
    for (std::uint64_t second = 0; second < 24; ++second) {
      for (int round = 0; round < 8; ++round) {
        Installation installation(GetParam(), &random_);
        installation.run_cut(12, first);
        installation.run_cut(12, second);
        installation.run(9);
        installation.run(0);
        ASSERT_FALSE(HasFatalFailure()) << first << " " << second;
        ASSERT_EQ(installation.flash.violations, 0u) << first << " " << second;
      }
    }
  }
}

// What earlier cuts left unstable stays so until it is erased, and must not come back.
TEST_P(JournalCutTest, KeepsWhatWasDurableThroughManyPairsOfCuts) {
  for (int round = 0; round < 2000; ++round) {
    Installation installation(GetParam(), &random_);
    for (int pair = 0; pair < 6; ++pair) {
      installation.run_cut(12, pick(&random_, 0, 24));
      installation.run_cut(12, pick(&random_, 0, 8));
      installation.run(3);
      ASSERT_FALSE(HasFatalFailure()) << round;
    }
    ASSERT_EQ(installation.flash.violations, 0u) << round;
  }
}

// A regression: one session saw the second record of a half and began the other half, the next one
// did not see it and began the first half again; then nothing was left.
TEST_P(JournalCutTest, KeepsWhatWasDurableThroughThreeCutsAtTheBeginningsOfSessions) {
  // Reading often finds an unstable record when it is one unit; when it is four that each read as
  // they like it may still be missed: docs/power-fail.md, known limits.
  if (GetParam().program_unit_bytes < JournalRecord::bytes) GTEST_SKIP();
  for (std::uint64_t first = 0; first < 24; ++first) {
    for (std::uint64_t second = 0; second < 64; ++second) {
      for (int round = 0; round < 4; ++round) {
        Installation installation(GetParam(), &random_);
        installation.run_cut(12, first);
        installation.run_cut(12, second / 8);
        installation.run_cut(12, second % 8);
        installation.run(9);
        installation.run(0);
        ASSERT_FALSE(HasFatalFailure()) << first << " " << second;
      }
    }
  }
}

// A record that could not be read at one start and can at the next is older than what that start
// wrote.
TEST_P(JournalCutTest, NeverTakesAHiddenRecordForTheNewest) {
  for (std::uint64_t writes = 0; writes < 24; ++writes) {
    Installation installation(GetParam(), &random_);
    installation.run_cut(12, writes);
    installation.flash.mood = UnstableFlash::Mood::old;
    installation.run(1);
    installation.flash.mood = UnstableFlash::Mood::latest;
    installation.run(0);
    ASSERT_FALSE(HasFatalFailure()) << writes;
  }
}

INSTANTIATE_TEST_SUITE_P(Geometries, JournalCutTest, ::testing::Values(kNor, kSmall, kDisk),
                         [](const auto& suite) {
                           return "unit_" + std::to_string(suite.param.program_unit_bytes) +
                                  "_of_" + std::to_string(suite.param.erase_block_bytes);
                         });

}  // namespace
}  // namespace romdelta::test
