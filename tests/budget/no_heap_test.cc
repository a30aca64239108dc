#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "tests/budget/dm_flow.h"
#include "tests/budget/heap_counter.h"
#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

struct Outcome {
  Status status = Status::internal;
  unsigned long allocations = 0;
};

// A whole session in pieces of 1000 bytes, with nothing else between begin and finish.
Outcome install(TestDevice* device, ByteSpan package) {
  AlignedMemory arena(256 * 1024);
  const auto session = std::make_unique<Session>();
  Outcome outcome;
  const HeapCounter heap;
  Status status = session->begin(device->device, arena.span(), {});
  while (status == Status::need_input && session->next_offset_bytes() < package.size()) {
    const std::uint64_t at = session->next_offset_bytes();
    status =
        session->push(at, package.subspan(at, std::min<std::size_t>(1000, package.size() - at)));
  }
  outcome.status =
      status == Status::ok || status == Status::need_input ? session->finish() : status;
  outcome.allocations = heap.count();
  return outcome;
}

PackagePlan sample_plan() {
  PackagePlan plan;
  plan.source = make_image(30000, 1);
  plan.target = revise(plan.source, 31000, 2);
  plan.chunk_bytes = 256;
  return plan;
}

TEST(HeapCounter, SeesEveryWayToTakeMemory) {
  HeapCounter heap;
  void* volatile memory = std::malloc(10);
  memory = std::realloc(memory, 100000);
  std::free(memory);
  memory = std::calloc(3, 3);
  std::free(memory);
  int* volatile number = new int(1);
  delete number;
  EXPECT_GE(heap.count(), 4u);
}

TEST(Heap, IsNotNeededByAnInstallation) {
  const PackagePlan plan = sample_plan();
  const Bytes file = make_package(plan).file;
  TestDevice device;
  device.provision(plan.source, plan.source_version);
  const Outcome first = install(&device, file);
  EXPECT_EQ(first.status, Status::ok);
  EXPECT_EQ(first.allocations, 0u);
  const Outcome again = install(&device, file);
  EXPECT_EQ(again.status, Status::ok);
  EXPECT_EQ(again.allocations, 0u);
}

TEST(Heap, IsNotNeededByARefusalAResumeOrAFailure) {
  const PackagePlan plan = sample_plan();
  const Bytes file = make_package(plan).file;
  TestDevice device;
  device.provision(plan.source, plan.source_version);
  Bytes damaged = file;
  damaged.back() ^= 1;
  const Outcome refused = install(&device, damaged);
  EXPECT_EQ(refused.status, Status::corrupt_chunk);
  EXPECT_EQ(refused.allocations, 0u);
  device.faults.reset();
  device.faults.fail_at = 400;
  const Outcome failed = install(&device, file);
  EXPECT_TRUE(device.faults.fired);
  EXPECT_EQ(failed.allocations, 0u);
  device.faults.reset();
  const Outcome resumed = install(&device, file);
  EXPECT_EQ(resumed.status, Status::ok);
  EXPECT_EQ(resumed.allocations, 0u);
}

TEST(Heap, IsNotNeededByTheManagementObject) {
  const HeapCounter heap;
  EXPECT_TRUE(run_dm_flow());
  EXPECT_EQ(heap.count(), 0u);
}

}  // namespace
}  // namespace romdelta::test
