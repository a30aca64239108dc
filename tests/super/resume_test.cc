// What becomes of a super package when power fails, and of a device on which it cannot be finished.
#include <gtest/gtest.h>

#include <algorithm>

#include "installer/journal.h"
#include "pkgtool/simulated_shapes.h"
#include "tests/super/product.h"

namespace romdelta::test {
namespace {

using pkgtool::FaultKind;
using pkgtool::Part;
using pkgtool::SimulatedStorage;

ProductOptions tiny() {
  ProductOptions options;
  options.geometry = *pkgtool::find_geometry("tiny");
  return options;
}

const Product& product() {
  static const Product the_product(tiny());
  return the_product;
}

constexpr std::size_t kKernel = 0;
constexpr std::size_t kMcu = 3;
constexpr std::size_t kRadio = 4;

class SuperResume : public ::testing::Test {
 protected:
  SuperResume() : device(product()) {
    device.boot(device.provisioned());
    EXPECT_EQ(device.install_super(product().super().file).status, Status::ok);
    op_count = device.simulator().op_count();
  }

  // What lies on flash when power fails before operation `op`.
  SimulatedStorage cut_before(std::uint64_t op) {
    device.boot(device.provisioned());
    device.simulator().plan({FaultKind::cut_before, op, 0, 1});
    (void)device.install_super(product().super().file);
    EXPECT_TRUE(device.simulator().fired()) << op;
    return device.simulator().storage();
  }
  // The first operation before which the journal says `is_so`.
  template <typename IsSo>
  std::uint64_t first_op(IsSo is_so) {
    for (std::uint64_t op = 0; op < op_count; ++op) {
      const auto newest = device.newest(cut_before(op));
      if (newest && is_so(*newest)) return op;
    }
    ADD_FAILURE() << "never";
    return 0;
  }
  static bool is_of(const JournalRecord& record, std::size_t member) {
    return record.manifest_digest == transaction_digest(super_digest(), member);
  }
  static Digest super_digest() {
    SuperHead head;
    EXPECT_EQ(inspect_super_head(product().super().head, &head), Status::ok);
    return head.manifest_digest;
  }
  void expect_finished(const SimulatedStorage& storage) {
    device.boot(storage);
    const InstallResult result = device.install_super(product().super().file);
    ASSERT_EQ(result.status, Status::ok) << testing::PrintToString(result.statuses);
    EXPECT_EQ(device.set_of(device.simulator().storage()), ProductSet::target);
    EXPECT_EQ(device.fault_of(device.simulator().storage(), true), "");
  }
  static void wipe_journal(SimulatedStorage* storage) {
    storage->image(Part::journal)
        .contents.erase(0, product().shape()[static_cast<std::size_t>(Part::journal)].bytes);
    storage->image(Part::journal).unstable.clear();
  }
  static void flip(SimulatedStorage* storage, const RomPart& part, Slot slot, std::size_t at) {
    const Part where = slot == Slot::a ? Part::slot_a : Part::slot_b;
    const std::uint64_t offset = (slot == Slot::a ? part.slot_a_at : part.slot_b_at) + at;
    Bytes byte(1);
    storage->image(where).contents.read(offset, byte);
    byte[0] ^= 0x55;
    storage->image(where).contents.write(offset, byte);
  }

