// The encoder: cover to payload. bytes_per_second counts target bytes, on the wall clock because
// the encoder has threads.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/benchmarks.h"
#include "bench/corpus.h"
#include "bench/firmware.h"
#include "pkgtool/encoder.h"
#include "pkgtool/matcher.h"

namespace romdelta::bench {
namespace {

constexpr std::int64_t kSizes[] = {256 << 10, 1 << 20, 4 << 20};

void ignore_progress(const char*, std::uint64_t, std::uint64_t) {}

void encode(benchmark::State& state, ByteSpan source, ByteSpan target,
            const pkgtool::EncoderOptions& options) {
  const pkgtool::Cover cover =
      source.empty() ? pkgtool::Cover() : pkgtool::match_images(source, target, ignore_progress);
  pkgtool::Payload payload;
  for (auto _ : state) {
    payload = pkgtool::encode_payload(source, target, cover, options, ignore_progress);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(target.size()));
  state.counters["payload_bytes"] = static_cast<double>(payload.bytes.size());
  state.counters["chunks"] = payload.chunk_count;
}

void bench_delta(benchmark::State& state, const pkgtool::EncoderOptions& options) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  encode(state, make_firmware(bytes, 0), make_firmware(bytes, 1), options);
}

void bench_full(benchmark::State& state, const pkgtool::EncoderOptions& options) {
  encode(state, {}, make_firmware(static_cast<std::size_t>(state.range(0)), 1), options);
}

void bench_pair(benchmark::State& state, const CorpusPair& pair,
                const pkgtool::EncoderOptions& options) {
  encode(state, read_file(pair.source_path), read_file(pair.target_path), options);
}

using Bench = void (*)(benchmark::State&, const pkgtool::EncoderOptions&);

void add(const std::string& name, Bench run, const pkgtool::EncoderOptions& options) {
  auto* benchmark =
      benchmark::RegisterBenchmark(("encoder/" + name).c_str(),
                                   [run, options](auto& state) { run(state, options); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
  for (const std::int64_t size : kSizes) benchmark->Arg(size);
}

}  // namespace

void register_encoder_benchmarks() {
  add("delta/ram_256k", bench_delta, {.ram_bytes_max = 256 << 10});
  add("delta/ram_1m", bench_delta, {.ram_bytes_max = 1 << 20});
  add("delta/ram_1m/two_threads", bench_delta, {.ram_bytes_max = 1 << 20, .thread_count = 2});
  add("delta/zstd/ram_1m", bench_delta, {.codec = Codec::zstd, .ram_bytes_max = 1 << 20});
  add("full/zstd/ram_1m", bench_full, {.codec = Codec::zstd, .ram_bytes_max = 1 << 20});
  for (const CorpusPair& pair : corpus_pairs()) {
    benchmark::RegisterBenchmark(("encoder/corpus/" + pair.name).c_str(),
                                 [pair](benchmark::State& state) { bench_pair(state, pair, {}); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace romdelta::bench
