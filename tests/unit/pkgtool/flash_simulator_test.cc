#include "pkgtool/flash_simulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "pkgtool/simulated_shapes.h"

namespace romdelta::pkgtool {
namespace {

SimulatedShape shape_of(const SimulatedGeometry& geometry) {
  SimulatedShape shape;
  for (SimulatedPart& part : shape) part = {geometry, 16 * geometry.flash.erase_block_bytes};
  return shape;
}

constexpr SimulatedGeometry kNor = {{256, 16, true}, false, false};
constexpr SimulatedGeometry kNand = {{1024, 64, true}, true, false};
constexpr SimulatedGeometry kDisk = {{64, 64, false}, false, true};

class FlashSimulatorTest : public ::testing::Test {
 protected:
  void begin(const SimulatedGeometry& geometry) {
    simulator_.emplace(shape_of(geometry));
    slot_ = simulator_->region(Part::slot_b);
    journal_ = simulator_->region(Part::journal);
  }
  // Power comes back.
  void reboot() { simulator_->boot(SimulatedStorage(simulator_->storage())); }

  Bytes read(std::uint64_t offset, std::size_t count) {
    Bytes bytes(count);
    EXPECT_EQ(slot_.read(offset, bytes), Status::ok);
    return bytes;
  }
  // Writes that the test has no doubt about.
  void program(std::uint64_t offset, std::uint8_t value, std::size_t count) {
    EXPECT_EQ(slot_.program(offset, Bytes(count, value)), Status::ok);
  }
  std::string violation() const {
    return simulator_->violations().empty() ? "" : simulator_->violations().back();
  }

  // The state that this cut leaves of `op`.
  SimulatedStorage cut(const FlashOp& op, FaultKind kind, std::uint32_t variant) {
    SimulatedStorage storage = simulator_->storage();
    EXPECT_TRUE(cut_power(&storage, op, {kind, 0, variant, 1}));
    return storage;
  }
  // What the range reads in the next boot.
  Bytes after_boot(SimulatedStorage storage, std::uint64_t offset, std::size_t count) {
    simulator_->boot(std::move(storage));
    return read(offset, count);
  }

