// The patcher: columns that are decoded already, applied from RamFlash to RamFlash.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/benchmarks.h"
#include "bench/firmware.h"
#include "installer/patcher.h"
#include "installer/port/flash_ram.h"

namespace romdelta::bench {
namespace {

constexpr std::int64_t kSizes[] = {64 << 10, 1 << 20, 8 << 20};
constexpr std::size_t kGroupBytes = 64 << 10;

// What one chunk does: triples of `copy_bytes` and `extra_bytes`, and inside each copy
// `changed_bytes` differences after every `equal_bytes` equal ones.
struct Shape {
  std::size_t copy_bytes = 0;
  std::size_t extra_bytes = 0;
  std::size_t equal_bytes = 0;
  std::size_t changed_bytes = 0;
};

// The columns of such a chunk, and the buffers that hold them.
class ChunkContent {
 public:
  ChunkContent(const Shape& shape, std::size_t target_bytes) {
    std::size_t left = target_bytes;
    for (bool first = true; left != 0; first = false) {
      if (!first) put(Column::source_seeks, 0);
      const std::size_t copy = std::min(shape.copy_bytes, left);
      const std::size_t extra = std::min(shape.extra_bytes, left - copy);
      put(Column::copy_lengths, copy);
      put(Column::extra_lengths, extra);
      put_difference(shape, copy);
      const Bytes literals = make_noise(extra, left);
      Bytes& column = bytes(Column::extra);
      column.insert(column.end(), literals.begin(), literals.end());
      left -= copy + extra;
    }
    if (zero_run_ != 0) end_zero_run();
  }

  Columns columns() const {
    Columns result;
    for (std::size_t i = 0; i < column_count; ++i) result.content[i] = columns_[i];
    return result;
  }

 private:
  Bytes& bytes(Column column) { return columns_[static_cast<std::size_t>(column)]; }

  void put(Column column, std::uint64_t value) {
    std::uint8_t buffer[10];
    ByteWriter writer(buffer);
    writer.varint(value);
    const ByteSpan written = writer.written();
    bytes(column).insert(bytes(column).end(), written.begin(), written.end());
  }

  void put_difference(const Shape& shape, std::size_t copy) {
    std::size_t left = copy;
    while (left != 0) {
      const std::size_t equal = shape.changed_bytes == 0 ? left : std::min(shape.equal_bytes, left);
      zero_run_ += equal;
      left -= equal;
      const std::size_t changed = std::min(shape.changed_bytes, left);
      if (changed != 0 && zero_run_ != 0) end_zero_run();
      for (std::size_t i = 0; i < changed; ++i) {
        bytes(Column::diff_values).push_back(static_cast<std::uint8_t>(random_.next() | 1));
      }
      left -= changed;
    }
  }

  void end_zero_run() {
    bytes(Column::diff_values).push_back(0);
    put(Column::zero_runs, zero_run_ - 1);
    zero_run_ = 0;
  }

  std::array<Bytes, column_count> columns_;
  std::size_t zero_run_ = 0;  // May go on in the next copy.
  Random random_{31};
};

void bench_patch(benchmark::State& state, const Shape& shape, const Kernels& kernels) {
  const auto target_bytes = static_cast<std::size_t>(state.range(0));
  const FlashGeometry geometry = {4096, 512, false};
  Bytes source_memory = make_firmware(target_bytes, 0);
  Bytes target_memory(target_bytes);
  Bytes group(std::min(kGroupBytes, target_bytes));
  RamFlash source_flash(source_memory, geometry);
  RamFlash target_flash(target_memory, geometry);
  const Source source = {FlashRegion(&source_flash, 0, target_bytes), target_bytes};
  const FlashRegion target(&target_flash, 0, target_bytes);
  const ChunkContent content(shape, target_bytes);
  const Columns columns = content.columns();
  for (auto _ : state) {
    FlashWriter writer(target, 0, group, kernels);
    const Status status = patch_chunk({}, columns, source, target_bytes, kernels, &writer);
    if (status != Status::ok) {
      state.SkipWithError(to_string(status));
      break;
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void add(const std::string& name, const Shape& shape) {
  for (const Kernels* const* table = available_kernels(); *table != nullptr; ++table) {
    const Kernels& kernels = **table;
    auto* benchmark = benchmark::RegisterBenchmark(
        ("patcher/" + name + "/" + kernels.name).c_str(),
        [shape, &kernels](benchmark::State& state) { bench_patch(state, shape, kernels); });
    for (const std::int64_t size : kSizes) benchmark->Arg(size);
  }
}

}  // namespace

void register_patcher_benchmarks() {
  add("copy_no_difference", {.copy_bytes = 16384});
  // Moved addresses: a byte or two of one word in sixteen.
  add("copy_sparse_difference", {.copy_bytes = 16384, .equal_bytes = 62, .changed_bytes = 2});
  add("copy_dense_difference", {.copy_bytes = 16384, .equal_bytes = 0, .changed_bytes = 16384});
  // The worst that a cover does in practice: what a triple costs.
  add("copy_short", {.copy_bytes = 48, .extra_bytes = 4, .equal_bytes = 20, .changed_bytes = 1});
  add("literals", {.extra_bytes = 16384});
}

}  // namespace romdelta::bench
