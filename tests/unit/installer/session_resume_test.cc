// Sessions that are cut, and those that follow.
#include "installer/session.h"

#include <algorithm>

#include "tests/unit/installer/session_fixture.h"

namespace romdelta::test {
namespace {

class SessionResumeTest : public SessionTest {
 protected:
  RunResult run_until(std::uint64_t stop_at) {
    RunOptions options;
    options.stop_at = stop_at;
    return run_session(&device, package.file, options);
  }
  void forge_checkpoint(std::uint32_t next_chunk) {
    JournalRecord record;
    record.kind = JournalKind::checkpoint;
    record.target_slot = Slot::b;
    record.manifest_digest = manifest_digest();
    record.next = next_chunk;
    device.append_record(record);
  }
  // A run that takes the forged checkpoint for what it is not, then one that starts over.
  void expect_mismatch_then_recovery() {
    EXPECT_EQ(run_session(&device, package.file).status, Status::target_mismatch);
    expect_untouched();
    expect_install_from_the_beginning();
  }
  void expect_install_from_the_beginning() {
    const RunResult result = run_session(&device, package.file);
    EXPECT_EQ(result.status, Status::ok);
    EXPECT_EQ(result.resumed_at_chunk, 0u);
    expect_installed(plan);
  }
  std::uint32_t chunk_count() const { return package.manifest.chunk_count; }
};

TEST_F(SessionResumeTest, GoesOnAtTheLastCheckpointAfterACutAtAnyChunk) {
  for (const bool from_beginning : {false, true}) {
    for (std::uint32_t chunk = 0; chunk < chunk_count(); ++chunk) {
      device.provision(plan.source, plan.source_version);
      // All bytes of the chunks before, and a few of this one.
      ASSERT_EQ(run_until(chunk_offset(chunk) + 3).status, Status::need_input);
      expect_untouched();
      RunOptions options;
      options.from_beginning = from_beginning;
      const RunResult result = run_session(&device, package.file, options);
      ASSERT_EQ(result.status, Status::ok) << chunk;
      EXPECT_EQ(result.resumed_at_chunk, chunk);
      expect_installed(plan);
      std::ranges::fill(device.journal_memory(), std::uint8_t{0xff});
      std::ranges::fill(device.inventory_memory(), std::uint8_t{0xff});
    }
  }
}

TEST_F(SessionResumeTest, WritesAgainOnlyWhatFollowsTheCheckpoint) {
  ASSERT_EQ(run_until(chunk_offset(chunk_count() - 1)).status, Status::need_input);
  const std::uint64_t before = device.slot_flash(Slot::b).programmed_bytes();
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  EXPECT_LE(device.slot_flash(Slot::b).programmed_bytes() - before, 2048u);
}

TEST_F(SessionResumeTest, RedoesNothingWhenOnlyTheEndWasCut) {
  RunOptions options;
  options.stop_at = package.file.size();
  AlignedMemory arena(256 * 1024);
  {
    Session session;
    ASSERT_EQ(session.begin(device.device, arena.span(), {}), Status::need_input);
    ASSERT_EQ(session.push(0, package.file), Status::ok);
  }
  const RunResult result = run_session(&device, package.file);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.resumed_at_chunk, chunk_count() - 1);
  expect_installed(plan);
}

TEST_F(SessionResumeTest, SurvivesACutAtEveryChunkOfOneInstallation) {
  for (std::uint32_t chunk = 1; chunk < chunk_count(); ++chunk) {
    const RunResult result = run_until(chunk_offset(chunk));
    ASSERT_EQ(result.status, Status::need_input);
    ASSERT_EQ(result.resumed_at_chunk, chunk - 1);
  }
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionResumeTest, FindsItsWayThroughThreeLevelsOfNodes) {
  plan.source.resize(5000);
  plan.target = revise(plan.source, 4200, 5);
  plan.chunk_bytes = 1;
  package = make_package(plan);
  ASSERT_EQ(chunk_count(), 4200u);
  for (const std::uint32_t chunk : {1024u, 2048u, 3072u, 4096u}) {
    device.provision(plan.source, plan.source_version);
    ASSERT_EQ(run_until(chunk_offset(chunk)).status, Status::need_input);
    const RunResult result = run_session(&device, package.file);
    ASSERT_EQ(result.status, Status::ok);
    EXPECT_EQ(result.resumed_at_chunk, chunk);
    expect_installed(plan);
    std::ranges::fill(device.inventory_memory(), std::uint8_t{0xff});
  }
}

TEST_F(SessionResumeTest, WritesNoCheckpointInsideAnEraseBlock) {
  plan.chunk_bytes = 1536;
  package = make_package(plan);
  ASSERT_EQ(run_until(chunk_offset(1)).status, Status::need_input);
  EXPECT_EQ(device.newest_record()->kind, JournalKind::intent);
  for (const std::uint32_t chunk : {2u, 3u}) {
    ASSERT_EQ(run_until(chunk_offset(chunk)).status, Status::need_input);
    EXPECT_EQ(device.newest_record()->kind, JournalKind::checkpoint);
    EXPECT_EQ(device.newest_record()->next, 2u);
  }
  EXPECT_EQ(run_session(&device, package.file).resumed_at_chunk, 2u);
  expect_installed(plan);
}

// An update in place of one program unit does not disturb its neighbours there.
TEST_F(SessionResumeTest, WritesCheckpointsAtProgramUnitsWhereStorageOverwrites) {
  DeviceShape shape;
  shape.slots = disk_geometry;
  TestDevice disk(shape);
  disk.provision(plan.source, plan.source_version);
  plan.chunk_bytes = 1536;
  plan.group_bytes = 512;
  plan.erase_block_bytes = 512;
  package = make_package(plan);
  RunOptions options;
  options.stop_at = chunk_offset(3);
  ASSERT_EQ(run_session(&disk, package.file, options).status, Status::need_input);
  EXPECT_EQ(disk.newest_record()->next, 3u);
  EXPECT_EQ(run_session(&disk, package.file).resumed_at_chunk, 3u);
  EXPECT_TRUE(disk.active_image() == plan.target);
}

// A chunk may end where an erase block does while its bytes still wait in the group buffer.
TEST_F(SessionResumeTest, WritesNoCheckpointBeforeItsBytesAreProgrammed) {
  plan.chunk_bytes = 1024;
  plan.group_bytes = 2048;
  package = make_package(plan);
  ASSERT_EQ(run_until(chunk_offset(1)).status, Status::need_input);
  EXPECT_EQ(device.newest_record()->kind, JournalKind::intent);
  ASSERT_EQ(run_until(chunk_offset(3)).status, Status::need_input);
  EXPECT_EQ(device.newest_record()->next, 2u);
  EXPECT_EQ(run_session(&device, package.file).status, Status::ok);
  expect_installed(plan);
}

// A flash that knows whether its writes are durable.
class SyncWatch final : public Flash {
 public:
  explicit SyncWatch(Flash* flash) : flash_(flash) {}
  FlashGeometry geometry() const override { return flash_->geometry(); }
  std::uint64_t size_bytes() const override { return flash_->size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    return flash_->read(offset, into);
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    durable = false;
    return flash_->erase(offset, count);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    durable = false;
    // What this flash is about to say rests on what the other one holds.
    if (rests_on != nullptr && !rests_on->durable) ++too_early;
    ++programs;
    return flash_->program(offset, bytes);
  }
  Status sync() override {
    durable = true;
    return flash_->sync();
  }