  std::optional<FlashSimulator> simulator_;
  FlashRegion slot_;
  FlashRegion journal_;
};

FlashOp program_op(std::uint64_t offset, const Bytes& bytes) {
  return {Part::slot_b, FlashOpKind::program, offset, bytes.size(),
          std::make_shared<const Bytes>(bytes)};
}

FlashOp erase_op(std::uint64_t offset, std::uint64_t count) {
  return {Part::slot_b, FlashOpKind::erase, offset, count, nullptr};
}

// --- Rules. ---

TEST_F(FlashSimulatorTest, KeepsWhatIsWritten) {
  begin(kNor);
  program(32, 7, 48);
  EXPECT_EQ(read(32, 48), Bytes(48, 7));
  EXPECT_EQ(read(0, 32), Bytes(32, 0xff));
  EXPECT_EQ(slot_.erase(0, 256), Status::ok);
  EXPECT_EQ(read(32, 48), Bytes(48, 0xff));
  EXPECT_EQ(simulator_->op_count(), 2u);
  EXPECT_TRUE(simulator_->violations().empty());
}

TEST_F(FlashSimulatorTest, SeesASecondProgramEvenOfTheSameBytes) {
  begin(kNor);
  program(0, 0xff, 16);
  EXPECT_EQ(slot_.program(0, Bytes(16, 0xff)), Status::flash_program_failed);
  EXPECT_EQ(violation(), "slot_b: program of a unit that is not erased");
}

TEST_F(FlashSimulatorTest, SeesMisalignedAccess) {
  begin(kNor);
  EXPECT_EQ(slot_.program(8, Bytes(16, 0)), Status::flash_program_failed);
  EXPECT_EQ(violation(), "slot_b: program that is not whole units");
  EXPECT_EQ(slot_.program(0, Bytes(24, 0)), Status::flash_program_failed);
  EXPECT_EQ(slot_.erase(16, 256), Status::flash_erase_failed);
  EXPECT_EQ(violation(), "slot_b: erase that is not whole blocks");
  EXPECT_EQ(simulator_->violations().size(), 3u);
  EXPECT_EQ(simulator_->op_count(), 0u);
}

TEST_F(FlashSimulatorTest, SeesAccessBesideTheRegion) {
  begin(kNor);
  // A region that the engine made itself, one block too far on either side.
  const FlashRegion whole = simulator_->region(Part::slot_b);
  EXPECT_EQ(whole.erase(16 * 256, 256), Status::flash_erase_failed) << "the region itself refuses";
  EXPECT_TRUE(simulator_->violations().empty());
  simulator_->protect(Part::slot_b);
  EXPECT_EQ(whole.erase(0, 256), Status::flash_erase_failed);
  EXPECT_EQ(violation(), "slot_b: write to what must stay");
}

TEST_F(FlashSimulatorTest, SeesPagesOutOfOrder) {
  begin(kNand);
  program(128, 1, 64);
  EXPECT_EQ(slot_.program(64, Bytes(64, 1)), Status::flash_program_failed);
  EXPECT_EQ(violation(), "slot_b: program before a unit that is programmed already");
  program(192, 1, 64);
  program(1024, 1, 64);
}

TEST_F(FlashSimulatorTest, LetsADiskOverwrite) {
  begin(kDisk);
  program(0, 1, 64);
  program(0, 2, 64);
  EXPECT_EQ(read(0, 64), Bytes(64, 2));
  EXPECT_TRUE(simulator_->violations().empty());
}

// --- Cuts. ---

TEST_F(FlashSimulatorTest, IsOffAfterACutUntilTheNextBoot) {
  begin(kNor);
  program(0, 1, 16);
  reboot();
  simulator_->plan({FaultKind::cut_before, 1, 0, 1});
  program(16, 2, 16);
  EXPECT_EQ(slot_.program(32, Bytes(16, 3)), Status::flash_program_failed);
  EXPECT_FALSE(simulator_->is_on());
  EXPECT_TRUE(simulator_->fired());
  Bytes byte(1);
  EXPECT_EQ(slot_.read(0, byte), Status::flash_read_failed);
  EXPECT_EQ(slot_.erase(0, 256), Status::flash_erase_failed);
  EXPECT_EQ(slot_.sync(), Status::flash_sync_failed);
  EXPECT_EQ(journal_.sync(), Status::flash_sync_failed);
  reboot();
  EXPECT_EQ(read(16, 32), [] {
    Bytes bytes(16, 2);
    bytes.resize(32, 0xff);
    return bytes;
  }());
}

TEST_F(FlashSimulatorTest, CountsOperationsOverAllFlashes) {
  begin(kNor);
  simulator_->plan({FaultKind::cut_after, 2, 0, 1});
  program(0, 1, 16);
  EXPECT_EQ(journal_.sync(), Status::ok);
  EXPECT_EQ(journal_.program(0, Bytes(16, 5)), Status::flash_program_failed);
  EXPECT_TRUE(simulator_->fired());
  reboot();
  Bytes bytes(16);
  EXPECT_EQ(journal_.read(0, bytes), Status::ok);
  EXPECT_EQ(bytes, Bytes(16, 5)) << "it was done, and nobody was told";
}

TEST_F(FlashSimulatorTest, TearsAProgramAtAUnit) {
  begin(kNor);
  const FlashOp op = program_op(0, Bytes(64, 0x0f));
  // Two units are done; of the third some bits are cleared.
  const Bytes bytes = after_boot(cut(op, FaultKind::torn_program, (2 * 3 + 1) * 3), 0, 64);
  EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 32), Bytes(32, 0x0f));
  EXPECT_NE(Bytes(bytes.begin() + 32, bytes.begin() + 48), Bytes(16, 0x0f));
  EXPECT_TRUE(std::all_of(bytes.begin() + 32, bytes.begin() + 48, [](std::uint8_t byte) {
    return (byte & 0x0f) == 0x0f;
  })) << "programming only clears";
  EXPECT_EQ(Bytes(bytes.begin() + 48, bytes.end()), Bytes(16, 0xff));
}

TEST_F(FlashSimulatorTest, DoesNotLetATornUnitBeTakenForErased) {
  begin(kNor);
  // The unit reads as before.
  const FlashOp op = program_op(0, Bytes(16, 0));
  EXPECT_EQ(after_boot(cut(op, FaultKind::torn_program, 0), 0, 16), Bytes(16, 0xff));
  EXPECT_EQ(slot_.program(0, Bytes(16, 0)), Status::flash_program_failed);
  EXPECT_EQ(simulator_->violations().size(), 1u);
  EXPECT_EQ(slot_.erase(0, 256), Status::ok);
  program(0, 0, 16);
}

