// The decoder: zstd columns of one chunk, by what they hold. bytes_per_second counts decoded bytes.
#include <benchmark/benchmark.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <string>

#include "bench/benchmarks.h"
#include "bench/firmware.h"
#include "installer/decoder.h"

namespace romdelta::bench {
namespace {

constexpr std::int64_t kSizes[] = {4096, 64 << 10, 1 << 20};
constexpr int kLevel = 19;

// One frame in the only form that docs/format.md section 7.3 allows.
Bytes compress(ByteSpan raw) {
  Bytes stored(ZSTD_compressBound(raw.size()));
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_format, ZSTD_f_zstd1_magicless);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  const std::size_t bytes =
      ZSTD_compress2(context, stored.data(), stored.size(), raw.data(), raw.size());
  ZSTD_freeCCtx(context);
  stored.resize(ZSTD_isError(bytes) ? 0 : bytes);
  return stored;
}

// A chunk whose one column is `raw`, coded when that is shorter.
Bytes make_chunk(Column column, ByteSpan raw) {
  Bytes stored = compress(raw);
  if (stored.empty() || stored.size() >= raw.size()) stored.assign(raw.begin(), raw.end());
  ChunkHeader header;
  header.columns[static_cast<std::size_t>(column)] = {static_cast<std::uint32_t>(raw.size()),
                                                      static_cast<std::uint32_t>(stored.size())};
  Bytes chunk(chunk_header_bytes_max);
  ByteWriter writer(chunk);
  encode_chunk_header(header, &writer);
  chunk.resize(writer.offset());
  chunk.insert(chunk.end(), stored.begin(), stored.end());
  return chunk;
}

// Differences of addresses that moved: few values, in words, each followed by a run of equal bytes.
Bytes make_differences(std::size_t bytes) {
  static constexpr std::uint8_t kShifts[] = {4, 8, 0x40, 0xf8, 0x90, 1, 0xff, 0x20};
  Random random(21);
  Bytes values;
  while (values.size() < bytes) {
    const std::uint64_t choice = random.below(std::size(kShifts));
    values.push_back(random.one_in(12) ? static_cast<std::uint8_t>(random.next() | 1)
                                       : kShifts[choice]);
    if (random.one_in(3)) values.push_back(static_cast<std::uint8_t>(choice + 1));
    values.push_back(0);
  }
  values.resize(bytes);
  return values;
}

// Lengths as varints of one to three bytes, short ones more often.
Bytes make_lengths(std::size_t bytes) {
  Random random(22);
  Bytes lengths(bytes + 10);
  ByteWriter writer(lengths);
  while (writer.offset() < bytes) writer.varint(random.next() >> (44 + random.below(18)));
  lengths.resize(bytes);
  return lengths;
}

void bench_decode(benchmark::State& state, Column column, Bytes (*make)(std::size_t)) {
  const Bytes raw = make(static_cast<std::size_t>(state.range(0)));
  const Bytes chunk = make_chunk(column, raw);
  Manifest manifest;
  manifest.chunk_decoded_bytes_max = static_cast<std::uint32_t>(raw.size());
  Bytes memory(limits::zstd_context_bytes + raw.size() + 2 * Arena::line_bytes);
  Arena arena(memory);
  Decoder decoder;
  Status status = decoder.begin(manifest, &arena);
  for (auto _ : state) {
    ChunkHeader header;
    Columns columns;
    if (status == Status::ok) status = decoder.decode(manifest, chunk, &header, &columns);
    benchmark::DoNotOptimize(columns[column].data());
  }
  if (status != Status::ok) state.SkipWithError(to_string(status));
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["stored_ratio"] =
      static_cast<double>(chunk.size()) / static_cast<double>(raw.size());
}

void add(const std::string& name, Column column, Bytes (*make)(std::size_t)) {
  auto* benchmark = benchmark::RegisterBenchmark(
      ("decoder/" + name).c_str(),
      [column, make](benchmark::State& state) { bench_decode(state, column, make); });
  for (const std::int64_t size : kSizes) benchmark->Arg(size);
}

}  // namespace

void register_decoder_benchmarks() {
  add("lengths", Column::copy_lengths, make_lengths);
  add("diff_values", Column::diff_values, make_differences);
  add("extra", Column::extra, [](std::size_t bytes) { return make_firmware(bytes, 0); });
  // Stored as it is: the decoder hands out the chunk's own bytes.
  add("stored", Column::extra, [](std::size_t bytes) { return make_noise(bytes, 23); });
}

}  // namespace romdelta::bench
