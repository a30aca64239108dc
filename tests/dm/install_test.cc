// The glue to the installer: an Exec, a package, a real installation, a result.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "format/result_code.h"
#include "tests/support/dm_rig.h"
#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

constexpr const char* kBoth = "./FwUpdate/Pkg1/DownloadAndUpdate";
constexpr std::uint64_t kFlashBytes = 32 * 1024;

// A device of C structures with one ROM package; slot B is left out for one that updates in place.
class DmInstallTest : public ::testing::Test {
 protected:
  enum Part { slot_a, slot_b, journal, inventory };

  DmInstallTest() {
    plan.source = make_image(20000, 1);
    plan.target = revise(plan.source, 21000, 2);
    std::copy_n(test_key(1).public_key.id.value.begin(), 8, key_.id);
    std::copy_n(test_key(1).public_key.value.begin(), 32, key_.value);
    region_ = {"com.example.app", whole(slot_a), whole(slot_b)};
    device_ = {"example",        "x1", 3,     &region_, 1,    whole(journal),
               whole(inventory), {},   &key_, 1,        false};
    EXPECT_EQ(flash_[slot_a].program(0, padded(plan.source)), Status::ok);
    EXPECT_EQ(romdelta_provision(&device_, "com.example.app", "1.0"), ROMDELTA_OK);
    rig.host.inventory = whole(inventory);
    EXPECT_EQ(rig.restart(), Status::ok);
    rig.make_object();
  }
  static Bytes padded(Bytes bytes) {
    bytes.resize((bytes.size() + 511) / 512 * 512, 0xff);
    return bytes;
  }
  romdelta_region whole(Part part) { return {&c_flash_[part], 0, kFlashBytes}; }

  // Exec and download of `file`.
  void download(Bytes file) {
    package_ = std::move(file);
    ASSERT_EQ(rig.exec(kBoth, "abc"), ROMDELTA_DM_ACCEPTED);
    ASSERT_EQ(rig.download_done(), Status::ok);
  }
  // The status of the call; the installer's is in result_.
  Status install(std::size_t arena_bytes = 256 * 1024) {
    AlignedMemory arena(arena_bytes);
    romdelta_dm_installation installation{};
    installation.device = &device_;
    installation.session = session_.get();
    installation.arena = arena.span().data();
    installation.arena_bytes = arena_bytes;
    installation.read_context = this;
    installation.read_package = [](void* context, const char* location, std::uint64_t offset,
                                   std::uint8_t* into, std::size_t count) -> std::int64_t {
      auto& test = *static_cast<DmInstallTest*>(context);
      if (test.package_.empty() || std::string("/data/pkg") != location) return -1;
      const ByteSpan package = test.package_;
      const std::size_t at =
          offset < package.size() ? static_cast<std::size_t>(offset) : package.size();
      const std::size_t taken = std::min(package.size() - at, count);
      copy_bytes(into, package.subspan(at, taken));
      return static_cast<std::int64_t>(taken);
    };
    installation.progress_context = this;
    installation.progress = [](void* context, int, std::uint64_t, std::uint64_t) {
      return --static_cast<DmInstallTest*>(context)->groups_left_ != 0;
    };
    romdelta_status result = 255;
    const auto status =
        static_cast<Status>(romdelta_dm_install(rig.dm.get(), &installation, &result));
    result_ = static_cast<Status>(result);
    return status;
  }
  int active_slot() {
    int slot = -1;
    EXPECT_EQ(romdelta_active_slot(&device_, "com.example.app", &slot), ROMDELTA_OK);
    return slot;
  }

  PackagePlan plan;
  DmRig rig;
  Random random_{1};
  std::array<UnstableFlash, 4> flash_ = {UnstableFlash{disk_geometry, kFlashBytes, &random_},
                                         UnstableFlash{disk_geometry, kFlashBytes, &random_},
                                         UnstableFlash{disk_geometry, kFlashBytes, &random_},
                                         UnstableFlash{disk_geometry, kFlashBytes, &random_}};
  std::array<romdelta_flash, 4> c_flash_ = {c_flash_of(&flash_[0]), c_flash_of(&flash_[1]),
                                            c_flash_of(&flash_[2]), c_flash_of(&flash_[3])};
  romdelta_rom_region region_{};
  romdelta_public_key key_{};
  romdelta_device device_{};
  std::unique_ptr<romdelta_session> session_ = std::make_unique<romdelta_session>();
  Bytes package_;
  Status result_ = Status::internal;
  unsigned groups_left_ = 0;  // Cancelled at the group that makes it 0.
};

