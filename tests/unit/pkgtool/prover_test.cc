#include "pkgtool/prover.h"

#include <gtest/gtest.h>

#include "installer/confirm.h"
#include "pkgtool/closure.h"
#include "pkgtool/simulated_shapes.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

// Storage without a cache, so that a verdict does not depend on how units flicker on it.
constexpr const char* kGeometry = "disk-sync";

class ProverTest : public ::testing::Test {
 protected:
  ProverTest() {
    BuildRequest request = request_of(source_, target_);
    request.encoder.erase_block_bytes = 512;
    const UnsignedPackage package = build_package(request, no_progress);
    file_ = signed_by_test_key(package);
    manifest_ = package.manifest;
    subject_.package = file_;
    subject_.source = source_;
    subject_.keys = {&key_, 1};
    use_geometry(kGeometry);
    options_.limits = {.prefixes = 2, .subsets = 4, .losses = 4, .every_style = false};
    options_.places = 8;
  }

  void use_geometry(const char* name) {
    ShapeOptions shape;
    shape.geometry = *find_geometry(name);
    shape.source_bytes = source_.size();
    subject_.shape = shape_for(manifest_, shape);
  }

  // Of a verdict that must not be good.
  std::string first_loss(const Verdict& verdict) const {
    EXPECT_FALSE(verdict.proven());
    if (verdict.losses.empty()) return verdict.broken;
    const Loss& loss = verdict.losses[0];
    EXPECT_EQ(replay_faults(subject_, loss.path), loss.what) << to_string(loss);
    return loss.what;
  }

  PublicKey key_ = test::test_key(1).public_key;
  Bytes source_ = make_image(1500, 1);
  Bytes target_ = revise(source_, 1700, 2);
  Bytes file_;
  Manifest manifest_;
  ProofSubject subject_;
  ProofOptions options_;
};

TEST_F(ProverTest, ProvesTheEngine) {
  const Verdict verdict = prove_package(subject_, options_);
  EXPECT_TRUE(verdict.proven()) << verdict.broken
                                << (verdict.losses.empty() ? "" : to_string(verdict.losses[0]));
  EXPECT_GT(verdict.op_count, 5u);
  EXPECT_GT(verdict.state_count, verdict.op_count);
  for (const FaultKind kind : {FaultKind::cut_before, FaultKind::cut_after, FaultKind::torn_program,
                               FaultKind::unstable, FaultKind::io_read, FaultKind::io_sync,
                               FaultKind::misdirected, FaultKind::flip, FaultKind::watchdog}) {
    const FaultCount& count = verdict.counts[static_cast<std::size_t>(kind)];
    EXPECT_GT(count.planned, 0u) << to_string(kind);
    EXPECT_EQ(count.planned, count.fired) << to_string(kind);
  }
}

TEST_F(ProverTest, SaysTheSameForAnyNumberOfThreads) {
  const Verdict one = prove_package(subject_, options_);
  options_.thread_count = 3;
  const Verdict three = prove_package(subject_, options_);
  EXPECT_EQ(one.state_count, three.state_count);
  EXPECT_EQ(one.recovery_count, three.recovery_count);
  EXPECT_EQ(one.full_count, three.full_count);
  EXPECT_EQ(one.lost_count, three.lost_count);
  EXPECT_EQ(one.total().planned, three.total().planned);
}

TEST_F(ProverTest, RefusesWhatIsNotAuthentic) {
  file_[file_.size() - 1 - manifest_.payload_bytes] ^= 1;
  EXPECT_EQ(exit_of([&] { (void)prove_package(subject_, options_); }), Exit::bad_input);
}

TEST_F(ProverTest, SaysWhatIsBrokenWithoutAnyFault) {
  use_geometry("nand");
  EXPECT_EQ(prove_package(subject_, options_).broken,
            "L1 the installation ended with unsupported_geometry");
  use_geometry(kGeometry);
  source_[7] ^= 1;
  EXPECT_EQ(prove_package(subject_, options_).broken,
            "L1 the installation ended with wrong_source");
}

