// Packages that a Session refuses: before the first write where the head shows it, and never
// committed where only the payload does.
#include "installer/session.h"

#include "tests/unit/installer/session_fixture.h"

namespace romdelta::test {
namespace {

class SessionRefusalTest : public SessionTest {};

TEST_F(SessionRefusalTest, WithoutAKeyEvenBeforeTheFirstByte) {
  device.device.trusted_keys = {};
  AlignedMemory arena(256 * 1024);
  Session session;
  EXPECT_EQ(session.begin(device.device, arena.span(), {}), Status::no_trusted_key);
  EXPECT_EQ(session.push(0, package.file), Status::no_trusted_key);
  EXPECT_EQ(device.faults.total(), 0u);
}

TEST_F(SessionRefusalTest, OfAStrangersSignature) {
  const TestKey stranger = test_key(2);
  expect_refused(assemble(package.manifest, package.payload, {&stranger, 1}).file,
                 Status::unknown_key);
  expect_refused(assemble(package.manifest, package.payload, {}).file, Status::unknown_key);
  EXPECT_EQ(device.faults.total(), 0u);
}

TEST_F(SessionRefusalTest, OfAForgedManifestOrSignature) {
  Bytes forged = package.file;
  forged[package_header_bytes + 6] ^= 1;
  expect_refused(forged, Status::bad_signature);
  forged = package.file;
  forged[package.head_bytes - 1] ^= 1;
  expect_refused(forged, Status::bad_signature);
}

TEST_F(SessionRefusalTest, OfAnotherFormat) {
  Bytes other = package.file;
  other[8] = 2;
  expect_refused(other, Status::unsupported_format);
  expect_refused(Bytes(100, 'x'), Status::bad_magic);
}

TEST_F(SessionRefusalTest, OfPackagesForOtherDevices) {
  const auto refuse = [&](auto&& change, Status expected) {
    expect_refused(file_with(change), expected);
  };
  const Status wrong = Status::wrong_device;
  refuse([](Manifest* m) { (void)m->package_id.assign("com.example"); }, Status::unknown_package);
  refuse([](Manifest* m) { (void)m->device.vendor.assign("other"); }, wrong);
  refuse([](Manifest* m) { (void)m->device.model.assign("x2"); }, wrong);
  const auto hardware = [](std::uint32_t low, std::uint32_t high) {
    return [=](Manifest* m) {
      m->device.has_hardware_range = true;
      m->device.hardware_min = low;
      m->device.hardware_max = high;
    };
  };
  refuse(hardware(0, 2), wrong);
  refuse(hardware(4, ~0u), wrong);
  const Bytes fitting = file_with([&](Manifest* m) {
    hardware(3, 3)(m);
    (void)m->device.vendor.assign("example");
    (void)m->device.model.assign("x1");
  });
  EXPECT_EQ(run_session(&device, fitting).status, Status::ok);
}

TEST_F(SessionRefusalTest, OfAnySourceButTheOneOnTheDevice) {
  for (const std::size_t at : {std::size_t{0}, std::size_t{9999}, plan.source.size() - 1}) {
    device.slot_memory(Slot::a)[at] ^= 1;
    expect_refused(package.file, Status::wrong_source);
    device.slot_memory(Slot::a)[at] ^= 1;
  }
  expect_refused(file_with([](Manifest* m) { (void)m->sources[0].version.assign("1.1"); }),
                 Status::wrong_source);
  expect_refused(file_with([](Manifest* m) { m->sources[0].bytes -= 1; }), Status::wrong_source);
  expect_refused(file_with([](Manifest* m) { m->sources[0].bytes = 65537; }), Status::wrong_source);
  EXPECT_EQ(run_session(&device, package.file).status, Status::ok);
}

TEST_F(SessionRefusalTest, OfSeveralSourcesInThisVersion) {
  expect_refused(file_with([](Manifest* m) {
                   m->sources[1] = m->sources[0];
                   m->sources[0].digest = {};
                   m->source_count = 2;
                 }),
                 Status::unsupported_field);
}

TEST_F(SessionRefusalTest, OfADeviceThatIsNotProvisioned) {
  TestDevice blank;
  EXPECT_EQ(run_session(&blank, package.file).status, Status::not_provisioned);
  EXPECT_EQ(blank.faults.writes(), 0u);
}

TEST_F(SessionRefusalTest, OfAMemberWithoutItsSuperPackage) {
  expect_refused(file_with([](Manifest* m) { (void)m->member_of.assign("com.example.product"); }),
                 Status::not_a_member);
}

TEST_F(SessionRefusalTest, OfASecurityCounterBelowTheDevices) {
  device.provision(plan.source, plan.source_version, 5);
  const auto with_counter = [&](std::uint64_t counter) {
    return file_with([&](Manifest* m) { m->order.security_counter = counter; });
  };
  expect_refused(package.file, Status::rollback);
  expect_refused(with_counter(4), Status::rollback);
  EXPECT_EQ(run_session(&device, with_counter(5)).status, Status::ok);
  EXPECT_EQ(device.installed().security_counter, 5u);
}

TEST_F(SessionRefusalTest, OfCountersThatWouldJump) {
  device.provision(plan.source, plan.source_version, 5);
  const auto with_order = [&](const ReleaseOrder& order) {
    return file_with([&](Manifest* m) { m->order = order; });
  };
  const std::uint64_t most = limits::counter_step_max;
  expect_refused(with_order({5 + most + 1, 0, 0}), Status::counter_jump);
  expect_refused(with_order({~std::uint64_t{0}, 0, 0}), Status::counter_jump);
  expect_refused(with_order({5, most + 1, 0}), Status::counter_jump);
  EXPECT_EQ(run_session(&device, with_order({5 + most, most, 0})).status, Status::ok);
}

TEST_F(SessionRefusalTest, OfADeviceCounterBelowTheDevices) {
  InventoryRecord record = device.installed();
  Inventory inventory;
  Bytes buffer(limits::record_buffer_bytes);
  ASSERT_EQ(inventory.open(device.device.inventory, buffer), Status::ok);
  ASSERT_EQ(inventory.update(record, 3), Status::ok);
  const auto with_counter = [&](std::uint64_t counter) {
    return file_with([&](Manifest* m) { m->order.device_counter = counter; });
  };
  expect_refused(package.file, Status::rollback);
  expect_refused(with_counter(2), Status::rollback);
  EXPECT_EQ(run_session(&device, with_counter(3)).status, Status::ok);
  ASSERT_EQ(inventory.open(device.device.inventory, buffer), Status::ok);
  EXPECT_EQ(inventory.security_counter(), 3u);
}

TEST_F(SessionRefusalTest, OfReleasesBeforeTheActiveOneUnlessTheyMay) {
  InventoryRecord record = device.installed();
  record.release = {4, 2, 9};
  Inventory inventory;
  Bytes buffer(limits::record_buffer_bytes);
  ASSERT_EQ(inventory.open(device.device.inventory, buffer), Status::ok);
  ASSERT_EQ(inventory.update(record), Status::ok);
  const auto with = [&](const ReleaseOrder& order, bool may_downgrade) {
    return file_with([&](Manifest* m) {
      m->order = order;
      m->may_downgrade = may_downgrade;
    });
  };
  expect_refused(package.file, Status::downgrade);
  for (const ReleaseOrder& order :
       {ReleaseOrder{4, 2, 8}, ReleaseOrder{3, 2, 9}, ReleaseOrder{4, 1, 9}}) {
    expect_refused(with(order, false), Status::downgrade);
  }
  EXPECT_EQ(run_session(&device, with({3, 1, 8}, true)).status, Status::ok);
  EXPECT_EQ(device.installed().release.number, 8u);
}

TEST_F(SessionRefusalTest, OfWhatDevelopmentKeysSignOnAProductionDevice) {
  const Bytes file = file_with([](Manifest* m) { m->role = KeyRole::development; });
  expect_refused(file, Status::wrong_role);
  device.key.public_key.role = KeyRole::development;
  expect_refused(file, Status::wrong_role);
  device.device.production = false;
  EXPECT_EQ(run_session(&device, file).status, Status::ok);
  EXPECT_EQ(device.installed().vouching_keys[0], device.key.public_key.id);
}

TEST_F(SessionRefusalTest, OfKeysThatVouchInAnotherRole) {
  const Bytes file = file_with([](Manifest* m) { m->role = KeyRole::development; });
  device.device.production = false;
  device.key.public_key.role = KeyRole::release;
  expect_refused(file, Status::wrong_role);
  device.key.public_key.role = KeyRole::development;
  expect_refused(package.file, Status::wrong_role);
}

TEST_F(SessionRefusalTest, OfAnyArenaBelowTheDeclaredRam) {
  const std::size_t needed = package.manifest.budgets.ram_bytes;
  std::vector<std::size_t> sizes = {0, 1, 8191, 8192, 8193};
  for (std::size_t size = 64; size < needed; size += 64 * 7) sizes.push_back(size);
  for (std::size_t size = needed - 130; size < needed; ++size) sizes.push_back(size);
  for (const std::size_t size : sizes) {
    RunOptions options;
    options.arena_bytes = size;
    expect_refused(package.file, Status::arena_too_small, options);
  }
  RunOptions enough;
  enough.arena_bytes = needed;
  EXPECT_EQ(run_session(&device, package.file, enough).status, Status::ok);
}

TEST_F(SessionRefusalTest, OfTargetsLargerThanTheirSlot) {
  plan.target = revise(plan.source, 64 * 1024 + 1, 3);
  expect_refused(make_package(plan).file, Status::slot_too_small);
}

TEST_F(SessionRefusalTest, OfGroupsAndBlocksThatDoNotFitTheFlash) {
  const auto status_on = [&](const FlashGeometry& geometry) {
    DeviceShape shape;
    shape.slots = geometry;
    TestDevice other(shape);
    other.provision(plan.source, plan.source_version);
    const Status status = run_session(&other, package.file).status;
    EXPECT_EQ(other.faults.writes() == 0, status != Status::ok);
    return status;
  };
  EXPECT_EQ(status_on({1024, 1024, true}), Status::ok);
  EXPECT_EQ(status_on({256, 256, true}), Status::ok);
  EXPECT_EQ(status_on({8192, 1024, false}), Status::ok);
  EXPECT_EQ(status_on({2048, 1024, true}), Status::unsupported_geometry);
  EXPECT_EQ(status_on({4096, 2048, true}), Status::unsupported_geometry);
  EXPECT_EQ(status_on({4096, 2048, false}), Status::unsupported_geometry);
}

TEST_F(SessionRefusalTest, OfADeviceWithoutASecondSlot) {
  DeviceShape shape;
  shape.has_slot_b = false;
  TestDevice single(shape);
  single.provision(plan.source, plan.source_version);
  EXPECT_EQ(run_session(&single, package.file).status, Status::unsupported_layout);
  EXPECT_EQ(single.faults.writes(), 0u);
}

// Only deltas in place need scratch: tests/in_place.
TEST_F(SessionRefusalTest, OfScratchThatNothingNeeds) {
  const Bytes file = file_with([](Manifest* m) { m->budgets.scratch_bytes = 1024; });
  expect_refused(file, Status::malformed_manifest);
}

TEST_F(SessionRefusalTest, OfADeviceWithoutRoomForRecords) {
  const Device whole = device.device;
  device.device.journal = {};
  expect_refused(package.file, Status::journal_too_small);
  device.device = whole;
  device.device.inventory = {};
  expect_refused(package.file, Status::journal_too_small);
}

TEST_F(SessionRefusalTest, OfAnInventoryThatBreaksARule) {
  InventoryHeader header;
  header.count = 1;
  header.sequence = 100;
  const Bytes foreign(InventoryRecord::bytes, 0xee);
  ChecksumStream checksum = begin_inventory_checksum(header);
  checksum.update(foreign);
  header.checksum = checksum.finish();
  ByteWriter writer(device.inventory_memory());
  encode_inventory_header(header, &writer);
  writer.bytes(foreign);
  expect_refused(package.file, Status::inventory_corrupt);
}

class SessionPayloadTest : public SessionTest {
 protected:
  void expect_not_installed(ByteSpan file, Status expected) {
    EXPECT_EQ(run_session(&device, file).status, expected);
    expect_untouched();
  }
  // The status of a package of two chunks, the second of which has this content.
  Status run_with_second(const ChunkContent& content, std::uint64_t target_bytes) {
    plan.target.resize(2048 + target_bytes);
    std::vector<Chunk> chunks = make_chunks(plan);
    chunks.resize(1);
    chunks.push_back(encode_chunk(content, target_bytes, Coding::stored));
    return run_session(&device, make_package(plan, chunks).file).status;
  }
};

TEST_F(SessionPayloadTest, RefusesEveryChangedByte) {
  plan.source.resize(3000);
  plan.target = revise(plan.source, 2500, 9);
  plan.chunk_bytes = 1024;
  const Bytes file = make_package(plan).file;
  TestDevice small;
  small.provision(plan.source, plan.source_version);
  for (std::size_t i = 0; i < file.size(); ++i) {
    Bytes changed = file;
    changed[i] ^= static_cast<std::uint8_t>(1u << i % 8);
    const RunResult result = run_session(&small, changed);
    ASSERT_NE(result.status, Status::ok) << i;
    ASSERT_NE(result.status, Status::internal) << i;
    ASSERT_EQ(small.installed().version.view(), plan.source_version);
  }
  EXPECT_EQ(run_session(&small, file).status, Status::ok);
}

TEST_F(SessionPayloadTest, RefusesSwappedChunks) {
  std::vector<Chunk> chunks = make_chunks(plan);
  plan.coding = Coding::stored;
  chunks[3] = chunks[2];
  Bytes file = make_package(plan, chunks).file;
  // The same chunk twice has the same bytes but not the same digest: exchange what vouches for
  // them.
  const std::size_t node = make_package(plan, chunks).head_bytes;
  std::swap_ranges(file.begin() + static_cast<std::ptrdiff_t>(node + 2 * TreeEntry::bytes),
                   file.begin() + static_cast<std::ptrdiff_t>(node + 3 * TreeEntry::bytes),
                   file.begin() + static_cast<std::ptrdiff_t>(node + 3 * TreeEntry::bytes));
  expect_not_installed(file, Status::corrupt_chunk);
}

TEST_F(SessionPayloadTest, RefusesAuthenticChunksThatAreMalformed) {
  const std::vector<Piece> good = {{100, 60, 4}};
  const Bytes literal_target = make_image(64, 9);
  ChunkContent content = make_content(plan.source, literal_target, good);
  content.source_position = 19990;
  EXPECT_EQ(run_with_second(content, 64), Status::malformed_chunk);
  content.source_position = 100;
  content[Column::extra].pop_back();
  EXPECT_EQ(run_with_second(content, 64), Status::malformed_chunk);
  EXPECT_EQ(run_with_second({}, 64), Status::malformed_chunk);
  expect_untouched();
}

TEST_F(SessionPayloadTest, RefusesAnAuthenticTreeThatDoesNotAddUp) {
  std::vector<Chunk> chunks = make_chunks(plan);
  chunks[0].target_bytes += 1;
  expect_not_installed(make_package(plan, chunks).file, Status::malformed_chunk);
}

TEST_F(SessionPayloadTest, RefusesChunksAboveTheDeclaredSizes) {
  const Bytes stored = file_with([](Manifest* m) { m->chunk_stored_bytes_max -= 1; });
  expect_not_installed(stored, Status::malformed_chunk);
  const Bytes decoded = file_with([](Manifest* m) { m->chunk_decoded_bytes_max -= 1; });
  expect_not_installed(decoded, Status::malformed_chunk);
}

TEST_F(SessionPayloadTest, RefusesATargetThatIsNotTheSignedOne) {
  const Bytes file = file_with([](Manifest* m) { m->target_checksum.value ^= 1; });
  expect_not_installed(file, Status::target_mismatch);
  EXPECT_EQ(device.newest_record()->kind, JournalKind::intent);
}

}  // namespace
}  // namespace romdelta::test