TEST_F(DmInstallTest, TurnsAnExecIntoANewVersionAndAResult) {
  const std::string version = "./Vendor/MSFT/ROMPackage/com.example.app/PkgVersion";
  EXPECT_EQ(rig.value(version), "1.0");
  download(make_package(plan).file);
  ASSERT_EQ(install(), Status::ok);
  EXPECT_EQ(result_, Status::ok);
  EXPECT_EQ(active_slot(), 1);
  EXPECT_EQ(rig.value(version), "2.0");
  EXPECT_EQ(rig.state(), 100);
  EXPECT_STREQ(rig.alert()->data, "200");
  EXPECT_TRUE(rig.packages.empty());
}

TEST_F(DmInstallTest, ReportsWhatTheInstallerRefuses) {
  Bytes damaged = make_package(plan).file;
  damaged.back() ^= 1;
  download(damaged);
  ASSERT_EQ(install(), Status::ok);
  EXPECT_EQ(result_, Status::corrupt_chunk);
  EXPECT_EQ(rig.state(), 80);
  EXPECT_STREQ(rig.alert()->data, "402");
  EXPECT_EQ(active_slot(), 0);
}

TEST_F(DmInstallTest, ReportsATruncatedAndAMissingPackage) {
  Bytes file = make_package(plan).file;
  file.resize(file.size() - 1);
  download(file);
  ASSERT_EQ(install(), Status::ok);
  EXPECT_EQ(result_, Status::truncated);
  ASSERT_EQ(rig.answer(), Status::ok);
  download({});
  ASSERT_EQ(install(), Status::ok);
  EXPECT_EQ(result_, Status::package_missing);
  EXPECT_STREQ(rig.alert()->data, "400");
}

TEST_F(DmInstallTest, ReportsAUserWhoCancels) {
  download(make_package(plan).file);
  groups_left_ = 3;
  ASSERT_EQ(install(), Status::ok);
  EXPECT_EQ(result_, Status::cancelled);
  EXPECT_STREQ(rig.alert()->data, "401");
  EXPECT_EQ(rig.state(), 80);
}

TEST_F(DmInstallTest, HasNothingToDoWithoutAnUpdate) {
  EXPECT_EQ(install(), Status::out_of_order);
  ASSERT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
  EXPECT_EQ(install(), Status::out_of_order) << "the download comes first";
  EXPECT_EQ(rig.state(), 30);
}

// Power fails in the slot; what the adapter said before stays, and the update goes on.
TEST_F(DmInstallTest, GoesOnAfterPowerFailedInTheSlot) {
  download(make_package(plan).file);
  for (std::uint64_t writes = 0; writes < 12; writes += 3) {
    flash_[slot_b].cut_after(writes);
    // What the adapter writes: that the update begins, and then that it ended.
    rig.flash.cut_after(rig.task()->is_started ? 0 : 1);
    EXPECT_NE(install(), Status::ok);
    EXPECT_EQ(rig.restart(), Status::ok);
    flash_[slot_b].restart();
    ASSERT_TRUE(rig.task()) << "after " << writes << " writes";
    EXPECT_EQ(rig.task()->work, ROMDELTA_DM_UPDATE);
    EXPECT_TRUE(rig.task()->is_started);
  }
  ASSERT_EQ(install(), Status::ok);
  EXPECT_EQ(result_, Status::ok);
  EXPECT_STREQ(rig.alert()->data, "200");
}

// A slot that is overwritten in part needs the package again.
TEST_F(DmInstallTest, KeepsThePackageOfAnInstallationInPlaceThatIsNotFinished) {
  region_.slot_b = {};
  plan.source = {};
  const MadePackage made = make_package(plan);
  Manifest manifest = made.manifest;
  manifest.layout = Layout::in_place;
  const TestKey key = test_key(1);
  download(assemble(manifest, made.payload, {&key, 1}).file);
  flash_[slot_a].cut_after(4);
  ASSERT_EQ(install(), Status::ok);
  EXPECT_EQ(result_, Status::flash_program_failed);
  EXPECT_EQ(rig.state(), 70);
  EXPECT_STREQ(rig.alert()->data, "457");
  EXPECT_TRUE(rig.packages.count("/data/pkg"));
  ASSERT_EQ(rig.answer(), Status::ok);
  flash_[slot_a].restart();
  const Bytes file = package_;
  download(file);
  ASSERT_EQ(install(), Status::ok);
  EXPECT_EQ(result_, Status::ok);
  EXPECT_EQ(rig.state(), 100);
}

}  // namespace
}  // namespace romdelta::test