// --- Engines that are wrong. Each is the real one on flashes that are not what they seem. ---

// Passes everything on, but for what a test changes.
class WrongFlash : public Flash {
 public:
  explicit WrongFlash(const FlashRegion& region) : region_(region) {}
  virtual ~WrongFlash() = default;

  FlashGeometry geometry() const override { return region_.geometry(); }
  std::uint64_t size_bytes() const override { return region_.size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    return region_.read(offset, into);
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    return region_.erase(offset, count);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    return region_.program(offset, bytes);
  }
  Status sync() override { return region_.sync(); }

 protected:
  FlashRegion region_;
};

class UnsyncedFlash final : public WrongFlash {
 public:
  using WrongFlash::WrongFlash;
  Status sync() override { return Status::ok; }
};

// Erases only what does not look erased.
class TrustingFlash final : public WrongFlash {
 public:
  using WrongFlash::WrongFlash;
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    Bytes bytes(static_cast<std::size_t>(count));
    const Status status = region_.read(offset, bytes);
    if (status != Status::ok) return status;
    const bool blank = bytes == Bytes(bytes.size(), 0xff);
    return blank ? Status::ok : region_.erase(offset, count);
  }
};

// The engine, with one part of the device replaced.
template <typename Wrong>
Applier with_wrong(FlashRegion RomRegion::*slot, FlashRegion Device::*part) {
  return [=](const Device& device, ByteSpan package, MutableByteSpan arena) {
    Device changed = device;
    RomRegion region = device.regions[0];
    changed.regions = {&region, 1};
    FlashRegion& replaced = slot != nullptr ? region.*slot : changed.*part;
    Wrong flash(replaced);
    replaced = {&flash, 0, flash.size_bytes()};
    return apply_with_session(changed, package, arena);
  };
}

TEST_F(ProverTest, FindsASlotThatIsNotSynced) {
  use_geometry("disk");
  subject_.applier = with_wrong<UnsyncedFlash>(&RomRegion::slot_b, nullptr);
  const std::string lost = first_loss(prove_package(subject_, options_));
  EXPECT_EQ(lost, "L2 the inventory names the target, and it is not whole");
}

TEST_F(ProverTest, FindsTrustInBlocksThatLookErased) {
  use_geometry("tiny");
  subject_.applier = with_wrong<TrustingFlash>(&RomRegion::slot_b, nullptr);
  EXPECT_EQ(first_loss(prove_package(subject_, options_)),
            "L4 slot_b: program of a unit that is not erased");
}

TEST_F(ProverTest, FindsAnEngineThatWritesTheRunningSlot) {
  subject_.applier = [](const Device& device, ByteSpan package, MutableByteSpan arena) {
    (void)device.regions[0].slot_a.program(0, Bytes(512, 0));
    return apply_with_session(device, package, arena);
  };
  EXPECT_EQ(prove_package(subject_, options_).broken, "L4 slot_a: write to what must stay");
}

TEST_F(ProverTest, FindsAnEngineThatRaisesTheCounterByItself) {
  BuildRequest request = request_of(source_, target_);
  request.encoder.erase_block_bytes = 512;
  request.order.security_counter = 5;
  const UnsignedPackage package = build_package(request, no_progress);
  file_ = signed_by_test_key(package);
  manifest_ = package.manifest;
  subject_.package = file_;
  use_geometry(kGeometry);
  EXPECT_TRUE(prove_package(subject_, options_).proven());
  subject_.applier = [](const Device& device, ByteSpan bytes, MutableByteSpan arena) {
    const ApplierResult result = apply_with_session(device, bytes, arena);
    Bytes buffer(limits::record_buffer_bytes);
    if (result.status == Status::ok) (void)confirm(device, buffer);
    return result;
  };
  const Verdict verdict = prove_package(subject_, options_);
  EXPECT_FALSE(verdict.proven());
  EXPECT_NE(verdict.broken.find("inventory does not name the target"), std::string::npos)
      << verdict.broken;
  subject_.applier = [](const Device& device, ByteSpan bytes, MutableByteSpan arena) {
    const ApplierResult result = apply_with_session(device, bytes, arena);
    Bytes buffer(limits::record_buffer_bytes);
    Inventory inventory;
    InventoryRecord record;
    if (inventory.open(device.inventory, buffer) == Status::ok &&
        inventory.find(device.regions[0].package_id, &record) == Status::ok) {
      record.security_counter = 5;
      (void)inventory.update(record);
    }
    return result;
  };
  EXPECT_NE(prove_package(subject_, options_).broken.find("(L7)"), std::string::npos);
}

