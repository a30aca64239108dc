// What the choice of packages thinks of a device is what the device's engine says.
#include "pkgtool/device_fit.h"

#include <gtest/gtest.h>

#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

using test::DeviceShape;
using test::PackagePlan;
using test::RunOptions;
using test::TestDevice;

struct Case {
  const char* name;
  Status expected;
  void (*change)(PackagePlan*, DeviceShape*, RunOptions*);
};

const Case kCases[] = {
    {"nothing", Status::ok, [](PackagePlan*, DeviceShape*, RunOptions*) {}},
    {"the right vendor", Status::ok,
     [](PackagePlan* p, DeviceShape*, RunOptions*) { (void)p->device.vendor.assign("example"); }},
    {"another vendor", Status::wrong_device,
     [](PackagePlan* p, DeviceShape*, RunOptions*) { (void)p->device.vendor.assign("exampl"); }},
    {"another model", Status::wrong_device,
     [](PackagePlan* p, DeviceShape*, RunOptions*) { (void)p->device.model.assign("x11"); }},
    {"the right hardware", Status::ok,
     [](PackagePlan* p, DeviceShape*, RunOptions*) {
       p->device.has_hardware_range = true;
       p->device.hardware_min = p->device.hardware_max = 3;
     }},
    {"earlier hardware", Status::wrong_device,
     [](PackagePlan* p, DeviceShape*, RunOptions*) {
       p->device.has_hardware_range = true;
       p->device.hardware_max = 2;
     }},
    {"later hardware", Status::wrong_device,
     [](PackagePlan* p, DeviceShape*, RunOptions*) {
       p->device.has_hardware_range = true;
       p->device.hardware_min = 4;
       p->device.hardware_max = 9;
     }},
    {"little RAM", Status::arena_too_small,
     [](PackagePlan*, DeviceShape*, RunOptions* o) { o->arena_bytes = 20'000; }},
    {"one slot", Status::unsupported_layout,
     [](PackagePlan*, DeviceShape* s, RunOptions*) { s->has_slot_b = false; }},
    {"a small slot", Status::slot_too_small,
     [](PackagePlan* p, DeviceShape* s, RunOptions*) {
       s->slot_bytes = 8 * 1024;
       p->target = make_image(8 * 1024 + 1, 3);
     }},
    {"a slot that is just full", Status::ok,
     [](PackagePlan* p, DeviceShape* s, RunOptions*) {
       s->slot_bytes = 8 * 1024;
       p->target = make_image(8 * 1024, 3);
     }},
    {"larger erase blocks", Status::unsupported_geometry,
     [](PackagePlan*, DeviceShape* s, RunOptions*) {
       s->slots = {4096, 16, true};
     }},
    {"larger erase blocks that need no erase", Status::ok,
     [](PackagePlan*, DeviceShape* s, RunOptions*) {
       s->slots = {4096, 512, false};
     }},
    {"larger program units", Status::unsupported_geometry,
     [](PackagePlan*, DeviceShape* s, RunOptions*) {
       s->slots = {4096, 4096, false};
     }},
};

ReportedPackage reported(const TestDevice& device) {
  const FlashRegion& slot = device.region.slot_a;
  ReportedPackage package;
  package.package_id = "com.example.app";
  package.version = "1.0";
  package.slots = {slot.size_bytes(), device.region.slot_b.present() ? 2u : 1u,
                   slot.rewrite_unit_bytes(), slot.geometry().program_unit_bytes};
  return package;
}

TEST(DeviceFit, IsWhatTheEngineSays) {
  for (const Case& c : kCases) {
    PackagePlan plan;
    plan.source = make_image(6'000, 1);
    plan.target = revise(plan.source, 6'100, 2);
    DeviceShape shape;
    RunOptions options;
    c.change(&plan, &shape, &options);
    TestDevice device(shape);
    device.provision(plan.source, "1.0");
    const test::MadePackage package = make_package(plan);
    DeviceTraits traits;
    traits.vendor = std::string(device.device.vendor);
    traits.model = std::string(device.device.model);
    traits.hardware = device.device.hardware;
    traits.ram_bytes = options.arena_bytes;
    const Status said = fit(package.manifest, traits, reported(device));
    EXPECT_EQ(said, c.expected) << c.name;
    EXPECT_EQ(run_session(&device, package.file, options).status, c.expected) << c.name;
    if (said == Status::ok) continue;
    const std::string why = describe_misfit(said, package.manifest, traits, reported(device));
    EXPECT_EQ(why.substr(0, 3), "it ") << why;
    // What nobody said is not held against the package.
    ReportedPackage silent = reported(device);
    silent.slots = std::nullopt;
    EXPECT_EQ(fit(package.manifest, {}, silent), Status::ok) << c.name;
  }
}

TEST(DeviceFit, CountsScratch) {
  const Bytes source = make_image(40'000, 4);
  const Bytes target = revise(source, 40'500, 5);
  BuildRequest request = request_of(source, target);
  request.layout = Layout::in_place;
  request.encoder.ram_bytes_max = 256 << 10;
  request.encoder.erase_block_bytes = 1024;
  request.encoder.program_unit_bytes = 16;
  request.encoder.scratch_bytes = 16 << 10;
  const Bytes file = package_of(request);
  PackageHead head;
  ASSERT_EQ(
      inspect_head(ByteSpan(file).first(std::min(file.size(), limits::head_bytes_max)), &head),
      Status::ok);
  const std::uint64_t needed = head.manifest.budgets.scratch_bytes;
  ASSERT_GT(needed, 0u);
  for (const std::uint64_t given : {needed, needed - 1024, std::uint64_t{0}}) {
    DeviceShape shape;
    shape.has_slot_b = false;
    shape.scratch_bytes = given;
    TestDevice device(shape);
    device.provision(source, "1.0");
    DeviceTraits traits;
    traits.scratch_bytes = given;
    const Status expected = given == needed ? Status::ok : Status::scratch_too_small;
    EXPECT_EQ(fit(head.manifest, traits, reported(device)), expected) << given;
    RunOptions options;
    options.arena_bytes = 256 << 10;
    EXPECT_EQ(run_session(&device, file, options).status, expected) << given;
  }
}

TEST(DeviceFit, KnowsThatNoInstallerTakesSeveralSources) {
  Manifest manifest;
  manifest.source_count = 2;
  EXPECT_EQ(fit(manifest, {}, {}), Status::unsupported_field);
}

}  // namespace
}  // namespace romdelta::pkgtool
