// The vector kernels: each table, each kernel, from one cache line to memory, beside memcpy.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "bench/benchmarks.h"
#include "bench/firmware.h"
#include "installer/simd/kernels.h"

namespace romdelta::bench {
namespace {

constexpr std::int64_t kSizes[] = {64, 4096, 64 << 10, 8 << 20};

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

std::size_t bytes_of(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

// The anchor: what the machine gives to a plain copy of the same size.
void bench_memcpy(benchmark::State& state) {
  const Bytes from = make_noise(bytes_of(state), 1);
  Bytes to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

void bench_add_bytes(benchmark::State& state, const Kernels& kernels) {
  const Bytes difference = make_noise(bytes_of(state), 2);
  Bytes target = make_noise(bytes_of(state), 3);
  for (auto _ : state) {
    kernels.add_bytes(target.data(), difference.data(), target.size());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

// The three searches run to the end: what they cost a byte when there is nothing to find.
void bench_find_byte(benchmark::State& state, const Kernels& kernels) {
  Bytes bytes = make_noise(bytes_of(state), 4);
  for (std::uint8_t& byte : bytes) byte |= 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels.find_byte(bytes.data(), bytes.size(), 0));
  }
  count_bytes(state);
}

void bench_find_not(benchmark::State& state, const Kernels& kernels) {
  const Bytes bytes(bytes_of(state), 0xff);
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels.find_not(bytes.data(), bytes.size(), 0xff));
  }
  count_bytes(state);
}

void bench_mismatch(benchmark::State& state, const Kernels& kernels) {
  const Bytes a = make_noise(bytes_of(state), 5);
  const Bytes b = a;
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels.mismatch(a.data(), b.data(), a.size()));
  }
  count_bytes(state);
}

void add(const std::string& name, void (*run)(benchmark::State&, const Kernels&),
         const Kernels& kernels) {
  auto* benchmark = benchmark::RegisterBenchmark(
      (name + "/" + kernels.name).c_str(),
      [run, &kernels](benchmark::State& state) { run(state, kernels); });
  for (const std::int64_t size : kSizes) benchmark->Arg(size);
}

}  // namespace

void register_kernel_benchmarks() {
  auto* anchor = benchmark::RegisterBenchmark("memcpy/libc", bench_memcpy);
  for (const std::int64_t size : kSizes) anchor->Arg(size);
  for (const Kernels* const* table = available_kernels(); *table != nullptr; ++table) {
    add("add_bytes", bench_add_bytes, **table);
    add("find_byte", bench_find_byte, **table);
    add("find_not", bench_find_not, **table);
    add("mismatch", bench_mismatch, **table);
  }
}

}  // namespace romdelta::bench
