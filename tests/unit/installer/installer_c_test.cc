#include "installer/installer_c.h"

#include <algorithm>

#include "format/result_code.h"
#include "tests/unit/installer/c_device.h"
#include "tests/unit/installer/session_fixture.h"

namespace romdelta::test {
namespace {

Status from_c(romdelta_status status) { return static_cast<Status>(status); }

// Two devices of the same shape, one driven through C++ and one through C.
class InstallerCTest : public SessionTest {
 protected:
  InstallerCTest() : SessionTest(disk_shape()) {
    for (std::size_t i = 0; i < memories_.size(); ++i) {
      storage_[i].assign(64 * 1024, 0xff);
      memories_[i] = {storage_[i].data(), storage_[i].size(), false};
      flashes_[i] = c_flash(&memories_[i]);
    }
    std::copy(plan.source.begin(), plan.source.end(), storage_[0].begin());
    region_ = {"com.example.app", whole(0), whole(1)};
    std::copy_n(device.key.public_key.id.value.begin(), 8, key_.id);
    std::copy_n(device.key.public_key.value.begin(), 32, key_.value);
    c_device_ = {"example", "x1", 3, &region_, 1, whole(2), whole(3), {}, &key_, 1, false};
    EXPECT_EQ(romdelta_provision(&c_device_, "com.example.app", "1.0"), ROMDELTA_OK);
  }
  static DeviceShape disk_shape() {
    DeviceShape shape;
    shape.slots = disk_geometry;
    shape.records = disk_geometry;
    return shape;
  }
  romdelta_region whole(std::size_t i) { return {&flashes_[i], 0, storage_[i].size()}; }

  Status install_in_c(ByteSpan file, c_progress* progress = nullptr, std::size_t piece = 1000,
                      std::size_t arena_bytes = 256 * 1024) {
    AlignedMemory arena(arena_bytes);
    return from_c(c_install(&c_device_, arena.span().data(), arena_bytes, file.data(), file.size(),
                            piece, progress));
  }
  // Both give the same answer; it is returned.
  Status install_twice(ByteSpan file) {
    const Status status = run_session(&device, file).status;
    EXPECT_EQ(install_in_c(file), status);
    return status;
  }
  int active_slot() {
    int slot = -1;
    EXPECT_EQ(romdelta_active_slot(&c_device_, "com.example.app", &slot), ROMDELTA_OK);
    return slot;
  }

