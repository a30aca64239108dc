// Sessions that succeed, and the order of calls.
#include "installer/session.h"

#include <functional>

#include "tests/unit/installer/session_fixture.h"

namespace romdelta::test {
namespace {

TEST_F(SessionTest, InstallsADelta) {
  const RunResult result = run_session(&device, package.file);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.target_slot, Slot::b);
  EXPECT_EQ(result.resumed_at_chunk, 0u);
  EXPECT_FALSE(result.already_installed);
  expect_installed(plan);
  EXPECT_EQ(device.installed().manifest_digest, manifest_digest());
  ASSERT_TRUE(device.newest_record().has_value());
  EXPECT_EQ(device.newest_record()->kind, JournalKind::done);
  EXPECT_EQ(device.newest_record()->outcome, Status::ok);
}

TEST_F(SessionTest, NeverWritesTheActiveSlot) {
  const Bytes before = device.slot_memory(Slot::a);
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  EXPECT_TRUE(device.slot_memory(Slot::a) == before);
  EXPECT_EQ(device.slot_flash(Slot::a).programmed_bytes(), 0u);
}

TEST_F(SessionTest, InstallsAFullPackageOverAnything) {
  plan.source.clear();
  ASSERT_EQ(run_session(&device, make_package(plan).file).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionTest, GoesBackToTheFirstSlotWithTheNextUpdate) {
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  PackagePlan next;
  next.source = plan.target;
  next.source_version = plan.target_version;
  next.target = revise(next.source, 30000, 3);
  next.target_version = "3.0";
  ASSERT_EQ(run_session(&device, make_package(next).file).status, Status::ok);
  EXPECT_EQ(device.installed().active_slot, Slot::a);
  EXPECT_EQ(device.installed().version.view(), "3.0");
  EXPECT_TRUE(device.active_image() == next.target);
}

TEST_F(SessionTest, InstallsOneByteAtATime) {
  for (const bool from_beginning : {false, true}) {
    TestDevice fresh;
    fresh.provision(plan.source, plan.source_version);
    RunOptions options;
    options.piece_bytes = 1;
    options.from_beginning = from_beginning;
    ASSERT_EQ(run_session(&fresh, package.file, options).status, Status::ok);
    EXPECT_TRUE(fresh.active_image() == plan.target);
  }
}

TEST_F(SessionTest, InstallsPiecesOfAnySize) {
  Random random = seeded_random();
  for (int round = 0; round < 30; ++round) {
    TestDevice fresh;
    fresh.provision(plan.source, plan.source_version);
    RunOptions options;
    options.piece_bytes = pick(&random, 1, package.file.size());
    options.random = &random;
    options.from_beginning = pick(&random, 0, 1) == 1;
    ASSERT_EQ(run_session(&fresh, package.file, options).status, Status::ok);
    ASSERT_TRUE(fresh.active_image() == plan.target);
  }
}

TEST_F(SessionTest, InstallsWithEveryKernelAndCoding) {
  for (const Coding coding : {Coding::stored, Coding::zstd, Coding::context}) {
    plan.coding = coding;
    const Bytes file = make_package(plan).file;
    for (const Kernels* const* table = available_kernels(); *table != nullptr; ++table) {
      TestDevice fresh;
      fresh.provision(plan.source, plan.source_version);
      RunOptions options;
      options.session.kernels = *table;
      ASSERT_EQ(run_session(&fresh, file, options).status, Status::ok) << (*table)->name;
      EXPECT_TRUE(fresh.active_image() == plan.target);
    }
  }
}

struct Storage {
  FlashGeometry slots;
  FlashGeometry records;
  std::uint32_t chunk_bytes;
  std::uint32_t group_bytes;
  std::uint32_t erase_block_bytes;
};

TEST(Session, InstallsOnAnyStorage) {
  const Storage storages[] = {
      {nor_geometry, nor_geometry, 2048, 1024, 1024},
      {nor_geometry, disk_geometry, 1000, 2048, 2048},
      {nor_geometry, nand_geometry, 2048, 3072, 3072},
      {nand_geometry, nand_geometry, 8192, 8192, 8192},
      {nand_geometry, nor_geometry, 5000, 16384, 8192},
      {disk_geometry, disk_geometry, 4096, 4096, 512},
      {disk_geometry, nor_geometry, 5000, 1024, 1024},
      {{16, 1, true}, {256, 1, true}, 300, 64, 16},
      {{4096, 1, false}, {256, 1, true}, 700, 1, 1},
  };
  for (const Storage& storage : storages) {
    PackagePlan plan = delta_plan();
    plan.chunk_bytes = storage.chunk_bytes;
    plan.group_bytes = storage.group_bytes;
    plan.erase_block_bytes = storage.erase_block_bytes;
    DeviceShape shape;
    shape.slots = storage.slots;
    shape.records = storage.records;
    TestDevice device(shape);
    device.provision(plan.source, plan.source_version);
    ASSERT_EQ(run_session(&device, make_package(plan).file).status, Status::ok)
        << storage.chunk_bytes;
    EXPECT_TRUE(device.active_image() == plan.target);
  }
}

TEST_F(SessionTest, InstallsAnyNumberOfChunksInTheRamThatTheManifestDeclares) {
  plan.target = revise(plan.source, 4200, 5);
  for (const std::uint32_t chunk_bytes : {4200u, 100u, 66u, 65u, 1u}) {
    plan.chunk_bytes = chunk_bytes;
    const MadePackage made = make_package(plan);
    TestDevice fresh;
    fresh.provision(plan.source, plan.source_version);
    RunOptions options;
    options.arena_bytes = made.manifest.budgets.ram_bytes;
    const RunResult result = run_session(&fresh, made.file, options);
    ASSERT_EQ(result.status, Status::ok) << made.manifest.chunk_count;
    EXPECT_EQ(result.arena_used_bytes, made.manifest.budgets.ram_bytes);
    EXPECT_TRUE(fresh.active_image() == plan.target);
  }
}

TEST_F(SessionTest, InstallsAnEmptyTargetAndFromAnEmptySource) {
  plan.target.clear();
  for (const bool is_delta : {false, true}) {
    TestDevice fresh;
    fresh.provision(plan.source, plan.source_version);
    PackagePlan empty = plan;
    if (!is_delta) empty.source.clear();
    const RunResult result = run_session(&fresh, make_package(empty).file);
    EXPECT_EQ(result.status, Status::ok);
    EXPECT_EQ(fresh.installed().image_bytes, 0u);
    EXPECT_EQ(fresh.installed().version.view(), "2.0");
  }
  PackagePlan from_nothing = delta_plan();
  from_nothing.source.clear();
  from_nothing.is_delta = true;
  ASSERT_EQ(run_session(&device, make_package(from_nothing).file).status, Status::ok);
  expect_installed(from_nothing);
}

TEST_F(SessionTest, FillsTheSlotToItsLastByte) {
  plan.target = revise(plan.source, 64 * 1024, 4);
  ASSERT_EQ(run_session(&device, make_package(plan).file).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionTest, PicksTheRegionThatThePackageNames) {
  TestDevice other;
  RomRegion others[] = {other.region, device.region, other.region};
  others[0].package_id = "com.example.other";
  others[2].package_id = "com.example";
  device.device.regions = others;
  EXPECT_EQ(run_session(&device, package.file).status, Status::ok);
  expect_installed(plan);
  EXPECT_EQ(other.faults.total(), 0u);
}

TEST_F(SessionTest, DoesNothingWhenThePackageIsInstalledAlready) {
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  device.faults.reset();
  for (const bool from_beginning : {false, true}) {
    RunOptions options;
    options.from_beginning = from_beginning;
    const RunResult again = run_session(&device, package.file, options);
    EXPECT_EQ(again.status, Status::ok);
    EXPECT_TRUE(again.already_installed);
    EXPECT_EQ(again.target_slot, Slot::b);
  }
  EXPECT_EQ(device.faults.writes(), 0u);
  expect_installed(plan);
}

// A session by hand, for tests of single calls.
class SessionCallTest : public SessionTest {
 protected:
  Status begin() { return session.begin(device.device, arena.span(), {}); }
  Status push(std::uint64_t offset, std::uint64_t count) {
    return session.push(offset, ByteSpan(package.file).subspan(offset, count));
  }
  Status push_all() {
    Status status = Status::need_input;
    while (status == Status::need_input) {
      const std::uint64_t at = session.next_offset_bytes();
      status = push(at, package.file.size() - at);
    }
    return status;
  }
  AlignedMemory arena{256 * 1024};
  Session session;
};

TEST_F(SessionCallTest, NeedsInputUntilTheLastByte) {
  ASSERT_EQ(begin(), Status::need_input);
  EXPECT_EQ(session.next_offset_bytes(), 0u);
  EXPECT_EQ(session.head(), nullptr);
  EXPECT_EQ(push(0, package.file.size() - 1), Status::need_input);
  const PackageHead* head = session.head();
  ASSERT_TRUE(head != nullptr);
  EXPECT_EQ(head->file_bytes(), package.file.size());
  EXPECT_EQ(session.next_offset_bytes(), package.file.size() - 1);
  EXPECT_EQ(push(package.file.size() - 1, 1), Status::ok);
  expect_untouched();
  EXPECT_EQ(session.finish(), Status::ok);
  EXPECT_EQ(session.finish(), Status::ok);
  expect_installed(plan);
}

TEST_F(SessionCallTest, SkipsBytesThatItHas) {
  ASSERT_EQ(begin(), Status::need_input);
  Status status = Status::need_input;
  for (std::uint64_t at = 0; at < package.file.size(); at += 50) {
    const std::uint64_t from = at < 300 ? 0 : at - 300;
    const std::uint64_t end = std::min<std::uint64_t>(at + 50, package.file.size());
    status = push(from, end - from);
    EXPECT_EQ(session.next_offset_bytes(), end);
    // And all of it once more.
    EXPECT_EQ(push(0, end), status);
  }
  EXPECT_EQ(status, Status::ok);
  EXPECT_EQ(session.finish(), Status::ok);
  expect_installed(plan);
}

TEST_F(SessionCallTest, TakesEmptyPieces) {
  ASSERT_EQ(begin(), Status::need_input);
  EXPECT_EQ(session.push(0, {}), Status::need_input);
  ASSERT_EQ(push_all(), Status::ok);
  EXPECT_EQ(session.push(package.file.size(), {}), Status::ok);
  EXPECT_EQ(session.finish(), Status::ok);
}

TEST_F(SessionCallTest, RefusesAGap) {
  for (const std::uint64_t have :
       {std::uint64_t{0}, std::uint64_t{10}, std::uint64_t{package.file.size() - 5}}) {
    TestDevice fresh;
    fresh.provision(plan.source, plan.source_version);
    Session other;
    ASSERT_EQ(other.begin(fresh.device, arena.span(), {}), Status::need_input);
    ASSERT_EQ(other.push(0, ByteSpan(package.file).first(have)), Status::need_input);
    EXPECT_EQ(other.push(have + 1, ByteSpan(package.file).subspan(have + 1)), Status::out_of_order);
    EXPECT_EQ(other.finish(), Status::out_of_order);
  }
  ASSERT_EQ(begin(), Status::need_input);
  EXPECT_EQ(session.push(1, {}), Status::out_of_order);
}

TEST_F(SessionCallTest, KeepsItsFirstFailure) {
  ASSERT_EQ(begin(), Status::need_input);
  const Bytes wrong(16, 0);
  EXPECT_EQ(session.push(0, wrong), Status::bad_magic);
  EXPECT_EQ(push(0, 16), Status::bad_magic);
  EXPECT_EQ(session.push(1000, {}), Status::bad_magic);
  EXPECT_EQ(session.finish(), Status::bad_magic);
  EXPECT_EQ(begin(), Status::bad_magic);
}

TEST_F(SessionCallTest, RefusesCallsInTheWrongOrder) {
  const std::function<Status()> wrongs[] = {
      [] { return Session().push(0, {}); },
      [] { return Session().finish(); },
      [&] {
        (void)begin();
        return begin();
      },
  };
  for (const auto& wrong : wrongs) EXPECT_EQ(wrong(), Status::out_of_order);
  Session done;
  ASSERT_EQ(done.begin(device.device, arena.span(), {}), Status::need_input);
  ASSERT_EQ(done.push(0, package.file), Status::ok);
  ASSERT_EQ(done.finish(), Status::ok);
  EXPECT_EQ(done.push(0, {}), Status::out_of_order);
}

TEST_F(SessionCallTest, NeedsAnAlignedArena) {
  EXPECT_EQ(session.begin(device.device, arena.span().subspan(4), {}), Status::out_of_order);
  Session other;
  EXPECT_EQ(other.begin(device.device, arena.span().subspan(8), {}), Status::need_input);
  EXPECT_EQ(other.push(0, package.file), Status::ok);
  EXPECT_EQ(other.finish(), Status::ok);
}

TEST_F(SessionCallTest, RefusesBytesAfterTheEnd) {
  const Bytes longer = concat({package.file, Bytes{0}});
  ASSERT_EQ(begin(), Status::need_input);
  EXPECT_EQ(session.push(0, longer), Status::trailing_bytes);
  EXPECT_EQ(session.finish(), Status::trailing_bytes);
  expect_untouched();
}

TEST_F(SessionTest, RefusesToFinishEarlyAtAnyChunk) {
  std::vector<std::uint64_t> cuts = {
      0, 1, 16, package.head_bytes - 1, package.head_bytes, package.file.size() - 1};
  for (const std::uint64_t offset : package.payload.chunk_offsets) {
    cuts.push_back(package.head_bytes + offset);
  }
  for (const std::uint64_t cut : cuts) {
    const ByteSpan part = ByteSpan(package.file).first(cut);
    EXPECT_EQ(run_session(&device, part).status, Status::truncated) << cut;
    expect_untouched();
  }
}

struct Calls {
  std::vector<Progress> seen;
  std::size_t cancel_at = ~std::size_t{0};
};

bool record_call(void* context, const Progress& progress) {
  auto* calls = static_cast<Calls*>(context);
  calls->seen.push_back(progress);
  return calls->seen.size() <= calls->cancel_at;
}

TEST_F(SessionTest, ReportsThreeStagesToTheirEnds) {
  Calls calls;
  RunOptions options;
  options.session.progress = record_call;
  options.session.progress_context = &calls;
  ASSERT_EQ(run_session(&device, package.file, options).status, Status::ok);
  using Stage = Progress::Stage;
  Progress last;
  for (const Progress& progress : calls.seen) {
    const bool is_source = progress.stage == Stage::check_source;
    EXPECT_EQ(progress.total_bytes, is_source ? plan.source.size() : plan.target.size());
    EXPECT_GE(progress.stage, last.stage);
    if (progress.stage == last.stage) {
      EXPECT_GT(progress.done_bytes, last.done_bytes);
    } else {
      EXPECT_EQ(last.done_bytes, last.total_bytes);
    }
    last = progress;
  }
  EXPECT_EQ(last.stage, Stage::verify_target);
  EXPECT_EQ(last.done_bytes, plan.target.size());
}

TEST_F(SessionTest, CanBeCancelledAtEveryReportAndTakenUpAgain) {
  for (std::size_t cancel_at = 0;; ++cancel_at) {
    TestDevice fresh;
    fresh.provision(plan.source, plan.source_version);
    Calls calls;
    calls.cancel_at = cancel_at;
    RunOptions options;
    options.session.progress = record_call;
    options.session.progress_context = &calls;
    const Status status = run_session(&fresh, package.file, options).status;
    if (calls.seen.size() <= cancel_at) break;
    ASSERT_EQ(status, Status::cancelled);
    ASSERT_EQ(fresh.installed().version.view(), plan.source_version);
    ASSERT_EQ(run_session(&fresh, package.file).status, Status::ok);
    ASSERT_TRUE(fresh.active_image() == plan.target);
  }
}

}  // namespace
}  // namespace romdelta::test
