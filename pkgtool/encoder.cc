#include "pkgtool/encoder.h"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>

#include "format/hash_tree.h"
#include "installer/cli/error.h"
#include "pkgtool/columns.h"
#include "pkgtool/parallel.h"

namespace romdelta::pkgtool {
namespace {

// zstd's highest level: time is spent once, on the build machine.
constexpr int kLevel = 22;

// A chunk produces at most this much: what is written again after a cut stays bounded even where
// nothing changed.
constexpr std::uint64_t kChunkTargetBytesMax = 8 << 20;

// The group (the device's write buffer) where RAM allows: few, large writes.
constexpr std::uint64_t kGroupBytesWanted = 64 << 10;

constexpr std::uint64_t kRawBytesMax = 8 << 20;
constexpr std::uint64_t kRawBytesMin = 1 << 10;
constexpr std::uint64_t kCutBytesMin = 512;

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

struct EncodedChunk {
  TargetRange range;
  RawColumns raw;
  std::array<Bytes, column_count> coded;  // Empty: stored as it is.
  std::uint64_t decoded_bytes = 0;
  Bytes bytes;
};

void assemble_chunk(EncodedChunk* chunk) {
  ChunkHeader header;
  header.source_position = chunk->raw.source_position;
  for (std::size_t i = 0; i < column_count; ++i) {
    ColumnSize& size = header.columns[i];
    size.raw_bytes = static_cast<std::uint32_t>(chunk->raw.content[i].size());
    const Bytes& coded = chunk->coded[i];
    size.stored_bytes = coded.empty() ? size.raw_bytes : static_cast<std::uint32_t>(coded.size());
  }
  chunk->decoded_bytes = header.decoded_bytes();
  chunk->bytes.resize(chunk_header_bytes_max);
  ByteWriter writer(chunk->bytes);
  encode_chunk_header(header, &writer);
  chunk->bytes.resize(writer.offset());
  for (std::size_t i = 0; i < column_count; ++i) {
    const Bytes& column = chunk->coded[i].empty() ? chunk->raw.content[i] : chunk->coded[i];
    chunk->bytes.insert(chunk->bytes.end(), column.begin(), column.end());
  }
}

class Encoder {
 public:
  Encoder(ByteSpan source, ByteSpan target, const Cover& cover, const EncoderOptions& options,
          const StageProgress& progress)
      : source_(source), target_(target), cover_(cover), options_(options), progress_(progress) {}

  Payload run() {
    Payload payload;
    payload.group_bytes = choose_group();
    if (target_.empty()) {
      if (arena_needed(payload) > options_.ram_bytes_max) throw_no_room();
      return payload;
    }
    // Chunks are made as large as the device's RAM allows, because each begins its statistics
    // anew. How large is known only when their columns are compressed: try, and shrink.
    std::uint64_t raw_bytes = std::min(arena_left(payload) / 4 * 3, kRawBytesMax);
    while (raw_bytes >= kRawBytesMin) {
      const std::vector<TargetRange> ranges = cut(raw_bytes, payload.group_bytes);
      if (ranges.size() > limits::chunk_count_max) break;
      payload.chunk_count = static_cast<std::uint32_t>(ranges.size());
      std::vector<EncodedChunk> chunks = encode(ranges);
      for (const EncodedChunk& chunk : chunks) {
        payload.chunk_stored_bytes_max = std::max(payload.chunk_stored_bytes_max,
                                                  static_cast<std::uint32_t>(chunk.bytes.size()));
        payload.chunk_decoded_bytes_max = std::max(payload.chunk_decoded_bytes_max,
                                                   static_cast<std::uint32_t>(chunk.decoded_bytes));
      }
      if (arena_needed(payload) <= options_.ram_bytes_max) {
        finish(chunks, &payload);
        return payload;
      }
      const std::uint64_t used = std::max<std::uint64_t>(  // Never 0: a chunk has a header.
          1, std::uint64_t{payload.chunk_stored_bytes_max} + payload.chunk_decoded_bytes_max);
      payload.chunk_stored_bytes_max = 0;
      payload.chunk_decoded_bytes_max = 0;
      raw_bytes = std::min(raw_bytes / 16 * 15, raw_bytes * arena_left(payload) / used);
    }
    throw_no_room();
  }

 private:
  static std::uint64_t arena_needed(const Payload& payload) {
    Manifest manifest;
    manifest.chunk_count = payload.chunk_count;
    manifest.chunk_stored_bytes_max = payload.chunk_stored_bytes_max;
    manifest.chunk_decoded_bytes_max = payload.chunk_decoded_bytes_max;
    manifest.group_bytes = payload.group_bytes;
    return arena_bytes_needed(manifest);
  }

  // What the device's RAM leaves for the two buffers of a chunk beside everything else.
  std::uint64_t arena_left(Payload payload) const {
    if (payload.chunk_count == 0) payload.chunk_count = 1;
    const std::uint64_t needed = arena_needed(payload);
    return needed < options_.ram_bytes_max ? options_.ram_bytes_max - needed : 0;
  }

  std::uint32_t choose_group() const {
    const std::uint64_t block = options_.erase_block_bytes;
    const std::uint64_t most = std::min(kGroupBytesWanted, options_.ram_bytes_max / 16);
    return static_cast<std::uint32_t>(std::max(most / block * block, block));
  }