  ProductDevice device;
  std::uint64_t op_count = 0;
};

TEST_F(SuperResume, EndsWithAllTargetsAfterACutBeforeAnyOperation) {
  bool is_committed = false;
  for (std::uint64_t op = 0; op < op_count; ++op) {
    const SimulatedStorage storage = cut_before(op);
    EXPECT_EQ(device.fault_of(storage, false), "") << op;
    const bool is_target = device.set_of(storage) == ProductSet::target;
    EXPECT_TRUE(is_target || !is_committed) << op;
    is_committed = is_target;
    expect_finished(storage);
    if (HasFailure()) return;
  }
  EXPECT_TRUE(is_committed);
}

TEST_F(SuperResume, GoesOnAtTheMemberInWork) {
  const std::uint64_t op = first_op([](const JournalRecord& r) {
    return is_of(r, kRadio) && r.kind == JournalKind::step && r.next > 0;
  });
  device.boot(cut_before(op));
  const InstallResult result = device.install_super(product().super().file);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.resumed_at_member, kRadio);
  // What is complete is read, not written: the rest takes less than half of all.
  EXPECT_LT(device.simulator().op_count(), op_count / 2);
}

TEST_F(SuperResume, NeedsNoJournal) {
  for (std::uint64_t op = 0; op < op_count; op += 3) {
    SimulatedStorage storage = cut_before(op);
    wipe_journal(&storage);
    expect_finished(storage);
    ASSERT_FALSE(HasFailure()) << op;
  }
}

TEST_F(SuperResume, RefusesEverythingElseOnceASourceIsOverwritten) {
  const std::uint64_t begin =
      first_op([](const JournalRecord& r) { return r.layout == Layout::in_place; });
  const RomPart& kernel = product().parts()[kKernel];
  const RomPart& mcu = product().parts()[kMcu];
  const Bytes full = product().build(kernel, {}, kernel.source, "3.0");
  std::vector<Bytes> others;
  for (const RomPart& part : product().parts()) {
    others.push_back(product().build(part, {}, part.target, "2.0"));
  }
  SuperFacts facts = product().facts();
  ASSERT_TRUE(facts.release.assign("again"));
  const MadeSuper other = product().super_of(others, facts);
  for (std::uint64_t op = begin; op < op_count; op += 5) {
    const SimulatedStorage storage = cut_before(op);
    if (device.newest(storage)->kind == JournalKind::done) continue;
    for (const Bytes& package : {full, mcu.package}) {
      device.boot(storage);
      EXPECT_EQ(device.install_package(package), Status::update_pending) << op;
      EXPECT_EQ(device.simulator().op_count(), 0u);
    }
    device.boot(storage);
    EXPECT_EQ(device.install_super(other.file).status, Status::update_pending) << op;
    EXPECT_EQ(device.simulator().op_count(), 0u);
  }
}

TEST_F(SuperResume, BeginsAgainWhenAnotherPackageCameBeforeTheFirstWriteInPlace) {
  const std::uint64_t op = first_op([](const JournalRecord& r) { return is_of(r, 2); });
  const RomPart& kernel = product().parts()[kKernel];
  device.boot(cut_before(op));
  ASSERT_EQ(device.install_package(product().build(kernel, {}, kernel.target, "2.0")), Status::ok);
  expect_finished(device.simulator().storage());
}

TEST_F(SuperResume, RepairsAnOtherSlotThatWasDamagedMeanwhile) {
  const std::uint64_t op = first_op(
      [](const JournalRecord& r) { return is_of(r, kRadio) && r.kind == JournalKind::step; });
  SimulatedStorage storage = cut_before(op);
  flip(&storage, product().parts()[kKernel], Slot::b, 40);
  expect_finished(storage);
  // And when power fails while it is repaired.
  for (std::uint64_t again = 0; again < 60; ++again) {
    device.boot(storage);
    device.simulator().plan({FaultKind::cut_before, again, 0, 1});
    (void)device.install_super(product().super().file);
    const SimulatedStorage second = device.simulator().storage();
    EXPECT_EQ(device.fault_of(second, false), "");
    expect_finished(second);
    ASSERT_FALSE(HasFailure()) << again;
  }
}

TEST_F(SuperResume, BelievesNoJournalThatNamesALaterMember) {
  // Forged: everything before the last member is done. Nothing is.
  for (const auto& [index, layout] : {std::pair{std::size_t{5}, Layout::in_place},
                                      {kRadio, Layout::in_place},
                                      {std::size_t{2}, Layout::ab},
                                      {std::size_t{6}, Layout::in_place}}) {
    device.boot(device.provisioned());
    Bytes buffer(limits::record_buffer_bytes);
    Journal journal;
    ASSERT_EQ(journal.open(device.device().journal, buffer), Status::ok);
    JournalRecord record;
    record.kind = index == 6 ? JournalKind::commit : JournalKind::intent;
    record.layout = layout;
    record.target_slot = layout == Layout::ab ? Slot::b : Slot::a;
    record.manifest_digest = transaction_digest(super_digest(), index);
    ASSERT_EQ(journal.append(record), Status::ok);
    expect_finished(device.simulator().storage());
    ASSERT_FALSE(HasFailure()) << index;
  }
}

// --- What cannot be finished. ---

class SuperBroken : public SuperResume {
 protected:
  SuperBroken() {
    // The source of the radio's last group, after its update has begun.
    begin = first_op(
        [](const JournalRecord& r) { return is_of(r, kRadio) && r.kind == JournalKind::intent; });
    ruined = cut_before(begin + 1);
    for (std::size_t at = 0; at < product().parts()[kRadio].source.size(); at += 64) {
      flip(&*ruined, product().parts()[kRadio], Slot::a, at);
    }
  }
  static PackageState state_of(const std::vector<InventoryRecord>& records, std::size_t part) {
    for (const InventoryRecord& record : records) {
      if (record.package_id.view() == product().parts()[part].id) return record.state;
    }
    return PackageState::factory;
  }
  // Full packages of all, as one super package.
  MadeSuper full_super() {
    std::vector<Bytes> list;
    for (const RomPart& part : product().parts()) {
      list.push_back(product().build(part, {}, part.target, "2.0"));
    }
    SuperFacts facts = product().facts();
    EXPECT_TRUE(facts.release.assign("full"));
    return product().super_of(list, facts);
  }

