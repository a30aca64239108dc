#include "tests/property/round_trip.h"

#include <sstream>
#include <stdexcept>

#include "pkgtool/matcher.h"
#include "pkgtool/packager.h"
#include "pkgtool/replay.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

pkgtool::UnsignedPackage build(const RoundTrip& trip) {
  pkgtool::BuildRequest request;
  request.package_id = "com.example.app";
  if (trip.source) request.source = pkgtool::SourceImage{*trip.source, "1.0"};
  request.target = trip.target;
  request.target_version = "2.0";
  request.encoder.ram_bytes_max = trip.ram_bytes;
  request.encoder.erase_block_bytes = trip.erase_block_bytes;
  request.encoder.thread_count = trip.thread_count;
  request.full_if_smaller = false;
  request.codec = trip.codec;
  return pkgtool::build_package(request, {});
}

Bytes signed_file(const pkgtool::UnsignedPackage& package) {
  SignatureList signatures;
  if (!signatures.insert(sign(test_key(1), package.digest()))) throw std::logic_error("sign");
  return pkgtool::assemble(package, signatures);
}

std::string broken_promises(const RoundTrip& trip, const Budgets& budgets,
                            const pkgtool::ReplayResult& result) {
  std::ostringstream fault;
  const auto at_most = [&](const char* what, std::uint64_t value, std::uint64_t most) {
    if (value > most) fault << what << " is " << value << ", more than " << most << "; ";
  };
  at_most("the RAM budget", budgets.ram_bytes, trip.ram_bytes);
  at_most("the arena used", result.arena_used_bytes, budgets.ram_bytes);
  at_most("flash written", result.flash_write_bytes, budgets.flash_write_bytes);
  at_most("erases", result.erase_count, budgets.erase_count);
  at_most("journal written", result.journal_bytes, budgets.journal_bytes);
  return fault.str();
}

}  // namespace

std::string fault_of(const RoundTrip& trip, std::uint64_t* package_bytes) {
  const pkgtool::UnsignedPackage package = build(trip);
  const Bytes file = signed_file(package);
  if (package_bytes != nullptr) *package_bytes = file.size();
  pkgtool::ReplayOptions options;
  options.piece_bytes = trip.piece_bytes;
  std::optional<ByteSpan> source;
  if (trip.source) source = *trip.source;
  const TestKey key = test_key(1);
  const pkgtool::ReplayResult result = pkgtool::replay(file, source, {&key.public_key, 1}, options);
  if (result.status != Status::ok) return std::string("ended with ") + to_string(result.status);
  if (result.target != trip.target) return "installed something else";
  return broken_promises(trip, package.manifest.budgets, result);
}

std::string fault_on_other_devices(const RoundTrip& trip, Random* random) {
  const pkgtool::UnsignedPackage package = build(trip);
  const Bytes file = signed_file(package);
  const Bytes source = trip.source.value_or(Bytes());
  const std::uint32_t block = trip.erase_block_bytes;
  const FlashGeometry geometries[] = {{block, block % 16 == 0 ? 16u : 1u, true},
                                      {block, block % 512 == 0 ? 512u : 1u, false}};
  for (const FlashGeometry& geometry : geometries) {
    DeviceShape shape;
    shape.slots = geometry;
    shape.slot_bytes = round_up(std::max(source.size(), trip.target.size()) + 1, block);
    shape.journal_bytes = 64 * 1024;
    TestDevice device(shape);
    device.provision(source, "1.0");
    RunOptions options;
    options.random = random;
    options.piece_bytes = pick(random, 1, 5000);
    options.arena_bytes = std::max<std::size_t>(
        static_cast<std::size_t>(package.manifest.budgets.ram_bytes), Session::arena_bytes_min);
    const RunResult result = run_session(&device, file, options);
    const char* kind = geometry.erase_before_program ? " on flash" : " on a disk";
    if (result.status != Status::ok) return to_string(result.status) + std::string(kind);
    if (device.active_image() != trip.target) return std::string("another target") + kind;
  }
  return {};
}

}  // namespace romdelta::test
