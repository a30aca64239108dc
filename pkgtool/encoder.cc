#include "pkgtool/encoder.h"

#include <algorithm>
#include <string>

#include "format/hash_tree.h"
#include "pkgtool/chunks.h"

namespace romdelta::pkgtool {

namespace {

// The group (the device's write buffer) where RAM allows: few, large writes.
constexpr std::uint64_t kGroupBytesWanted = 64 << 10;

// Inside a group chunks are cut no finer than this.
constexpr std::uint64_t kCutBytesMin = 512;

std::uint32_t choose_group(const EncoderOptions& options) {
  const std::uint64_t block = options.erase_block_bytes;
  const std::uint64_t most = std::min(kGroupBytesWanted, options.ram_bytes_max / 16);
  return static_cast<std::uint32_t>(std::max(most / block * block, block));
}

// Replaces the children of each node by the node followed by them.
void join_level(unsigned level, std::vector<TreeEntry>* entries, std::vector<Bytes>* pieces) {
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

std::uint64_t redo_bytes(const std::vector<EncodedChunk>& chunks, std::uint64_t group_bytes) {
  std::uint64_t most = 0;
  std::uint64_t checkpoint = 0;
  for (const EncodedChunk& chunk : chunks) {
    most = std::max(most, chunk.range.end - checkpoint);
    if (chunk.range.end % group_bytes == 0) checkpoint = chunk.range.end;
  }
  return most;
}

// The numbers of the manifest that say what a device needs.
void measure(const std::vector<EncodedChunk>& chunks, Payload* payload) {
  payload->chunk_count = static_cast<std::uint32_t>(chunks.size());
  for (const EncodedChunk& chunk : chunks) {
    payload->chunk_stored_bytes_max =
        std::max(payload->chunk_stored_bytes_max, static_cast<std::uint32_t>(chunk.bytes.size()));
    payload->chunk_decoded_bytes_max =
        std::max(payload->chunk_decoded_bytes_max, static_cast<std::uint32_t>(chunk.decoded_bytes));
  }
  const auto narrow = std::ranges::count(chunks, 2u, &EncodedChunk::unit_bytes);
  if (!chunks.empty() && chunks[0].unit_bytes != 0) {
    payload->unit_bytes = 2 * static_cast<std::size_t>(narrow) > chunks.size() ? 2 : 4;
  }
  payload->redo_bytes = redo_bytes(chunks, payload->group_bytes);
}

}  // namespace

// In pre-order.
void lay_out_chunks(const std::vector<Bytes>& chunks,
                    const std::vector<std::uint64_t>& output_bytes, Payload* payload) {
  std::vector<TreeEntry> entries(chunks.size());
  std::vector<Bytes> pieces = chunks;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    entries[i] = {pieces[i].size(), output_bytes[i],
                  chunk_digest(pieces[i], static_cast<std::uint32_t>(i))};
  }
  for (unsigned level = 0; level < tree_depth(payload->chunk_count); ++level) {
    join_level(level, &entries, &pieces);
  }
  payload->bytes.insert(payload->bytes.end(), pieces[0].begin(), pieces[0].end());
  payload->tree_root = entries[0].digest;
}

std::uint64_t arena_of(Codec codec, const Payload& payload, const EncoderOptions& options,
                       std::uint64_t source_bytes, std::uint64_t target_bytes) {
  Manifest manifest;
  manifest.codec = codec;
  manifest.map = payload.map;
  manifest.plan = payload.plan;
  manifest.budgets.scratch_bytes = payload.scratch_bytes;
  manifest.sources[0].bytes = source_bytes;
  manifest.target.bytes = target_bytes;
  manifest.chunk_count = payload.chunk_count;
  manifest.chunk_stored_bytes_max = payload.chunk_stored_bytes_max;
  manifest.chunk_decoded_bytes_max = payload.chunk_decoded_bytes_max;
  manifest.group_bytes = payload.group_bytes;
  manifest.erase_block_bytes = options.erase_block_bytes;
  return arena_bytes_needed(manifest);
}

namespace {

std::uint64_t arena_of(const ChunkInput& input, const Payload& payload) {
  return arena_of(input.options.codec, payload, input.options, input.source.size(),
                  input.target.size());
}

}  // namespace

std::uint64_t arena_needed(const ChunkInput& input, const std::vector<EncodedChunk>& chunks) {
  Payload payload;
  payload.group_bytes = input.group_bytes;
  if (input.options.map != nullptr) payload.map = input.options.map->identity;
  measure(chunks, &payload);
  return arena_of(input, payload);
}

std::uint64_t arena_left(const ChunkInput& input, std::size_t chunk_count) {
  Payload payload;
  payload.group_bytes = input.group_bytes;
  if (input.options.map != nullptr) {
    payload.map = input.options.map->identity;
    // It is collected where chunks are.
    payload.map.bytes = 1;
  }
  payload.chunk_count = static_cast<std::uint32_t>(chunk_count);
  const std::uint64_t needed = arena_of(input, payload);
  const std::uint64_t most = input.options.ram_bytes_max;
  return needed < most ? most - needed : 0;
}

std::uint64_t cut_unit_bytes(const ChunkInput& input, std::uint64_t most_bytes) {
  std::uint64_t unit = input.group_bytes;
  while (unit > most_bytes && unit > kCutBytesMin && unit % 2 == 0) unit /= 2;
  return unit;
}

void throw_no_room(const EncoderOptions& options) {
  throw Error(
      Exit::usage,
      "no chunk size fits into " + std::to_string(options.ram_bytes_max) + " bytes of device RAM",
      "--ram", "give at least 160 KiB and twice the erase block, or a smaller --erase-block");
}

Payload encode_payload(ByteSpan source, ByteSpan target, const Cover& cover,
                       const EncoderOptions& options, const StageProgress& progress) {
  const ChunkInput input{source, target, cover, options, progress, choose_group(options)};
  Payload payload;
  payload.group_bytes = input.group_bytes;
  if (target.empty()) {
    if (arena_needed(input, {}) > options.ram_bytes_max) throw_no_room(options);
    return payload;
  }
  if (options.map != nullptr) {
    payload.map = options.map->identity;
    payload.bytes = options.map->bytes;
  }
  const std::vector<EncodedChunk> chunks =
      options.codec == Codec::zstd ? encode_column_chunks(input) : encode_context_chunks(input);
  measure(chunks, &payload);
  std::vector<Bytes> pieces;
  std::vector<std::uint64_t> output_bytes;
  for (const EncodedChunk& chunk : chunks) {
    pieces.push_back(chunk.bytes);
    output_bytes.push_back(chunk.range.bytes());
  }
  lay_out_chunks(pieces, output_bytes, &payload);
  return payload;
}

std::string encoder_name(Codec codec) {
  const std::string name = std::string("pkgtool ") + ROMDELTA_VERSION;
  return codec == Codec::zstd ? name + ' ' + column_encoder_name() : name;
}

}  // namespace romdelta::pkgtool