TEST_F(FlashSimulatorTest, TearsAnErase) {
  begin(kNor);
  program(0, 0x55, 512);
  const FlashOp op = erase_op(0, 512);
  const auto second_block = [&](std::uint32_t style) {
    const Bytes bytes = after_boot(cut(op, FaultKind::torn_erase, (6 + style) * 3), 0, 512);
    EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 256), Bytes(256, 0xff));
    return Bytes(bytes.begin() + 256, bytes.end());
  };
  Bytes half(128, 0xff);
  half.resize(256, 0x55);
  SimulatedStorage before = simulator_->storage();
  EXPECT_EQ(second_block(1), half);
  simulator_->boot(before);
  EXPECT_EQ(second_block(3), Bytes(256, 0)) << "all zero";
  simulator_->boot(before);
  const Bytes noise = second_block(4);
  EXPECT_GT(std::set<std::uint8_t>(noise.begin(), noise.end()).size(), 16u);
  simulator_->boot(before);
  EXPECT_EQ(second_block(5), Bytes(256, 0xff)) << "looks erased";
  EXPECT_EQ(slot_.program(256, Bytes(16, 0)), Status::flash_program_failed) << "and is not";
}

TEST_F(FlashSimulatorTest, ReadsUnstableUnitsAnewEachTimeUntilTheyAreErased) {
  begin(kNor);
  const SimulatedStorage state = cut(program_op(0, Bytes(16, 0)), FaultKind::unstable, 0);
  simulator_->boot(state);
  std::set<Bytes> seen;
  for (int i = 0; i < 50; ++i) seen.insert(read(0, 16));
  EXPECT_TRUE(seen.contains(Bytes(16, 0)));
  EXPECT_TRUE(seen.contains(Bytes(16, 0xff)));
  EXPECT_GT(seen.size(), 3u);
  simulator_->boot(state);
  std::set<Bytes> again;
  for (int i = 0; i < 50; ++i) again.insert(read(0, 16));
  EXPECT_EQ(again, seen) << "the same seed reads the same";
  EXPECT_EQ(slot_.erase(0, 256), Status::ok);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(read(0, 16), Bytes(16, 0xff));
}

TEST_F(FlashSimulatorTest, ReadsWellInOneBootOnly) {
  begin(kNor);
  for (const std::uint32_t variant : {1u, 2u}) {
    const Bytes calm(16, variant == 1 ? 0x00 : 0xff);
    simulator_->boot(cut(program_op(0, Bytes(16, 0)), FaultKind::unstable, variant));
    for (int i = 0; i < 20; ++i) ASSERT_EQ(read(0, 16), calm);
    reboot();
    std::set<Bytes> seen;
    for (int i = 0; i < 50; ++i) seen.insert(read(0, 16));
    EXPECT_GT(seen.size(), 1u);
    begin(kNor);
  }
}

TEST_F(FlashSimulatorTest, LosesUnsyncedWritesInEverySubset) {
  begin(kDisk);
  program(0, 1, 64);
  EXPECT_EQ(slot_.sync(), Status::ok);
  program(0, 2, 64);
  program(64, 3, 64);
  program(128, 4, 64);
  const FlashOp sync = {Part::slot_b, FlashOpKind::sync, 0, 0, nullptr};
  const std::vector<Fault> faults = cuts_at(simulator_->storage(), sync, 0, {}, 1);
  const SimulatedStorage before = simulator_->storage();
  std::set<Bytes> seen;
  for (const Fault& fault : faults) {
    if (fault.kind != FaultKind::unsynced) continue;
    SimulatedStorage storage = before;
    ASSERT_TRUE(cut_power(&storage, sync, fault));
    const Bytes bytes = after_boot(storage, 0, 192);
    EXPECT_TRUE(bytes[0] == 1 || bytes[0] == 2) << "what was synced is never lost";
    seen.insert(bytes);
  }
  EXPECT_EQ(seen.size(), 8u);
}

// --- Other faults. ---

TEST_F(FlashSimulatorTest, FailsOneOperationOrAllFromThere) {
  for (const bool for_good : {false, true}) {
    begin(kNor);
    simulator_->plan({FaultKind::io_program, 1, for_good ? 3u : 0u, 1});
    program(0, 1, 16);
    EXPECT_EQ(slot_.program(16, Bytes(16, 1)), Status::flash_program_failed);
    EXPECT_TRUE(simulator_->fired());
    EXPECT_EQ(slot_.sync(), for_good ? Status::flash_sync_failed : Status::ok);
    EXPECT_TRUE(simulator_->is_on());
    Bytes byte(1);
    EXPECT_EQ(slot_.read(0, byte), for_good ? Status::flash_read_failed : Status::ok);
  }
}

