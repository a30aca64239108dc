// Every flash operation of a session fails once: the session says which, the next one succeeds.
#include "installer/session.h"

#include <ostream>

#include "tests/unit/installer/session_fixture.h"

namespace romdelta::test {
namespace {

struct Campaign {
  const char* name;
  FlashGeometry geometry;
  std::uint32_t group_bytes;
  FaultPlan::Effect effect;
  friend void PrintTo(const Campaign& campaign, std::ostream* out) { *out << campaign.name; }
};

using Effect = FaultPlan::Effect;
constexpr Campaign kCampaigns[] = {
    {"nor_nothing_done", nor_geometry, 1024, Effect::none},
    {"nor_half_done", nor_geometry, 1024, Effect::half},
    {"nor_all_done", nor_geometry, 1024, Effect::all},
    {"nand_half_done", nand_geometry, 8192, Effect::half},
    {"disk_nothing_done", disk_geometry, 1024, Effect::none},
    {"disk_half_done", disk_geometry, 1024, Effect::half},
    {"disk_all_done", disk_geometry, 1024, Effect::all},
};

Status status_of(FlashOperation operation) {
  switch (operation) {
    case FlashOperation::read: return Status::flash_read_failed;
    case FlashOperation::erase: return Status::flash_erase_failed;
    case FlashOperation::program: return Status::flash_program_failed;
    case FlashOperation::sync: return Status::flash_sync_failed;
  }
  return Status::internal;
}

class SessionFaultTest : public ::testing::TestWithParam<Campaign> {
 protected:
  SessionFaultTest() {
    plan_.source = make_image(7000, 1);
    plan_.target = revise(plan_.source, 7000, 2);
    plan_.group_bytes = GetParam().group_bytes;
    plan_.erase_block_bytes = GetParam().group_bytes;
    shape_.slots = GetParam().geometry;
    shape_.records = GetParam().geometry;
    shape_.journal_bytes = 16 * 1024;
    shape_.inventory_bytes = 16 * 1024;
    file_ = make_package(plan_).file;
  }
  void prepare(TestDevice* device) const { device->provision(plan_.source, plan_.source_version); }
  // Whatever happened, the device boots something whole.
  void expect_bootable(TestDevice* device) const {
    device->faults.reset();
    const bool is_new = device->installed().version.view() == plan_.target_version;
    EXPECT_TRUE(device->active_image() == (is_new ? plan_.target : plan_.source));
  }
  void expect_success(TestDevice* device) const {
    EXPECT_EQ(run_session(device, file_).status, Status::ok);
    EXPECT_EQ(device->installed().version.view(), plan_.target_version);
    EXPECT_TRUE(device->active_image() == plan_.target);
  }

  PackagePlan plan_;
  DeviceShape shape_;
  Bytes file_;
};

TEST_P(SessionFaultTest, RecoversFromAFailureOfAnyOneOperation) {
  std::uint64_t fired = 0;
  for (std::uint64_t fail_at = 0;; ++fail_at) {
    TestDevice device(shape_);
    prepare(&device);
    device.faults.fail_at = fail_at;
    device.faults.effect = GetParam().effect;
    const Status status = run_session(&device, file_).status;
    if (!device.faults.fired) break;
    ++fired;
    ASSERT_EQ(status, status_of(device.faults.fired_on)) << fail_at;
    expect_bootable(&device);
    expect_success(&device);
  }
  EXPECT_GT(fired, 30u);
}

TEST_P(SessionFaultTest, RecoversFromASecondFailureDuringRecovery) {
  Random random = seeded_random();
  for (int round = 0; round < 60; ++round) {
    TestDevice device(shape_);
    prepare(&device);
    for (int cut = 0; cut < 3; ++cut) {
      device.faults.reset();
      device.faults.fail_at = pick(&random, 0, 60);
      device.faults.for_good = true;
      device.faults.effect = GetParam().effect;
      const Status status = run_session(&device, file_).status;
      ASSERT_EQ(status, device.faults.fired ? status_of(device.faults.fired_on) : Status::ok);
      expect_bootable(&device);
    }
    expect_success(&device);
  }
}

INSTANTIATE_TEST_SUITE_P(Campaigns, SessionFaultTest, ::testing::ValuesIn(kCampaigns),
                         [](const auto& suite) { return std::string(suite.param.name); });

}  // namespace
}  // namespace romdelta::test
