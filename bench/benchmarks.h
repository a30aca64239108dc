// What each file of bench/ adds to the run: called once each from main.cc.
//
// A benchmark is named SUBJECT/CASE/BYTES; bytes_per_second counts target bytes, or for a kernel
// the bytes of its first operand.
#pragma once

namespace romdelta::bench {

void register_kernel_benchmarks();
void register_digest_benchmarks();
void register_decoder_benchmarks();
void register_patcher_benchmarks();
// These need the build side (ROMDELTA_BENCH_HAS_PKGTOOL).
void register_context_benchmarks();
void register_session_benchmarks();
void register_stage_benchmarks();
void register_matcher_benchmarks();
void register_encoder_benchmarks();

}  // namespace romdelta::bench