TEST_F(ProverTest, FindsAnEngineThatGivesUpAfterACut) {
  subject_.applier = [](const Device& device, ByteSpan package, MutableByteSpan arena) {
    Bytes buffer(limits::record_buffer_bytes);
    Journal journal;
    const bool interrupted = journal.open(device.journal, buffer) == Status::ok &&
                             journal.has_record() && journal.newest().kind != JournalKind::done;
    if (interrupted) return ApplierResult{Status::internal, 0};
    return apply_with_session(device, package, arena);
  };
  const Verdict verdict = prove_package(subject_, options_);
  EXPECT_EQ(first_loss(verdict), "L1 the installation ended with internal");
}

TEST_F(ProverTest, FindsSuccessThatIsNone) {
  subject_.applier = [](const Device& device, ByteSpan package, MutableByteSpan arena) {
    ApplierResult result = apply_with_session(device, package, arena);
    if (result.status != Status::ok) result.status = Status::ok;
    return result;
  };
  const Verdict verdict = prove_package(subject_, options_);
  EXPECT_FALSE(verdict.proven()) << "a failed flash was reported as success";
}

TEST_F(ProverTest, FindsAnEngineThatNeverEnds) {
  subject_.applier = [](const Device& device, ByteSpan package, MutableByteSpan arena) {
    Bytes buffer(limits::record_buffer_bytes);
    Journal journal;
    const bool again = journal.open(device.journal, buffer) == Status::ok && journal.has_record();
    while (again && device.journal.sync() == Status::ok) {
    }
    return apply_with_session(device, package, arena);
  };
  options_.io = options_.flips = options_.strays = options_.watchdog = false;
  EXPECT_EQ(first_loss(prove_package(subject_, options_)).substr(0, 2), "L3");
}

TEST_F(ProverTest, FindsMoreMemoryThanDeclared) {
  subject_.applier = [](const Device& device, ByteSpan package, MutableByteSpan arena) {
    ApplierResult result = apply_with_session(device, package, arena);
    ++result.arena_used_bytes;
    return result;
  };
  const Verdict verdict = prove_package(subject_, options_);
  EXPECT_EQ(verdict.broken, "L5 more RAM is used than declared");
}

// --- Closure. ---

TEST_F(ProverTest, FindsAllStates) {
  target_.resize(900);
  source_.resize(900);
  BuildRequest request = request_of(source_, target_);
  request.encoder.erase_block_bytes = 512;
  const UnsignedPackage package = build_package(request, no_progress);
  file_ = signed_by_test_key(package);
  manifest_ = package.manifest;
  subject_.package = file_;
  subject_.source = source_;
  use_geometry(kGeometry);
  ClosureOptions options;
  options.limits = {.prefixes = 1, .subsets = 2, .losses = 2, .every_style = false};
  options.states_max = 20;
  EXPECT_FALSE(close_package(subject_, options).is_complete) << "there are more";
  options.states_max = 20'000;
  const Closure one = close_package(subject_, options);
  EXPECT_TRUE(one.is_complete);
  EXPECT_GT(one.state_count, 20u);
  EXPECT_GT(one.depth, 2u);
  EXPECT_EQ(one.cuts.planned, one.cuts.fired);
  options.thread_count = 3;
  const Closure three = close_package(subject_, options);
  EXPECT_EQ(one.state_count, three.state_count);
  EXPECT_EQ(one.lost_count, three.lost_count);
  for (const Loss& loss : one.losses) {
    EXPECT_NE(replay_faults(subject_, loss.path), "") << to_string(loss);
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