  std::uint64_t begin = 0;
  std::optional<SimulatedStorage> ruined;
};

TEST_F(SuperBroken, EndsWithOneResultAndNamesWhatMayNotBeStarted) {
  device.boot(*ruined);
  const InstallResult result = device.install_super(product().super().file);
  EXPECT_EQ(result.status, Status::source_damaged);
  EXPECT_EQ(result.states[kRadio], MemberState::failed);
  EXPECT_EQ(result.statuses[kRadio], Status::source_damaged);
  const SimulatedStorage storage = device.simulator().storage();
  const std::vector<InventoryRecord> records = device.records(storage);
  EXPECT_EQ(state_of(records, kKernel), PackageState::factory);
  EXPECT_EQ(state_of(records, kMcu), PackageState::broken);
  EXPECT_EQ(state_of(records, kRadio), PackageState::broken);
  EXPECT_EQ(state_of(records, 5), PackageState::factory);  // It was not begun.
  const auto newest = device.newest(storage);
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->kind, JournalKind::done);
  EXPECT_EQ(newest->outcome, Status::source_damaged);
}

TEST_F(SuperBroken, IsRepairedByFullPackages) {
  device.boot(*ruined);
  ASSERT_EQ(device.install_super(product().super().file).status, Status::source_damaged);
  const SimulatedStorage storage = device.simulator().storage();
  device.boot(storage);
  const InstallResult repaired = device.install_super(full_super().file);
  ASSERT_EQ(repaired.status, Status::ok) << testing::PrintToString(repaired.statuses);
  EXPECT_EQ(device.fault_of(device.simulator().storage(), true), "");
  EXPECT_EQ(device.set_of(device.simulator().storage()), ProductSet::target);
  // Or one by one: then the first super package finds the rest as it was.
  device.boot(storage);
  const RomPart& radio = product().parts()[kRadio];
  ASSERT_EQ(device.install_package(product().build(radio, {}, radio.target, "2.0")), Status::ok);
  expect_finished(device.simulator().storage());
}

TEST_F(SuperBroken, StaysOneOrTheOtherWhereverPowerFails) {
  device.boot(*ruined);
  (void)device.install_super(product().super().file);
  const std::uint64_t ops = device.simulator().op_count();
  for (std::uint64_t op = 0; op < ops; ++op) {
    for (const FaultKind kind : {FaultKind::cut_before, FaultKind::unstable}) {
      device.boot(*ruined);
      device.simulator().plan({kind, op, 0, 3});
      (void)device.install_super(product().super().file);
      SimulatedStorage storage = device.simulator().storage();
      for (int boot = 0; boot < 2; ++boot) {
        device.boot(storage);
        // Once that it ended is durable, the source is simply not there.
        const Status status = device.install_super(product().super().file).status;
        EXPECT_TRUE(status == Status::source_damaged || status == Status::wrong_source)
            << op << ' ' << to_string(status);
        storage = device.simulator().storage();
        EXPECT_EQ(state_of(device.records(storage), kRadio), PackageState::broken);
        EXPECT_EQ(state_of(device.records(storage), kKernel), PackageState::factory);
        if (device.simulator().op_count() == 0) break;
      }
      device.boot(storage);
      ASSERT_EQ(device.install_super(full_super().file).status, Status::ok) << op;
      ASSERT_EQ(device.fault_of(device.simulator().storage(), true), "");
    }
  }
}

}  // namespace
}  // namespace romdelta::test