  const SyncWatch* rests_on = nullptr;
  bool durable = true;
  unsigned programs = 0;
  unsigned too_early = 0;

 private:
  Flash* flash_;
};

TEST_F(SessionResumeTest, WritesRecordsOnlyAfterWhatTheySayIsDurable) {
  Bytes inventory_memory = device.inventory_memory();
  RamFlash inventory_flash(inventory_memory, nor_geometry);
  SyncWatch target(&device.slot_flash(Slot::b));
  SyncWatch journal(&device.journal_flash());
  SyncWatch inventory(&inventory_flash);
  journal.rests_on = &target;
  inventory.rests_on = &target;
  device.region.slot_b = {&target, 0, target.size_bytes()};
  device.device.journal = {&journal, 0, journal.size_bytes()};
  device.device.inventory = {&inventory, 0, inventory.size_bytes()};
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  // Intent, a checkpoint after each chunk but the last, done; one copy of the inventory.
  EXPECT_EQ(journal.programs, chunk_count() + 1);
  EXPECT_EQ(inventory.programs, 1u);
  EXPECT_EQ(journal.too_early, 0u);
  EXPECT_EQ(inventory.too_early, 0u);
  EXPECT_TRUE(inventory.durable);
  EXPECT_TRUE(journal.durable);
}

// Who can write the flash between two sessions can also make a checksum come out right.
TEST_F(SessionResumeTest, HoldsAResumedTargetAgainstTheDigestNotTheChecksum) {
  Bytes forged_target = plan.target;
  forged_target[1000] ^= 1;
  package.file = file_with([&](Manifest* m) { m->target_checksum = checksum_of(forged_target); });
  ASSERT_EQ(run_until(chunk_offset(5)).status, Status::need_input);
  device.slot_memory(Slot::b)[1000] ^= 1;
  EXPECT_EQ(run_session(&device, package.file).status, Status::target_mismatch);
  expect_untouched();
}

TEST_F(SessionResumeTest, IgnoresCheckpointsOfOtherPackagesAndSlots) {
  JournalRecord record;
  record.kind = JournalKind::checkpoint;
  record.target_slot = Slot::b;
  record.next = 3;
  device.append_record(record);
  expect_install_from_the_beginning();
}

TEST_F(SessionResumeTest, IgnoresACheckpointForTheActiveSlot) {
  JournalRecord record;
  record.kind = JournalKind::checkpoint;
  record.target_slot = Slot::a;
  record.manifest_digest = manifest_digest();
  record.next = 3;
  device.append_record(record);
  expect_install_from_the_beginning();
}

TEST_F(SessionResumeTest, IgnoresRecordsOfOtherKinds) {
  for (const JournalKind kind : {JournalKind::intent, JournalKind::done}) {
    JournalRecord record;
    record.kind = kind;
    record.target_slot = Slot::b;
    record.manifest_digest = manifest_digest();
    record.next = 3;
    device.append_record(record);
    EXPECT_EQ(run_until(chunk_offset(1)).resumed_at_chunk, 0u);
  }
}

TEST_F(SessionResumeTest, IgnoresACheckpointBeyondTheLastChunk) {
  for (const std::uint32_t next : {chunk_count() + 1, ~0u}) {
    forge_checkpoint(next);
    EXPECT_EQ(run_until(chunk_offset(1)).resumed_at_chunk, 0u);
  }
  EXPECT_EQ(run_session(&device, package.file).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionResumeTest, DoesNotBelieveThatAllChunksWereWritten) {
  forge_checkpoint(chunk_count());
  expect_mismatch_then_recovery();
}

TEST_F(SessionResumeTest, DoesNotBelieveThatAChunkWasWritten) {
  for (const std::uint32_t next : {1u, chunk_count() - 1}) {
    TestDevice fresh;
    device.provision(plan.source, plan.source_version);
    std::ranges::fill(device.slot_memory(Slot::b), std::uint8_t{0xff});
    forge_checkpoint(next);
    expect_mismatch_then_recovery();
    std::ranges::fill(device.inventory_memory(), std::uint8_t{0xff});
  }
}

TEST_F(SessionResumeTest, AcceptsACheckpointAfterTheLastChunkWhenItIsTrue) {
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  std::ranges::fill(device.inventory_memory(), std::uint8_t{0xff});
  device.provision(plan.source, plan.source_version);
  forge_checkpoint(chunk_count());
  const RunResult result = run_session(&device, package.file);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.resumed_at_chunk, chunk_count());
  expect_installed(plan);
}

TEST_F(SessionResumeTest, FindsDamageToWhatWasWrittenBeforeTheCut) {
  ASSERT_EQ(run_until(chunk_offset(5)).status, Status::need_input);
  device.slot_memory(Slot::b)[1000] ^= 1;
  expect_mismatch_then_recovery();
}

// The nodes that lead to chunk 70 lie behind those that lead to chunk 0.
TEST_F(SessionResumeTest, StartsOverAtACheckpointInsideAnEraseBlock) {
  plan.chunk_bytes = 100;
  package = make_package(plan);
  for (const std::uint32_t next : {1u, 70u}) {
    device.provision(plan.source, plan.source_version);
    forge_checkpoint(next);
    expect_install_from_the_beginning();
    std::ranges::fill(device.inventory_memory(), std::uint8_t{0xff});
  }
}

TEST_F(SessionResumeTest, TellsACallerThatCannotSeekToStartOver) {
  plan.chunk_bytes = 100;
  package = make_package(plan);
  forge_checkpoint(70);
  RunOptions options;
  options.from_beginning = true;
  options.piece_bytes = 100;
  EXPECT_EQ(run_session(&device, package.file, options).status, Status::out_of_order);
  expect_untouched();
  EXPECT_EQ(run_session(&device, package.file, options).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionResumeTest, StartsOverWhenTheJournalIsLost) {
  ASSERT_EQ(run_until(chunk_offset(5)).status, Status::need_input);
  std::ranges::fill(device.journal_memory(), std::uint8_t{0});
  expect_install_from_the_beginning();
}

TEST_F(SessionResumeTest, InstallsAnotherPackageAfterAnAbandonedOne) {
  ASSERT_EQ(run_until(chunk_offset(5)).status, Status::need_input);
  PackagePlan other = delta_plan(15000);
  other.target_version = "2.1";
  const RunResult result = run_session(&device, make_package(other).file);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.resumed_at_chunk, 0u);
  expect_installed(other);
}

TEST_F(SessionResumeTest, SaysDoneOnceWhenTheCutCameAfterTheCommit) {
  // The last operations are the program and the sync of the record that says done.
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  const std::uint64_t operations = device.faults.total();
  TestDevice cut;
  cut.provision(plan.source, plan.source_version);
  cut.faults.fail_at = operations - 2;
  EXPECT_EQ(run_session(&cut, package.file).status, Status::flash_program_failed);
  cut.faults.reset();
  EXPECT_EQ(cut.installed().version.view(), plan.target_version);
  EXPECT_NE(cut.newest_record()->kind, JournalKind::done);
  const RunResult next = run_session(&cut, package.file);
  EXPECT_EQ(next.status, Status::ok);
  EXPECT_TRUE(next.already_installed);
  EXPECT_EQ(cut.newest_record()->kind, JournalKind::done);
  cut.faults.reset();
  EXPECT_EQ(run_session(&cut, package.file).status, Status::ok);
  EXPECT_EQ(cut.faults.writes(), 0u);
}

// Guards against writing over the only stable copy of the inventory (docs/format.md section 9.3).
TEST_F(SessionResumeTest, RepeatsACommitWithoutTouchingTheCopyBefore) {
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  const Bytes inventory = device.inventory_memory();
  forge_checkpoint(1);
  device.faults.reset();
  const RunResult result = run_session(&device, package.file);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_TRUE(result.already_installed);
  // The inventory's one block and the journal's half; the copy and done.
  EXPECT_GT(device.faults.count(FlashOperation::erase), 1u);
  EXPECT_EQ(device.inventory_memory(), inventory);
  EXPECT_EQ(device.newest_record()->kind, JournalKind::done);
}

// Guards against calling an installation done that another package's is.
TEST_F(SessionResumeTest, LeavesTheJournalToAnotherPackageThatIsPending) {
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  JournalRecord record;
  record.kind = JournalKind::checkpoint;
  record.manifest_digest.value.fill(0x55);
  device.append_record(record);
  device.faults.reset();
  EXPECT_TRUE(run_session(&device, package.file).already_installed);
  EXPECT_EQ(device.faults.writes(), 0u);
  EXPECT_EQ(device.newest_record()->kind, JournalKind::checkpoint);
}

// Guards against a copy that shows up when the target it names is being written again.
TEST_F(SessionResumeTest, ErasesWhatAnInterruptedCommitMayHaveLeftBeforeItWritesTheTarget) {
  ASSERT_EQ(run_until(chunk_offset(3)).status, Status::need_input);
  const std::size_t half = device.inventory_memory().size() / 2;
  device.inventory_memory()[half] = 0;
  ASSERT_EQ(run_until(chunk_offset(3)).status, Status::need_input);
  EXPECT_EQ(device.inventory_memory()[half], 0xff);
}

}  // namespace
}  // namespace romdelta::test
