// The session: a whole installation on a fresh device in memory. bytes_per_second counts target
// bytes; arena_bytes is the RAM that the engine took.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <optional>
#include <string>

#include "bench/benchmarks.h"
#include "bench/corpus.h"
#include "bench/firmware.h"
#include "bench/keys.h"
#include "installer/port/flash_ram.h"
#include "installer/session.h"
#include "pkgtool/packager.h"

namespace romdelta::bench {
namespace {

constexpr std::int64_t kSizes[] = {256 << 10, 1 << 20, 8 << 20};
constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kRecordRegionBytes = 64 << 10;
constexpr const char* kPackageId = "com.example.bench";

// Storage as an operating system gives it, and storage that must be erased first.
constexpr FlashGeometry kOverwrites = {4096, 512, false};
constexpr FlashGeometry kErases = {4096, 256, true};

void ignore_progress(const char*, std::uint64_t, std::uint64_t) {}

struct BuiltPackage {
  Manifest manifest;
  Bytes bytes;
};

BuiltPackage build(const std::optional<Bytes>& source, const Bytes& target, const KeyPair& key) {
  pkgtool::BuildRequest request;
  request.package_id = std::string(kPackageId);
  if (source) request.source = pkgtool::SourceImage{*source, "1"};
  request.target = target;
  request.target_version = std::string("2");
  request.full_if_smaller = false;
  const pkgtool::UnsignedPackage package = pkgtool::build_package(request, ignore_progress);
  SignatureList signatures;
  if (!signatures.insert(sign(key, package.digest()))) return {};
  return {package.manifest, pkgtool::assemble(package, signatures)};
}

// A device with two slots, as the factory left it.
class BenchDevice {
 public:
  BenchDevice(const FlashGeometry& geometry, const Bytes& source, std::size_t target_bytes,
              const PublicKey& key)
      : key_(key),
        slot_a_memory_(round_up(source.size(), geometry.erase_block_bytes), 0xff),
        slot_b_memory_(round_up(target_bytes, geometry.erase_block_bytes), 0xff),
        records_memory_(2 * kRecordRegionBytes),
        slot_a_(slot_a_memory_, geometry),
        slot_b_(slot_b_memory_, geometry),
        records_(records_memory_, geometry) {
    std::ranges::copy(source, slot_a_memory_.begin());
    region_.package_id = kPackageId;
    region_.slot_a = FlashRegion(&slot_a_, 0, slot_a_memory_.size());
    region_.slot_b = FlashRegion(&slot_b_, 0, slot_b_memory_.size());
  }

  Device device() {
    Device device;
    device.regions = {&region_, 1};
    device.journal = FlashRegion(&records_, 0, kRecordRegionBytes);
    device.inventory = FlashRegion(&records_, kRecordRegionBytes, kRecordRegionBytes);
    device.trusted_keys = {&key_, 1};
    return device;
  }

  // Forgets every installation: version "1" is in slot A again.
  Status provision() {
    std::ranges::fill(records_memory_, std::uint8_t{0xff});
    Bytes buffer(limits::record_buffer_bytes);
    Inventory inventory;
    const Status status = inventory.open(device().inventory, buffer);
    if (status != Status::ok) return status;
    InventoryRecord record;
    if (!record.package_id.assign(kPackageId) || !record.version.assign("1")) {
      return Status::internal;
    }
    return inventory.update(record);
  }

 private:
  PublicKey key_;
  Bytes slot_a_memory_;
  Bytes slot_b_memory_;
  Bytes records_memory_;
  RamFlash slot_a_;
  RamFlash slot_b_;
  RamFlash records_;
  RomRegion region_;
};

Status install(Session* session, const Device& device, MutableByteSpan arena, ByteSpan package) {
  Status status = session->begin(device, arena, {});
  for (std::size_t at = 0; status == Status::need_input && at < package.size();) {
    const std::size_t step = std::min(kPieceBytes, package.size() - at);
    status = session->push(at, package.subspan(at, step));
    at += step;
  }
  return status == Status::ok ? session->finish() : status;
}

void bench_install(benchmark::State& state, const FlashGeometry& geometry,
                   const std::optional<Bytes>& source, const Bytes& target) {
  const KeyPair key = make_key(1);
  const BuiltPackage package = build(source, target, key);
  BenchDevice bench_device(geometry, source.value_or(Bytes{}), target.size(), key.public_key);
  Bytes arena(package.manifest.budgets.ram_bytes);
  std::size_t arena_used_bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Status status = bench_device.provision();
    Session session;
    state.ResumeTiming();
    if (status == Status::ok)
      status = install(&session, bench_device.device(), arena, package.bytes);
    if (status != Status::ok) {
      state.SkipWithError(to_string(status));
      break;
    }
    arena_used_bytes = session.arena_used_bytes();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(target.size()));
  state.counters["arena_bytes"] = static_cast<double>(arena_used_bytes);
  state.counters["package_bytes"] = static_cast<double>(package.bytes.size());
}

void bench_delta(benchmark::State& state, const FlashGeometry& geometry) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  bench_install(state, geometry, make_firmware(bytes, 0), make_firmware(bytes, 1));
}

void bench_full(benchmark::State& state, const FlashGeometry& geometry) {
  bench_install(state, geometry, {}, make_firmware(static_cast<std::size_t>(state.range(0)), 1));
}

void bench_pair(benchmark::State& state, const FlashGeometry& geometry, const CorpusPair& pair) {
  bench_install(state, geometry, read_file(pair.source_path), read_file(pair.target_path));
}

void add(const std::string& name, void (*run)(benchmark::State&, const FlashGeometry&),
         const FlashGeometry& geometry) {
  auto* benchmark = benchmark::RegisterBenchmark(
      ("session/" + name).c_str(),
      [run, geometry](benchmark::State& state) { run(state, geometry); });
  for (const std::int64_t size : kSizes) benchmark->Arg(size);
  benchmark->Unit(benchmark::kMillisecond);
}

}  // namespace

void register_session_benchmarks() {
  add("delta/overwrites", bench_delta, kOverwrites);
  add("delta/erases", bench_delta, kErases);
  add("full/overwrites", bench_full, kOverwrites);
  add("full/erases", bench_full, kErases);
  for (const CorpusPair& pair : corpus_pairs()) {
    benchmark::RegisterBenchmark(
        ("session/corpus/" + pair.name).c_str(),
        [pair](benchmark::State& state) { bench_pair(state, kOverwrites, pair); })
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace romdelta::bench
