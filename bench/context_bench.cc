// Codec context: a chunk to target bytes in memory, without digests. bytes_per_second counts target
// bytes; coded_bytes_per_second those of the chunk, which is what the time goes to.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/benchmarks.h"
#include "bench/corpus.h"
#include "bench/firmware.h"
#include "installer/context_patcher.h"
#include "installer/port/flash_ram.h"
#include "pkgtool/context_encoder.h"
#include "pkgtool/matcher.h"

namespace romdelta::bench {
namespace {

constexpr std::int64_t kSizes[] = {256 << 10, 1 << 20, 4 << 20};
constexpr std::size_t kGroupBytes = 64 << 10;
constexpr FlashGeometry kOverwrites = {4096, 512, false};

void patch(benchmark::State& state, Bytes source, const Bytes& target,
           const pkgtool::Cover& cover) {
  const pkgtool::ContextChunk chunk =
      pkgtool::encode_context_chunk(source, target, cover, {0, target.size()}, 4);
  Bytes memory(limits::context_model_bytes + limits::source_window_bytes + Arena::line_bytes);
  Arena arena(memory);
  ContextPatcher patcher;
  if (patcher.begin({}, &arena) != Status::ok) return state.SkipWithError("arena");
  RamFlash source_flash(source, kOverwrites);
  Bytes slot(round_up(target.size(), kGroupBytes));
  RamFlash target_flash(slot, kOverwrites);
  Bytes group(kGroupBytes);
  const Source from = {{&source_flash, 0, source.size()}, source.size()};
  for (auto _ : state) {
    FlashWriter writer({&target_flash, 0, slot.size()}, 0, group, best_kernels());
    const Status status = patcher.patch(chunk.bytes, from, target.size(), &writer);
    if (status != Status::ok) return state.SkipWithError(to_string(status));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(target.size()));
  state.counters["coded_bytes"] = static_cast<double>(chunk.bytes.size());
  state.counters["coded_bytes_per_second"] = benchmark::Counter(
      static_cast<double>(chunk.bytes.size()), benchmark::Counter::kIsIterationInvariantRate);
}

void bench_next_revision(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Bytes source = make_firmware(bytes, 0);
  const Bytes target = make_firmware(bytes, 1);
  patch(state, source, target, pkgtool::match_images(source, target, {}));
}

// Nothing changed: what the blocks cost.
void bench_equal(benchmark::State& state) {
  const Bytes image = make_firmware(static_cast<std::size_t>(state.range(0)), 0);
  patch(state, image, image, {{0, 0, image.size()}});
}

// Nothing but literals: the worst.
void bench_noise(benchmark::State& state) {
  patch(state, {}, make_noise(static_cast<std::size_t>(state.range(0)), 43), {});
}

void bench_pair(benchmark::State& state, const CorpusPair& pair) {
  const Bytes source = read_file(pair.source_path);
  const Bytes target = read_file(pair.target_path);
  patch(state, source, target, pkgtool::match_images(source, target, {}));
}

void add(const std::string& name, void (*run)(benchmark::State&)) {
  auto* benchmark =
      benchmark::RegisterBenchmark(("context/" + name).c_str(), run)->Unit(benchmark::kMillisecond);
  for (const std::int64_t size : kSizes) benchmark->Arg(size);
}

}  // namespace

void register_context_benchmarks() {
  add("next_revision", bench_next_revision);
  add("equal", bench_equal);
  add("noise", bench_noise);
  for (const CorpusPair& pair : corpus_pairs()) {
    benchmark::RegisterBenchmark(("context/corpus/" + pair.name).c_str(),
                                 [pair](benchmark::State& state) { bench_pair(state, pair); })
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace romdelta::bench
