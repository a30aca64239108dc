// Digests, checksums and signatures: what trust costs a byte.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "bench/benchmarks.h"
#include "bench/firmware.h"
#include "bench/keys.h"
#include "format/digest.h"
#include "format/signature.h"

namespace romdelta::bench {
namespace {

constexpr std::int64_t kSizes[] = {64, 4096, 64 << 10, 8 << 20};

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void bench_digest(benchmark::State& state) {
  const Bytes bytes = make_firmware(static_cast<std::size_t>(state.range(0)), 0);
  for (auto _ : state) benchmark::DoNotOptimize(digest_of(DigestDomain::image, bytes));
  count_bytes(state);
}

void bench_checksum(benchmark::State& state) {
  const Bytes bytes = make_firmware(static_cast<std::size_t>(state.range(0)), 0);
  for (auto _ : state) benchmark::DoNotOptimize(checksum_of(bytes));
  count_bytes(state);
}

// As the session does it: pieces of one group through a stream.
void bench_checksum_stream(benchmark::State& state) {
  constexpr std::size_t group_bytes = 64 << 10;
  const Bytes bytes = make_firmware(static_cast<std::size_t>(state.range(0)), 0);
  for (auto _ : state) {
    ChecksumStream stream;
    for (std::size_t at = 0; at < bytes.size(); at += group_bytes) {
      stream.update(ByteSpan(bytes).subspan(at, std::min(group_bytes, bytes.size() - at)));
    }
    benchmark::DoNotOptimize(stream.finish());
  }
  count_bytes(state);
}

// Arg: signatures in the list; each is by a trusted key, so each is verified.
void bench_verify(benchmark::State& state) {
  const Digest digest = digest_of(DigestDomain::manifest, make_noise(512, 6));
  SignatureList list;
  std::vector<PublicKey> keys;
  for (std::uint8_t number = 0; number < state.range(0); ++number) {
    const KeyPair key = make_key(number);
    keys.push_back(key.public_key);
    if (!list.insert(sign(key, digest))) return state.SkipWithError("the signature list is full");
  }
  for (auto _ : state) {
    const Status status = verify_signatures(list, digest, keys);
    if (status != Status::ok) state.SkipWithError(to_string(status));
  }
}

}  // namespace

void register_digest_benchmarks() {
  auto* digest = benchmark::RegisterBenchmark("digest/blake2b", bench_digest);
  auto* checksum = benchmark::RegisterBenchmark("checksum/xxh3", bench_checksum);
  auto* stream = benchmark::RegisterBenchmark("checksum/xxh3_stream", bench_checksum_stream);
  for (const std::int64_t size : kSizes) {
    digest->Arg(size);
    checksum->Arg(size);
    stream->Arg(size);
  }
  benchmark::RegisterBenchmark("signature/ed25519_verify", bench_verify)->Arg(1)->Arg(2);
}

}  // namespace romdelta::bench
