// Sessions with packages that have an address map.
#include <algorithm>

#include "tests/support/map_stream.h"
#include "tests/support/random_map.h"
#include "tests/unit/installer/session_fixture.h"

namespace romdelta::test {
namespace {

PackagePlan map_plan() {
  PackagePlan plan;
  Random random(51);
  plan.source = random_code(&random, 20'000, rules::a64, 0x08000000);
  plan.map = plain_map(rules::a64, 0x08000000, {{0, 8}, {5000, 0u - 64}, {12'000, 4096}});
  plan.target = revise(reference_rebase(plan.source, *plan.map), 21'000, 52);
  plan.coding = Coding::context;
  return plan;
}

class SessionMapTest : public SessionTest {
 protected:
  SessionMapTest() {
    plan = map_plan();
    package = make_package(plan);
    device.provision(plan.source, plan.source_version);
  }
  std::uint64_t map_offset() const { return package.head_bytes; }
  std::size_t map_bytes() const { return package.manifest.map.bytes; }
  // The package with another map, signed again. Its chunks are as they were.
  Bytes file_with_map(ByteSpan map, std::size_t step_count) const {
    const Payload payload = with_map(make_payload(make_chunks(plan)), map, step_count);
    Manifest manifest = package.manifest;
    manifest.map = payload.map;
    manifest.payload_bytes = payload.bytes.size();
    manifest.budgets.ram_bytes = arena_bytes_needed(manifest);
    return assemble(manifest, payload, {&device.key, 1}).file;
  }
  // What the map would be followed by is written nowhere, and the device runs what it had.
  void expect_nothing_programmed(ByteSpan file, Status expected) {
    const std::uint64_t before = device.slot_flash(Slot::b).programmed_bytes();
    EXPECT_EQ(run_session(&device, file).status, expected);
    EXPECT_EQ(device.slot_flash(Slot::b).programmed_bytes(), before);
    expect_untouched();
  }
};

TEST_F(SessionMapTest, Installs) {
  ASSERT_TRUE(package.manifest.map.present());
  EXPECT_EQ(run_session(&device, package.file).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionMapTest, NeedsItsMap) {
  PackagePlan without = plan;
  without.map.reset();
  const MadePackage bare = make_package(plan, make_chunks(without));
  EXPECT_NE(bare.payload.bytes, package.payload.bytes);
  EXPECT_NE(run_session(&device, bare.file).status, Status::ok);
  expect_untouched();
}

TEST_F(SessionMapTest, InstallsByteByByte) {
  RunOptions options;
  options.piece_bytes = 1;
  EXPECT_EQ(run_session(&device, package.file, options).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionMapTest, InstallsInRandomPieces) {
  Random random = seeded_random();
  for (const std::uint64_t piece_bytes : {7u, 100u, 3000u}) {
    SCOPED_TRACE(piece_bytes);
    TestDevice other;
    other.provision(plan.source, plan.source_version);
    RunOptions options;
    options.piece_bytes = piece_bytes;
    options.random = &random;
    EXPECT_EQ(run_session(&other, package.file, options).status, Status::ok);
    EXPECT_EQ(other.active_image(), plan.target);
  }
}

TEST_F(SessionMapTest, ReadsTheMapAgainAfterACutAtAnyChunk) {
  for (const bool from_beginning : {false, true}) {
    for (std::uint32_t chunk = 0; chunk < package.manifest.chunk_count; ++chunk) {
      device.provision(plan.source, plan.source_version);
      RunOptions cut;
      cut.stop_at = chunk_offset(chunk) + 3;
      ASSERT_EQ(run_session(&device, package.file, cut).status, Status::need_input);
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

TEST_F(SessionMapTest, GoesOnAfterACutAnywhereInTheMap) {
  for (std::size_t i = 0; i <= map_bytes(); ++i) {
    RunOptions cut;
    cut.stop_at = map_offset() + i;
    ASSERT_EQ(run_session(&device, package.file, cut).status, Status::need_input) << i;
    expect_untouched();
  }
  EXPECT_EQ(run_session(&device, package.file).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionMapTest, RefusesEveryDamagedByteOfTheMap) {
  for (std::size_t i = 0; i < map_bytes(); ++i) {
    Bytes file = package.file;
    file[map_offset() + i] ^= 0x01;
    expect_nothing_programmed(file, Status::corrupt_chunk);
  }
}

TEST_F(SessionMapTest, RefusesADamagedMapWhenItResumes) {
  RunOptions cut;
  cut.stop_at = chunk_offset(4);
  ASSERT_EQ(run_session(&device, package.file, cut).status, Status::need_input);
  Bytes file = package.file;
  file[map_offset() + map_bytes() / 2] ^= 0x80;
  expect_nothing_programmed(file, Status::corrupt_chunk);
  EXPECT_EQ(run_session(&device, package.file).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionMapTest, RefusesAMalformedMapAlthoughItIsSigned) {
  const Bytes map = coded_map(*plan.map);
  const std::size_t step_count = plan.map->step_count();
  expect_nothing_programmed(file_with_map(ByteSpan(map).first(map.size() - 1), step_count),
                            Status::malformed_chunk);
  expect_nothing_programmed(file_with_map(concat({map, Bytes{0}}), step_count),
                            Status::malformed_chunk);
  expect_nothing_programmed(file_with_map(map, step_count - 1), Status::malformed_chunk);
  expect_nothing_programmed(file_with_map(map, step_count + 1), Status::malformed_chunk);
  expect_nothing_programmed(file_with_map(Bytes(1), 1), Status::malformed_chunk);
  EXPECT_EQ(run_session(&device, file_with_map(map, step_count)).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionMapTest, FitsIntoTheArenaThatItDeclares) {
  ASSERT_EQ(package.manifest.budgets.ram_bytes, arena_bytes_needed(package.manifest));
  RunOptions options;
  options.arena_bytes = static_cast<std::size_t>(package.manifest.budgets.ram_bytes) - 1;
  expect_refused(package.file, Status::arena_too_small, options);
  options.arena_bytes += 1;
  const RunResult result = run_session(&device, package.file, options);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_LE(result.arena_used_bytes, options.arena_bytes);
  expect_installed(plan);
}

TEST_F(SessionMapTest, MayHaveAMapLargerThanAnyChunk) {
  Random random(53);
  while (plan.map->shifts.size() < 5000) {
    const auto i = static_cast<std::uint32_t>(plan.map->shifts.size());
    plan.map->shifts.push_back(
        {20'000 + 16 * i, static_cast<std::uint32_t>(pick(&random, 0, 0xffffffff))});
  }
  package = make_package(plan);
  ASSERT_GT(map_bytes(), package.manifest.chunk_stored_bytes_max);
  RunOptions options;
  options.arena_bytes = static_cast<std::size_t>(package.manifest.budgets.ram_bytes);
  EXPECT_EQ(run_session(&device, package.file, options).status, Status::ok);
  expect_installed(plan);
}

TEST_F(SessionMapTest, SkipsTheMapOfAPackageThatIsInstalledAlready) {
  ASSERT_EQ(run_session(&device, package.file).status, Status::ok);
  Bytes file = package.file;
  file[map_offset()] ^= 1;
  const RunResult result = run_session(&device, file);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_TRUE(result.already_installed);
}

}  // namespace
}  // namespace romdelta::test
