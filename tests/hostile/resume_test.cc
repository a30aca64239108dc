// What somebody changes between two sessions, or between a check and the use of what was checked.
//
// RAUC CVE-2020-25860: a bundle was checked, replaced, and then used.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/hostile/attack_table.h"
#include "tests/hostile/forgery.h"
#include "tests/hostile/victim.h"

namespace romdelta::test {
namespace {

class Interrupted : public ::testing::Test {
 protected:
  static constexpr std::size_t kCutChunk = 2;

  // The first session ends in the middle of chunk kCutChunk.
  void SetUp() override {
    victim_.restore();
    RunOptions options;
    options.stop_at = victim_.chunks()[kCutChunk].begin + 5;
    ASSERT_EQ(run_session(&victim_.device(), victim_.package(), options).status,
              Status::need_input);
    ASSERT_FALSE(victim_.target_flash().writes().empty());
    victim_.target_flash().forget();
  }

  // The whole package, by an engine that skips what it has.
  RunResult resume(ByteSpan file) {
    RunOptions options;
    return run_session(&victim_.device(), file, options);
  }

  Victim& victim_ = grouped_victim();
};

TEST_F(Interrupted, InstallationGoesOnWhereItStopped) {
  const RunResult result = resume(victim_.package());
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.resumed_at_chunk, kCutChunk);
  EXPECT_EQ(victim_.device().active_image(), victim_.target());
  EXPECT_EQ(victim_.target_flash().writes().front().offset,
            victim_.chunks()[kCutChunk].target_begin);
}

TEST_F(Interrupted, InstallationDoesNotTrustWhatWasWrittenBefore) {
  const Attack attack_row("RAUC CVE-2020-25860", "the slot is changed between two sessions");
  const std::uint64_t written = victim_.chunks()[kCutChunk].target_begin;
  for (const std::uint64_t at : {std::uint64_t{0}, written / 2, written - 1}) {
    SetUp();
    victim_.device().slot_memory(Slot::b)[at] ^= 1;
    const Verdict verdict{{Status::target_mismatch}, victim_.target().size()};
    EXPECT_EQ(victim_.attack_as_it_is(victim_.package(), verdict), "") << at;
    // The damage costs time, not the device.
    EXPECT_EQ(resume(victim_.package()).status, Status::ok) << at;
    EXPECT_EQ(victim_.device().active_image(), victim_.target()) << at;
  }
}

TEST_F(Interrupted, InstallationDoesNotGoOnWithAnotherPackage) {
  // Same source and target, another manifest: a package of its own.
  Forgery forgery(victim_.package());
  forgery.manifest.budgets.redo_bytes += 1;
  const RunResult result = resume(forgery.seal());
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.resumed_at_chunk, 0u);
  EXPECT_EQ(victim_.device().active_image(), victim_.target());
}

TEST_F(Interrupted, InstallationChecksTheRestAsItChecksTheBeginning) {
  const Attack attack_row("RAUC CVE-2020-25860", "the file is changed between two sessions");
  for (std::size_t at = victim_.chunks()[kCutChunk].begin; at < victim_.package().size(); ++at) {
    SetUp();
    Bytes file = victim_.package();
    file[at] ^= 0x10;
    ASSERT_EQ(victim_.attack_as_it_is(file, victim_.verdict_at(at)), "") << at;
  }
}

TEST_F(Interrupted, InstallationDoesNotTrustAJournalThatClaimsMore) {
  const Attack attack_row("RAUC CVE-2020-25860", "the journal is changed between two sessions");
  const auto count = victim_.head().manifest.chunk_count;
  for (std::uint32_t claimed = kCutChunk + 1; claimed <= count; ++claimed) {
    SetUp();
    JournalRecord record;
    record.kind = JournalKind::checkpoint;
    record.target_slot = Slot::b;
    record.manifest_digest = victim_.head().manifest_digest;
    record.next = claimed;
    victim_.device().append_record(record);
    const Verdict verdict{{Status::target_mismatch}, victim_.target().size()};
    EXPECT_EQ(victim_.attack_as_it_is(victim_.package(), verdict), "") << claimed;
    EXPECT_EQ(resume(victim_.package()).status, Status::ok) << claimed;
  }
}

TEST_F(Interrupted, InstallationDoesNotTrustASourceThatChangedMeanwhile) {
  // Not through attack_as_it_is(): it would complain of slot A, which this test changes.
  victim_.device().slot_memory(Slot::a)[100] ^= 1;
  EXPECT_EQ(resume(victim_.package()).status, Status::wrong_source);
  EXPECT_EQ(victim_.device().installed().active_slot, Slot::a);
  EXPECT_TRUE(victim_.target_flash().writes().empty());
}

// The pieces belong to the caller, who may use the memory for something else at once.
TEST(CheckedBytes, AreNotReadAgainFromTheCallersMemory) {
  Victim& victim = grouped_victim();
  victim.restore();
  AlignedMemory arena(256 * 1024);
  const auto session = std::make_unique<Session>();
  Status status = session->begin(victim.device().device, arena.span(), {});
  Bytes piece;
  for (std::size_t at = 0; at < victim.package().size(); at += piece.size()) {
    ASSERT_EQ(status, Status::need_input);
    const std::size_t count = std::min<std::size_t>(61, victim.package().size() - at);
    piece = to_bytes(ByteSpan(victim.package()).subspan(at, count));
    status = session->push(at, piece);
    std::ranges::fill(piece, std::uint8_t{0xcc});
  }
  EXPECT_EQ(status, Status::ok);
  EXPECT_EQ(session->finish(), Status::ok);
  EXPECT_EQ(victim.device().active_image(), victim.target());
}

}  // namespace
}  // namespace romdelta::test
