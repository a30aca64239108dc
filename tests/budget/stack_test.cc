// How deep the stack of a whole installation is, libsodium and zstd included.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "tests/budget/dm_flow.h"
#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kStackBytes = 512 * 1024;
constexpr std::uint8_t kPaint = 0x5a;

// Well above what an optimised engine takes (docs/porting.md): this build need not be optimised.
constexpr std::size_t kInstallStackBytesMax = 16 * 1024;
// The same of docs/dm.md.
constexpr std::size_t kDmStackBytesMax = 8 * 1024;

// Bytes of stack that `run` uses in a thread of its own, with what a thread needs by itself.
std::size_t stack_bytes_of(void* (*run)(void*), void* argument) {
  AlignedMemory stack(kStackBytes);
  const MutableByteSpan bytes = stack.span();
  std::ranges::fill(bytes, kPaint);
  pthread_attr_t attributes;
  EXPECT_EQ(pthread_attr_init(&attributes), 0);
  EXPECT_EQ(pthread_attr_setstack(&attributes, bytes.data(), bytes.size()), 0);
  pthread_t thread;
  EXPECT_EQ(pthread_create(&thread, &attributes, run, argument), 0);
  EXPECT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
  const auto deepest =
      std::ranges::find_if(bytes, [](std::uint8_t byte) { return byte != kPaint; });
  return static_cast<std::size_t>(bytes.end() - deepest);
}

struct Installation {
  TestDevice device;
  Bytes package;
  AlignedMemory arena{256 * 1024};
  std::unique_ptr<Session> session = std::make_unique<Session>();
  Status status = Status::internal;
};

void* install(void* argument) {
  auto* installation = static_cast<Installation*>(argument);
  Session& session = *installation->session;
  Status status = session.begin(installation->device.device, installation->arena.span(), {});
  if (status == Status::need_input) status = session.push(0, installation->package);
  installation->status = status == Status::ok ? session.finish() : status;
  return nullptr;
}

void* do_nothing(void*) { return nullptr; }

TEST(Stack, OfAnInstallationStaysWithinItsBudget) {
  PackagePlan plan;
  plan.source = make_image(30000, 1);
  plan.target = revise(plan.source, 31000, 2);
  Installation installation;
  installation.package = make_package(plan).file;
  installation.device.provision(plan.source, plan.source_version);
  const std::size_t of_a_thread = stack_bytes_of(do_nothing, nullptr);
  const std::size_t used = stack_bytes_of(install, &installation) - of_a_thread;
  EXPECT_EQ(installation.status, Status::ok);
  std::printf("stack of an installation: %zu bytes\n", used);
  EXPECT_LE(used, kInstallStackBytesMax);
}

void* run_dm(void* argument) {
  *static_cast<bool*>(argument) = run_dm_flow();
  return nullptr;
}

TEST(Stack, OfTheManagementObjectStaysWithinItsBudget) {
  bool is_right = false;
  const std::size_t of_a_thread = stack_bytes_of(do_nothing, nullptr);
  const std::size_t used = stack_bytes_of(run_dm, &is_right) - of_a_thread;
  EXPECT_TRUE(is_right);
  std::printf("stack of the management object: %zu bytes\n", used);
  EXPECT_LE(used, kDmStackBytesMax);
}

}  // namespace
}  // namespace romdelta::test
