// Codec 1: the columns of a chunk, each a zstd frame. docs/format.md sections 7.1 to 7.4.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "pkgtool/chunks.h"
#include "pkgtool/parallel.h"

namespace romdelta::pkgtool {
namespace {

// zstd's highest level: time is spent once, on the build machine.
constexpr int kLevel = 22;

constexpr std::uint64_t kRawBytesMax = 8 << 20;
constexpr std::uint64_t kRawBytesMin = 1 << 10;

struct ContextDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

void check_zstd(std::size_t result) {
  if (!ZSTD_isError(result)) return;
  throw Error(Exit::internal, std::string("zstd: ") + ZSTD_getErrorName(result));
}

// One frame without magic number and checksum, or an empty result when it would not be shorter.
Bytes compress_column(const Bytes& raw) {
  if (raw.empty()) return {};
  const std::unique_ptr<ZSTD_CCtx, ContextDeleter> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  check_zstd(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel));
  check_zstd(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_format, ZSTD_f_zstd1_magicless));
  check_zstd(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 0));
  Bytes stored(ZSTD_compressBound(raw.size()));
  const std::size_t size =
      ZSTD_compress2(context.get(), stored.data(), stored.size(), raw.data(), raw.size());
  check_zstd(size);
  if (size >= raw.size()) return {};
  stored.resize(size);
  return stored;
}

struct ColumnChunk {
  TargetRange range;
  RawColumns raw;
  std::array<Bytes, column_count> coded;  // Empty: stored as it is.
};

EncodedChunk assemble_chunk(const ColumnChunk& chunk) {
  ChunkHeader header;
  header.source_position = chunk.raw.source_position;
  for (std::size_t i = 0; i < column_count; ++i) {
    ColumnSize& size = header.columns[i];
    size.raw_bytes = static_cast<std::uint32_t>(chunk.raw.content[i].size());
    const Bytes& coded = chunk.coded[i];
    size.stored_bytes = coded.empty() ? size.raw_bytes : static_cast<std::uint32_t>(coded.size());
  }
  EncodedChunk result;
  result.range = chunk.range;
  result.decoded_bytes = header.decoded_bytes();
  result.bytes.resize(chunk_header_bytes_max);
  ByteWriter writer(result.bytes);
  encode_chunk_header(header, &writer);
  result.bytes.resize(writer.offset());
  for (std::size_t i = 0; i < column_count; ++i) {
    const Bytes& column = chunk.coded[i].empty() ? chunk.raw.content[i] : chunk.coded[i];
    result.bytes.insert(result.bytes.end(), column.begin(), column.end());
  }
  return result;
}

TargetRange unit_range(const ChunkInput& input, std::uint64_t unit_bytes, std::size_t index) {
  const std::uint64_t begin = index * unit_bytes;
  return {begin, std::min<std::uint64_t>(begin + unit_bytes, input.target.size())};
}

// Cuts the target into chunks whose columns hold about `raw_bytes` each, on group boundaries
// where a group is small enough, else inside groups.
std::vector<TargetRange> cut(const ChunkInput& input, std::uint64_t raw_bytes) {
  const std::uint64_t unit = cut_unit_bytes(input, raw_bytes / 2);
  const std::size_t unit_count = static_cast<std::size_t>((input.target.size() + unit - 1) / unit);
  std::vector<std::uint64_t> unit_costs;
  unit_costs.resize(unit_count);
  parallel_for(unit_count, input.options.thread_count, [&](std::size_t i) {
    unit_costs[i] =
        make_columns(input.source, input.target, input.cover, unit_range(input, unit, i)).bytes();
  });
  std::vector<TargetRange> ranges;
  std::uint64_t cost = 0;
  for (std::size_t i = 0; i < unit_count; ++i) {
    const TargetRange range = unit_range(input, unit, i);
    const bool full = !ranges.empty() && (cost + unit_costs[i] > raw_bytes ||
                                          range.end - ranges.back().begin > kChunkTargetBytesMax);
    if (ranges.empty() || full) {
      ranges.push_back(range);
      cost = 0;
    }
    ranges.back().end = range.end;
    cost += unit_costs[i];
  }
  return ranges;
}

std::vector<EncodedChunk> encode(const ChunkInput& input, const std::vector<TargetRange>& ranges) {
  const unsigned threads = input.options.thread_count;
  std::vector<ColumnChunk> chunks(ranges.size());
  parallel_for(chunks.size(), threads, [&](std::size_t i) {
    chunks[i].range = ranges[i];
    chunks[i].raw = make_columns(input.source, input.target, input.cover, ranges[i]);
  });
  std::size_t done = 0;
  std::mutex progress_mutex;
  const std::size_t column_total = chunks.size() * column_count;
  parallel_for(column_total, threads, [&](std::size_t i) {
    ColumnChunk& chunk = chunks[i / column_count];
    chunk.coded[i % column_count] = compress_column(chunk.raw.content[i % column_count]);
    const std::lock_guard lock(progress_mutex);
    if (input.progress) input.progress("encode", ++done, column_total);
  });
  std::vector<EncodedChunk> result;
  result.reserve(chunks.size());
  for (const ColumnChunk& chunk : chunks) result.push_back(assemble_chunk(chunk));
  return result;
}

// The most that one chunk takes of the device's RAM for itself.
std::uint64_t largest_use(const std::vector<EncodedChunk>& chunks) {
  std::uint64_t stored = 0;
  std::uint64_t decoded = 0;
  for (const EncodedChunk& chunk : chunks) {
    stored = std::max<std::uint64_t>(stored, chunk.bytes.size());
    decoded = std::max(decoded, chunk.decoded_bytes);
  }
  return stored + decoded;
}

}  // namespace

std::vector<EncodedChunk> encode_column_chunks(const ChunkInput& input) {
  // Chunks are made as large as the device's RAM allows, because each begins its statistics anew.
  // How large is known only when their columns are compressed: try, and shrink.
  std::uint64_t raw_bytes = std::min(arena_left(input, 1) / 4 * 3, kRawBytesMax);
  while (raw_bytes >= kRawBytesMin) {
    const std::vector<TargetRange> ranges = cut(input, raw_bytes);
    if (ranges.size() > limits::chunk_count_max) break;
    std::vector<EncodedChunk> chunks = encode(input, ranges);
    if (arena_needed(input, chunks) <= input.options.ram_bytes_max) return chunks;
    const std::uint64_t used = std::max<std::uint64_t>(1, largest_use(chunks));
    raw_bytes = std::min(raw_bytes / 16 * 15, raw_bytes * arena_left(input, chunks.size()) / used);
  }
  throw_no_room(input.options);
}

std::string column_encoder_name() {
  return std::string("zstd ") + ZSTD_versionString() + " level " + std::to_string(kLevel);
}

}  // namespace romdelta::pkgtool
