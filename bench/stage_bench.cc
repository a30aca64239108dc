// Where the time of an installation goes: each stage alone, on the same images, beside memcpy of
// them. bytes_per_second and cycles_per_byte count target bytes.
#include <benchmark/benchmark.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "bench/benchmarks.h"
#include "bench/corpus.h"
#include "bench/firmware.h"
#include "format/digest.h"
#include "installer/context_patcher.h"
#include "installer/port/flash_ram.h"
#include "pkgtool/address_map_builder.h"
#include "pkgtool/context_encoder.h"
#include "pkgtool/map_encoder.h"
#include "pkgtool/matcher.h"

namespace romdelta::bench {
namespace {

constexpr FlashGeometry kOverwrites = {4096, 512, false};
constexpr std::size_t kGroupBytes = 64 << 10;
constexpr std::size_t kWindowBytes = 4096;

// What an installation works on: images, map and one chunk. Made when the first stage needs it.
struct Case {
  Bytes source;
  Bytes target;
  pkgtool::BuiltMap map;
  pkgtool::EncodedMap encoded_map;
  Bytes chunk;

  Case(Bytes from, Bytes to) : source(std::move(from)), target(std::move(to)) {
    map = pkgtool::find_address_map(source, target, limits::map_step_count_max, 1, {});
    const Bytes rebased = map.empty() ? source : pkgtool::rebase_image(source, map.map(), 1);
    encoded_map = pkgtool::encode_map(map.map());
    const pkgtool::Cover cover = pkgtool::match_images(rebased, target, {});
    chunk = pkgtool::encode_context_chunk(rebased, target, cover, {0, target.size()}, 4).bytes;
  }
};

void finish(benchmark::State& state, const Case& images) {
  const auto bytes = static_cast<double>(images.target.size());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(images.target.size()));
  const double cycles = benchmark::CPUInfo::Get().cycles_per_second;
  state.counters["cycles_per_byte"] = benchmark::Counter(
      bytes / cycles, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void bench_memcpy(benchmark::State& state, const Case& images) {
  Bytes to(images.target.size());
  for (auto _ : state) {
    std::memcpy(to.data(), images.target.data(), to.size());
    benchmark::ClobberMemory();
  }
  finish(state, images);
}

void bench_digest(benchmark::State& state, const Case& images) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(digest_of(DigestDomain::image, images.source));
  }
  finish(state, images);
}

void bench_checksum(benchmark::State& state, const Case& images) {
  for (auto _ : state) benchmark::DoNotOptimize(checksum_of(images.target));
  finish(state, images);
}

void bench_rebase(benchmark::State& state, const Case& images) {
  const Rebaser rebaser(images.map.map());
  Bytes window(kWindowBytes);
  for (auto _ : state) {
    for (std::size_t at = 0; at < images.source.size(); at += kWindowBytes) {
      const std::size_t count = std::min(kWindowBytes, images.source.size() - at);
      const ByteSpan source = ByteSpan(images.source).subspan(at, count);
      std::memcpy(window.data(), source.data(), count);
      rebaser.rewrite(images.source, 0, MutableByteSpan(window).first(count), at);
    }
    benchmark::ClobberMemory();
  }
  finish(state, images);
}

// Reading the source, rewriting it, decoding and writing the target.
void bench_patch(benchmark::State& state, const Case& images) {
  Bytes memory(limits::context_model_bytes + limits::source_window_bytes +
               limits::rebase_window_bytes + images.map.step_count() * limits::map_step_bytes +
               5 * Arena::line_bytes);
  Arena arena(memory);
  ContextPatcher patcher;
  Status status = patcher.begin(images.encoded_map.identity, &arena);
  if (status == Status::ok && !images.map.empty())
    status = patcher.load_map(images.encoded_map.bytes);
  if (status != Status::ok) return state.SkipWithError(to_string(status));
  Bytes source_memory = images.source;
  RamFlash source_flash(source_memory, kOverwrites);
  Bytes slot(round_up(images.target.size(), kGroupBytes));
  RamFlash target_flash(slot, kOverwrites);
  Bytes group(kGroupBytes);
  const Source from = {{&source_flash, 0, source_memory.size()}, source_memory.size()};
  for (auto _ : state) {
    FlashWriter writer({&target_flash, 0, slot.size()}, 0, group, best_kernels());
    status = patcher.patch(images.chunk, from, images.target.size(), &writer);
    if (status != Status::ok) return state.SkipWithError(to_string(status));
  }
  finish(state, images);
  state.counters["coded_bytes"] = static_cast<double>(images.chunk.size());
}

// The stages of one case, which is made when the first of them runs.
void add(const std::string& name, std::function<Case()> make) {
  const auto shared = std::make_shared<std::unique_ptr<Case>>();
  const auto add_stage = [&](const char* stage, void (*run)(benchmark::State&, const Case&)) {
    benchmark::RegisterBenchmark(("stage/" + name + "/" + stage).c_str(),
                                 [shared, make, run](benchmark::State& state) {
                                   if (!*shared) *shared = std::make_unique<Case>(make());
                                   run(state, **shared);
                                 })
        ->Unit(benchmark::kMillisecond);
  };
  add_stage("memcpy", bench_memcpy);
  add_stage("digest_source", bench_digest);
  add_stage("rebase", bench_rebase);
  add_stage("patch", bench_patch);
  add_stage("checksum_target", bench_checksum);
}

}  // namespace

void register_stage_benchmarks() {
  constexpr std::size_t bytes = 1 << 20;
  add("next_revision", [] { return Case(make_firmware(bytes, 0), make_firmware(bytes, 1)); });
  for (const CorpusPair& pair : corpus_pairs()) {
    add(pair.name,
        [pair] { return Case(read_file(pair.source_path), read_file(pair.target_path)); });
  }
}

}  // namespace romdelta::bench