  [[noreturn]] void throw_no_room() const {
    throw Error(Exit::usage,
                "no chunk size fits into " + std::to_string(options_.ram_bytes_max) +
                    " bytes of device RAM",
                "--ram",
                "give at least 160 KiB and twice the erase block, or a smaller --erase-block");
  }

  // Cuts the target into chunks whose columns hold about `raw_bytes` each, on group boundaries
  // where a group is small enough, else inside groups.
  std::vector<TargetRange> cut(std::uint64_t raw_bytes, std::uint64_t group_bytes) const {
    std::uint64_t unit = group_bytes;
    while (unit > raw_bytes / 2 && unit > kCutBytesMin && unit % 2 == 0) unit /= 2;
    const std::size_t unit_count = static_cast<std::size_t>((target_.size() + unit - 1) / unit);
    std::vector<std::uint64_t> unit_costs(unit_count);
    parallel_for(unit_count, options_.thread_count, [&](std::size_t i) {
      unit_costs[i] = make_columns(source_, target_, cover_, unit_range(i, unit)).bytes();
    });
    std::vector<TargetRange> ranges;
    std::uint64_t cost = 0;
    for (std::size_t i = 0; i < unit_count; ++i) {
      const TargetRange range = unit_range(i, unit);
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

  TargetRange unit_range(std::size_t index, std::uint64_t unit) const {
    const std::uint64_t begin = index * unit;
    return {begin, std::min<std::uint64_t>(begin + unit, target_.size())};
  }

  std::vector<EncodedChunk> encode(const std::vector<TargetRange>& ranges) {
    std::vector<EncodedChunk> chunks(ranges.size());
    parallel_for(chunks.size(), options_.thread_count, [&](std::size_t i) {
      chunks[i].range = ranges[i];
      chunks[i].raw = make_columns(source_, target_, cover_, ranges[i]);
    });
    std::size_t done = 0;
    std::mutex progress_mutex;
    const std::size_t column_total = chunks.size() * column_count;
    parallel_for(column_total, options_.thread_count, [&](std::size_t i) {
      EncodedChunk& chunk = chunks[i / column_count];
      chunk.coded[i % column_count] = compress_column(chunk.raw.content[i % column_count]);
      const std::lock_guard lock(progress_mutex);
      if (progress_) progress_("encode", ++done, column_total);
    });
    for (EncodedChunk& chunk : chunks) assemble_chunk(&chunk);
    return chunks;
  }

  // Lays chunks and tree nodes out in pre-order.
  void finish(const std::vector<EncodedChunk>& chunks, Payload* payload) const {
    std::vector<TreeEntry> entries(chunks.size());
    std::vector<Bytes> pieces(chunks.size());
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      pieces[i] = chunks[i].bytes;
      entries[i] = {pieces[i].size(), chunks[i].range.bytes(),
                    chunk_digest(pieces[i], static_cast<std::uint32_t>(i))};
    }
    for (unsigned level = 0; level < tree_depth(payload->chunk_count); ++level) {
      join_level(level, &entries, &pieces);
    }
    payload->bytes = std::move(pieces[0]);
    payload->tree_root = entries[0].digest;
    payload->redo_bytes = redo_bytes(chunks, payload->group_bytes);
  }

  // Replaces the children of each node by the node followed by them.
  static void join_level(unsigned level, std::vector<TreeEntry>* entries,
                         std::vector<Bytes>* pieces) {
    std::vector<TreeEntry> parents;
    std::vector<Bytes> joined;
    for (std::size_t first = 0; first < entries->size(); first += limits::tree_fanout) {
      const std::size_t count = std::min(limits::tree_fanout, entries->size() - first);
      Bytes node(count * TreeEntry::bytes);
      ByteWriter writer(node);
      TreeEntry parent;
      for (std::size_t i = first; i < first + count; ++i) {
        const TreeEntry& child = (*entries)[i];
        encode_tree_entry(child, &writer);
        parent.payload_bytes += child.payload_bytes;
        parent.target_bytes += child.target_bytes;
      }
      parent.payload_bytes += node.size();
      parent.digest = tree_node_digest(node, level, first / limits::tree_fanout);
      for (std::size_t i = first; i < first + count; ++i) {
        node.insert(node.end(), (*pieces)[i].begin(), (*pieces)[i].end());
        Bytes().swap((*pieces)[i]);
      }
      parents.push_back(parent);
      joined.push_back(std::move(node));
    }
    *entries = std::move(parents);
    *pieces = std::move(joined);
  }

  static std::uint64_t redo_bytes(const std::vector<EncodedChunk>& chunks,
                                  std::uint64_t group_bytes) {
    std::uint64_t most = 0;
    std::uint64_t checkpoint = 0;
    for (const EncodedChunk& chunk : chunks) {
      most = std::max(most, chunk.range.end - checkpoint);
      if (chunk.range.end % group_bytes == 0) checkpoint = chunk.range.end;
    }
    return most;
  }

  ByteSpan source_;
  ByteSpan target_;
  const Cover& cover_;
  const EncoderOptions& options_;
  const StageProgress& progress_;
};

}  // namespace

Payload encode_payload(ByteSpan source, ByteSpan target, const Cover& cover,
                       const EncoderOptions& options, const StageProgress& progress) {
  return Encoder(source, target, cover, options, progress).run();
}

std::string encoder_name() {
  return std::string("pkgtool ") + ROMDELTA_VERSION + " zstd " + ZSTD_versionString() + " level " +
         std::to_string(kLevel);
}

}  // namespace romdelta::pkgtool
