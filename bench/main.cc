// romdelta_bench: every benchmark of bench/. Options are Google Benchmark's own (--help).
#include <benchmark/benchmark.h>
#include <sodium/core.h>
#include <sodium/version.h>
#include <zstd.h>

#include "bench/benchmarks.h"
#include "installer/simd/kernels.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  // Picks libsodium's fastest code for this CPU, as every program that installs must.
  if (sodium_init() < 0) return 1;
  benchmark::AddCustomContext("kernels", romdelta::best_kernels().name);
  benchmark::AddCustomContext("sodium", sodium_version_string());
  benchmark::AddCustomContext("zstd", ZSTD_versionString());

  romdelta::bench::register_kernel_benchmarks();
  romdelta::bench::register_digest_benchmarks();
  romdelta::bench::register_decoder_benchmarks();
  romdelta::bench::register_patcher_benchmarks();
#if defined(ROMDELTA_BENCH_HAS_PKGTOOL)
  romdelta::bench::register_context_benchmarks();
  romdelta::bench::register_session_benchmarks();
  romdelta::bench::register_stage_benchmarks();
  romdelta::bench::register_matcher_benchmarks();
  romdelta::bench::register_encoder_benchmarks();
#endif
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
