// What the Session tests share: a device, and packages for it.
#pragma once

#include <gtest/gtest.h>

#include "format/package.h"
#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

namespace romdelta::test {

// A delta of eleven chunks over a source of the same kind.
inline PackagePlan delta_plan(std::size_t target_bytes = 21000) {
  PackagePlan plan;
  plan.source = make_image(20000, 1);
  plan.target = revise(plan.source, target_bytes, 2);
  return plan;
}

class SessionTest : public ::testing::Test {
 protected:
  explicit SessionTest(const DeviceShape& shape = {}) : device(shape) {
    device.provision(plan.source, plan.source_version);
  }

  // The device has `which`, and the inventory says so.
  void expect_installed(const PackagePlan& which) {
    const InventoryRecord record = device.installed();
    EXPECT_EQ(record.version.view(), which.target_version);
    EXPECT_EQ(record.state, PackageState::installed);
    EXPECT_EQ(record.active_slot, Slot::b);
    EXPECT_EQ(record.image_digest, digest_of(DigestDomain::image, which.target));
    EXPECT_TRUE(device.active_image() == which.target);
  }
  // The device still runs what it had, and its bytes are as they were.
  void expect_untouched() {
    const InventoryRecord record = device.installed();
    EXPECT_EQ(record.version.view(), plan.source_version);
    EXPECT_EQ(record.active_slot, Slot::a);
    EXPECT_TRUE(device.active_image() == plan.source);
  }
  // A refusal before the first write.
  void expect_refused(ByteSpan file, Status expected, const RunOptions& options = {}) {
    device.faults.reset();
    EXPECT_EQ(run_session(&device, file, options).status, expected);
    EXPECT_EQ(device.faults.writes(), 0u) << to_string(expected);
  }
  // The package of the plan with its manifest changed, signed again.
  template <typename Change>
  Bytes file_with(Change&& change) const {
    Manifest manifest = package.manifest;
    change(&manifest);
    return assemble(manifest, package.payload, {&device.key, 1}).file;
  }
  // Where a chunk begins in the file.
  std::uint64_t chunk_offset(std::size_t chunk) const {
    return package.head_bytes + package.payload.chunk_offsets[chunk];
  }
  Digest manifest_digest() const {
    PackageHead head;
    EXPECT_EQ(inspect_head(package.file, &head), Status::ok);
    return head.manifest_digest;
  }

  PackagePlan plan = delta_plan();
  MadePackage package = make_package(plan);
  TestDevice device;
};

}  // namespace romdelta::test