TEST_F(FlashSimulatorTest, FailsWithNothingHalfOrAllOfItDone) {
  const auto left_by = [&](std::uint32_t effect) {
    begin(kNor);
    simulator_->plan({FaultKind::io_program, 0, effect, 1});
    EXPECT_EQ(slot_.program(0, Bytes(64, 1)), Status::flash_program_failed);
    const Bytes bytes = read(0, 64);
    return std::ranges::count(bytes, std::uint8_t{1});
  };
  EXPECT_EQ(left_by(0), 0);
  EXPECT_EQ(left_by(1), 32);
  EXPECT_EQ(left_by(2), 64);
}

TEST_F(FlashSimulatorTest, WritesToAnotherPlace) {
  for (const FaultKind kind : {FaultKind::misdirected, FaultKind::duplicated}) {
    begin(kNor);
    simulator_->plan({kind, 0, 0, 1});
    program(0, 9, 16);
    EXPECT_TRUE(simulator_->fired());
    EXPECT_EQ(read(0, 16), Bytes(16, kind == FaultKind::misdirected ? 0xff : 9));
    const Bytes all = read(0, 16 * 256);
    EXPECT_EQ(std::ranges::count(all, std::uint8_t{9}), kind == FaultKind::misdirected ? 16 : 32);
  }
}

TEST_F(FlashSimulatorTest, StopsAnEngineThatDoesNotEnd) {
  begin(kNor);
  simulator_->limit_ops(2);
  EXPECT_EQ(slot_.sync(), Status::ok);
  EXPECT_EQ(slot_.sync(), Status::ok);
  EXPECT_EQ(slot_.sync(), Status::flash_sync_failed);
  EXPECT_TRUE(simulator_->overran());
}

// --- Storage and lines. ---

TEST_F(FlashSimulatorTest, CopiesDoNotSeeEachOther) {
  begin(kNor);
  program(0, 1, 16);
  const SimulatedStorage copy = simulator_->storage();
  const Fingerprint before = copy.fingerprint();
  program(16, 2, 16);
  EXPECT_EQ(copy.fingerprint(), before);
  EXPECT_NE(simulator_->storage().fingerprint(), before);
  EXPECT_EQ(after_boot(copy, 16, 16), Bytes(16, 0xff));
}

TEST_F(FlashSimulatorTest, TellsWeakFromErasedByItsFingerprint) {
  begin(kNor);
  const Fingerprint erased = simulator_->storage().fingerprint();
  const FlashOp op = program_op(0, Bytes(16, 0));
  EXPECT_EQ(cut(op, FaultKind::cut_before, 0).fingerprint(), erased);
  EXPECT_NE(cut(op, FaultKind::torn_program, 0).fingerprint(), erased);
  EXPECT_NE(cut(op, FaultKind::unstable, 0).fingerprint(),
            cut(op, FaultKind::unstable, 1).fingerprint());
}

TEST_F(FlashSimulatorTest, EveryPlannedCutFires) {
  for (const NamedGeometry& named : all_geometries()) {
    begin(named.geometry);
    const std::uint64_t count = named.geometry.flash.erase_block_bytes;
    for (const FlashOp& op : {program_op(0, Bytes(count, 1)), erase_op(0, 2 * count),
                              FlashOp{Part::slot_b, FlashOpKind::sync, 0, 0, nullptr}}) {
      if (op.kind == FlashOpKind::erase && !named.geometry.flash.erase_before_program) continue;
      for (const Fault& fault : cuts_at(simulator_->storage(), op, 0, {}, 1)) {
        SimulatedStorage storage = simulator_->storage();
        EXPECT_TRUE(cut_power(&storage, op, fault)) << named.name << ' ' << to_string({fault});
      }
    }
  }
}

TEST(FaultPath, IsReadAsItIsWritten) {
  const FaultPath path = {{FaultKind::torn_program, 12, 3, 4}, {FaultKind::io_read, 0, 5, 6}};
  EXPECT_EQ(to_string(path),
            "op=12 fault=torn_program variant=3 seed=4 then op=0 fault=io_read variant=5 seed=6");
  EXPECT_EQ(parse_fault_path(to_string(path)), path);
  for (const char* text : {"", "op=1", "op=1 fault=rain variant=0 seed=0", "op=1 then op=2",
                           "op=x fault=flip variant=0 seed=0",
                           "op=1 fault=flip variant=0 seed=1 "
                           "then"}) {
    EXPECT_FALSE(parse_fault_path(text)) << text;
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
