// The matcher: source and target to a cover. bytes_per_second counts target bytes.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/benchmarks.h"
#include "bench/corpus.h"
#include "bench/firmware.h"
#include "pkgtool/cover_planner.h"

namespace romdelta::bench {
namespace {

constexpr std::int64_t kSizes[] = {256 << 10, 1 << 20, 4 << 20};

void ignore_progress(const char*, std::uint64_t, std::uint64_t) {}

void match(benchmark::State& state, ByteSpan source, ByteSpan target) {
  pkgtool::Cover cover;
  for (auto _ : state) cover = pkgtool::match_images(source, target, ignore_progress);
  std::uint64_t covered = 0;
  for (const pkgtool::Match& match : cover) covered += match.bytes;
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(target.size()));
  state.counters["matches"] = static_cast<double>(cover.size());
  state.counters["covered"] = static_cast<double>(covered) / static_cast<double>(target.size());
}

void bench_next_revision(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  match(state, make_firmware(bytes, 0), make_firmware(bytes, 1));
}

// Nothing matches: the worst for a search.
void bench_unrelated(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  match(state, make_noise(bytes, 41), make_noise(bytes, 42));
}

// Long runs of one byte: the worst for a suffix array.
void bench_blank(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  Bytes source(bytes, 0xff);
  Bytes target(bytes, 0xff);
  source[bytes / 2] = 1;
  target[bytes / 3] = 2;
  match(state, source, target);
}

// The planner alone.
void bench_plan(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Bytes source = make_firmware(bytes, 0);
  const Bytes target = make_firmware(bytes, 1);
  const pkgtool::Matches matches = pkgtool::find_matches(source, target, ignore_progress);
  pkgtool::Cover cover;
  for (auto _ : state) {
    cover = pkgtool::plan_cover(source, target, matches, pkgtool::plan_costs[0], ignore_progress);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(target.size()));
  state.counters["matches"] = static_cast<double>(cover.size());
}

void bench_pair(benchmark::State& state, const CorpusPair& pair) {
  match(state, read_file(pair.source_path), read_file(pair.target_path));
}

}  // namespace

void register_matcher_benchmarks() {
  auto* next = benchmark::RegisterBenchmark("matcher/next_revision", bench_next_revision);
  auto* unrelated = benchmark::RegisterBenchmark("matcher/unrelated", bench_unrelated);
  auto* blank = benchmark::RegisterBenchmark("matcher/blank", bench_blank);
  auto* plan = benchmark::RegisterBenchmark("matcher/plan", bench_plan);
  for (auto* benchmark : {next, unrelated, blank, plan}) {
    for (const std::int64_t size : kSizes) benchmark->Arg(size);
    benchmark->Unit(benchmark::kMillisecond);
  }
  for (const CorpusPair& pair : corpus_pairs()) {
    benchmark::RegisterBenchmark(("matcher/corpus/" + pair.name).c_str(),
                                 [pair](benchmark::State& state) { bench_pair(state, pair); })
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace romdelta::bench