  std::array<Bytes, 4> storage_;
  std::array<c_memory, 4> memories_{};
  std::array<romdelta_flash, 4> flashes_{};
  romdelta_rom_region region_{};
  romdelta_public_key key_{};
  romdelta_device c_device_{};
};

TEST_F(InstallerCTest, InstallsTheSameBytesAsSession) {
  EXPECT_EQ(active_slot(), 0);
  ASSERT_EQ(install_twice(package.file), Status::ok);
  EXPECT_EQ(active_slot(), 1);
  EXPECT_TRUE(std::equal(plan.target.begin(), plan.target.end(), storage_[1].begin()));
  expect_installed(plan);
  EXPECT_EQ(install_twice(package.file), Status::ok);
}

TEST_F(InstallerCTest, ConfirmsWhatWasInstalled) {
  EXPECT_EQ(romdelta_confirm(&c_device_, nullptr), static_cast<int>(Status::not_confirmable));
  const Bytes file = file_with([](Manifest* m) { m->order.security_counter = 6; });
  ASSERT_EQ(install_in_c(file), Status::ok);
  EXPECT_EQ(install_in_c(package.file), Status::downgrade);
  ASSERT_EQ(romdelta_confirm(&c_device_, "com.example.app"), ROMDELTA_OK);
  EXPECT_EQ(romdelta_confirm(&c_device_, nullptr), ROMDELTA_OK);
  EXPECT_EQ(install_in_c(package.file), Status::rollback);
}

TEST_F(InstallerCTest, TakesWhatDevelopmentKeysSignWhereTheDeviceSaysSo) {
  const Bytes file = file_with([](Manifest* m) { m->role = KeyRole::development; });
  EXPECT_EQ(install_in_c(file), Status::wrong_role);
  c_device_.development = true;
  EXPECT_EQ(install_in_c(file), Status::ok);
}

TEST_F(InstallerCTest, InstallsOneByteAtATime) {
  EXPECT_EQ(install_in_c(package.file, nullptr, 1), Status::ok);
  EXPECT_EQ(active_slot(), 1);
}

TEST_F(InstallerCTest, RefusesWhatSessionRefuses) {
  Bytes damaged = package.file;
  damaged.back() ^= 1;
  EXPECT_EQ(install_twice(damaged), Status::corrupt_chunk);
  damaged[20] ^= 1;
  EXPECT_EQ(install_twice(damaged), Status::bad_signature);
  EXPECT_EQ(install_twice(ByteSpan(package.file).first(500)), Status::truncated);
  EXPECT_EQ(install_twice(Bytes(64, 1)), Status::bad_magic);
  const TestKey stranger = test_key(2);
  EXPECT_EQ(install_twice(assemble(package.manifest, package.payload, {&stranger, 1}).file),
            Status::unknown_key);
  EXPECT_EQ(install_in_c(package.file, nullptr, 100, 9000), Status::arena_too_small);
  EXPECT_EQ(active_slot(), 0);
}

TEST_F(InstallerCTest, RefusesWithoutAKey) {
  c_device_.trusted_key_count = 0;
  EXPECT_EQ(install_in_c(package.file), Status::no_trusted_key);
}

TEST_F(InstallerCTest, PassesOnFailuresOfTheCallersFlash) {
  memories_[1].broken = true;
  EXPECT_EQ(install_in_c(package.file), Status::flash_program_failed);
  memories_[1].broken = false;
  EXPECT_EQ(install_in_c(package.file), Status::ok);
}

TEST_F(InstallerCTest, ReportsProgressAndCanBeCancelled) {
  c_progress progress{};
  progress.cancel_at = 25;
  EXPECT_EQ(install_in_c(package.file, &progress), Status::cancelled);
  EXPECT_EQ(progress.last_stage, 1);
  progress = {};
  EXPECT_EQ(install_in_c(package.file, &progress), Status::ok);
  EXPECT_EQ(progress.last_stage, 2);
  EXPECT_GT(progress.calls, 20u);
}

TEST_F(InstallerCTest, RefusesMoreRegionsOrKeysThanItHolds) {
  c_device_.region_count = ROMDELTA_REGION_COUNT_MAX + 1;
  EXPECT_EQ(install_in_c(package.file), Status::out_of_order);
  int slot = -1;
  EXPECT_EQ(from_c(romdelta_active_slot(&c_device_, "com.example.app", &slot)),
            Status::out_of_order);
  c_device_.region_count = 1;
  c_device_.trusted_key_count = ROMDELTA_KEY_COUNT_MAX + 1;
  EXPECT_EQ(from_c(romdelta_provision(&c_device_, "com.example.app", "1")), Status::out_of_order);
  EXPECT_EQ(slot, -1);
}

TEST_F(InstallerCTest, ProvisionsValidNamesOnly) {
  EXPECT_EQ(from_c(romdelta_provision(&c_device_, "../x", "1")), Status::out_of_order);
  EXPECT_EQ(from_c(romdelta_provision(&c_device_, "a", "")), Status::out_of_order);
  EXPECT_EQ(from_c(romdelta_provision(&c_device_, nullptr, "1")), Status::out_of_order);
  EXPECT_EQ(from_c(romdelta_provision(&c_device_, "a", nullptr)), Status::out_of_order);
  EXPECT_EQ(romdelta_provision(&c_device_, "a", "1"), ROMDELTA_OK);
}

TEST_F(InstallerCTest, KnowsNoSlotOfAnUnknownPackage) {
  int slot = -1;
  EXPECT_EQ(from_c(romdelta_active_slot(&c_device_, "com.example", &slot)),
            Status::not_provisioned);
  EXPECT_EQ(from_c(romdelta_active_slot(&c_device_, nullptr, &slot)), Status::not_provisioned);
  c_device_.inventory = {};
  EXPECT_EQ(from_c(romdelta_active_slot(&c_device_, "com.example.app", &slot)),
            Status::journal_too_small);
  EXPECT_EQ(slot, -1);
}

TEST(InstallerC, NamesEveryStatusAndItsResultCode) {
  for (unsigned i = 0; i < 256; ++i) {
    const auto status = static_cast<romdelta_status>(i);
    EXPECT_STREQ(romdelta_status_name(status), to_string(from_c(status)));
    EXPECT_EQ(romdelta_result_code(status), static_cast<unsigned>(result_code(from_c(status))));
  }
  EXPECT_EQ(from_c(ROMDELTA_OK), Status::ok);
  EXPECT_EQ(from_c(ROMDELTA_NEED_INPUT), Status::need_input);
}

}  // namespace
}  // namespace romdelta::test
