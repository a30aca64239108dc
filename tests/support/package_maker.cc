#include "tests/support/package_maker.h"

#include <algorithm>
#include <stdexcept>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "format/hash_tree.h"
#include "format/package.h"
#include "tests/support/context_stream.h"
#include "tests/support/map_stream.h"

namespace romdelta::test {
namespace {

void require(bool good, const char* what) {
  if (!good) throw std::logic_error(what);
}

void append_varint(Bytes* to, std::uint64_t value) {
  append(to, written_by([&](ByteWriter* writer) { writer->varint(value); }));
}

void append_zigzag(Bytes* to, std::uint64_t distance) {
  append(to, written_by(
                 [&](ByteWriter* writer) { writer->zigzag(static_cast<std::int64_t>(distance)); }));
}

class PayloadMaker {
 public:
  explicit PayloadMaker(std::span<const Chunk> chunks) : chunks_(chunks) {}

  Payload make() {
    Payload payload;
    const auto count = static_cast<std::uint32_t>(chunks_.size());
    if (count == 0) return payload;
    const TreeEntry root = emit(tree_depth(count) - 1, 0, &payload);
    payload.root = root.digest;
    return payload;
  }

 private:
  // Appends node `index` of `level` with all below it; the node's bytes are known last.
  TreeEntry emit(unsigned level, std::uint64_t index, Payload* payload) {
    const auto count = static_cast<std::uint32_t>(chunks_.size());
    const std::size_t children = tree_child_count(count, level, index);
    const std::size_t at = payload->bytes.size();
    payload->bytes.resize(at + children * TreeEntry::bytes);
    Bytes node;
    TreeEntry whole;
    for (std::size_t i = 0; i < children; ++i) {
      const std::uint64_t child = index * limits::tree_fanout + i;
      const TreeEntry entry =
          level == 0 ? emit_chunk(child, payload) : emit(level - 1, child, payload);
      append(&node, written_by([&](ByteWriter* writer) { encode_tree_entry(entry, writer); }));
      whole.target_bytes += entry.target_bytes;
    }
    std::copy(node.begin(), node.end(), payload->bytes.begin() + static_cast<std::ptrdiff_t>(at));
    whole.payload_bytes = payload->bytes.size() - at;
    whole.digest = tree_node_digest(node, level, index);
    return whole;
  }

  TreeEntry emit_chunk(std::uint64_t index, Payload* payload) {
    const Chunk& chunk = chunks_[index];
    payload->chunk_offsets.push_back(payload->bytes.size());
    append(&payload->bytes, chunk.bytes);
    return {chunk.bytes.size(), chunk.target_bytes,
            chunk_digest(chunk.bytes, static_cast<std::uint32_t>(index))};
  }

  std::span<const Chunk> chunks_;
};

// Two triples where the source reaches far enough, so that seeks, copies and literals all occur.
std::vector<Piece> pieces_for(std::uint64_t at, std::uint64_t count, std::uint64_t source_bytes) {
  if (count < 8 || at + count > source_bytes) return {{0, 0, count}};
  const std::uint64_t half = count / 2;
  const std::uint64_t literal = count / 8;
  return {{at, half - literal, literal}, {at + half, count - half - literal, literal}};
}

}  // namespace

void append_difference(ByteSpan source, ByteSpan target, ChunkContent* content) {
  for (std::size_t i = 0; i < target.size();) {
    const auto value = static_cast<std::uint8_t>(target[i] - source[i]);
    (*content)[Column::diff_values].push_back(value);
    std::size_t run = 1;
    if (value == 0) {
      while (i + run < target.size() && target[i + run] == source[i + run]) ++run;
      append_varint(&(*content)[Column::zero_runs], run - 1);
    }
    i += run;
  }
}

ChunkContent make_content(ByteSpan source, ByteSpan target, std::span<const Piece> pieces) {
  ChunkContent content;
  std::uint64_t position = pieces.empty() ? 0 : pieces.front().source_offset;
  content.source_position = position;
  std::size_t at = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    if (i != 0) {
      append_zigzag(&content[Column::source_seeks], piece.source_offset - position);
      position = piece.source_offset;
    }
    append_varint(&content[Column::copy_lengths], piece.copy_bytes);
    append_varint(&content[Column::extra_lengths], piece.extra_bytes);
    append_difference(source.subspan(position, piece.copy_bytes),
                      target.subspan(at, piece.copy_bytes), &content);
    at += piece.copy_bytes;
    append(&content[Column::extra], target.subspan(at, piece.extra_bytes));
    at += piece.extra_bytes;
    position += piece.copy_bytes;
  }
  require(at == target.size(), "the pieces do not fill the chunk");
  return content;
}

Bytes zstd_frame(ByteSpan raw) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Bytes frame(ZSTD_compressBound(raw.size()));
  ZSTD_CCtx_setParameter(context, ZSTD_c_format, ZSTD_f_zstd1_magicless);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 24);
  const std::size_t bytes =
      ZSTD_compress2(context, frame.data(), frame.size(), raw.data(), raw.size());
  ZSTD_freeCCtx(context);
  require(!ZSTD_isError(bytes), "zstd failed");
  frame.resize(bytes);
  return frame;
}

Chunk encode_chunk(const ChunkContent& content, std::uint64_t target_bytes, Coding coding) {
  ChunkHeader header;
  header.source_position = content.source_position;
  Bytes body;
  for (std::size_t i = 0; i < column_count; ++i) {
    const Bytes& raw = content.columns[i];
    const Bytes frame = coding == Coding::zstd ? zstd_frame(raw) : raw;
    const Bytes& stored = frame.size() < raw.size() ? frame : raw;
    header.columns[i].raw_bytes = static_cast<std::uint32_t>(raw.size());
    header.columns[i].stored_bytes = static_cast<std::uint32_t>(stored.size());
    append(&body, stored);
  }
  Chunk chunk;
  chunk.bytes = written_by([&](ByteWriter* writer) { encode_chunk_header(header, writer); });
  append(&chunk.bytes, body);
  chunk.target_bytes = target_bytes;
  chunk.decoded_bytes = header.decoded_bytes();
  return chunk;
}

Chunk encode_context_chunk(ByteSpan source, ByteSpan target, std::span<const Piece> pieces,
                           std::uint8_t unit_bytes) {
  const std::uint64_t begin = pieces.empty() ? 0 : pieces.front().source_offset;
  ContextStream stream(source, {unit_bytes, begin});
  std::size_t at = 0;
  for (const Piece& piece : pieces) {
    if (at != 0) stream.seek(piece.source_offset);
    stream.copy(target.subspan(at, piece.copy_bytes));
    at += piece.copy_bytes;
    if (at == target.size()) break;
    stream.literals(target.subspan(at, piece.extra_bytes));
    at += piece.extra_bytes;
  }
  require(at == target.size(), "the pieces do not fill the chunk");
  return {stream.finish(), target.size(), 0};
}

Payload make_payload(std::span<const Chunk> chunks) { return PayloadMaker(chunks).make(); }

Payload with_map(Payload payload, ByteSpan map, std::size_t step_count) {
  payload.bytes.insert(payload.bytes.begin(), map.begin(), map.end());
  payload.map = {static_cast<std::uint32_t>(map.size()), static_cast<std::uint32_t>(step_count),
                 digest_of(DigestDomain::map, map)};
  for (std::uint64_t& offset : payload.chunk_offsets) offset += map.size();
  return payload;
}

std::vector<Chunk> make_chunks(const PackagePlan& plan) {
  std::vector<Chunk> chunks;
  const ByteSpan target(plan.target);
  const Bytes source = plan.map ? reference_rebase(plan.source, *plan.map) : plan.source;
  for (std::size_t at = 0; at < target.size(); at += plan.chunk_bytes) {
    const std::size_t count = std::min<std::size_t>(plan.chunk_bytes, target.size() - at);
    const std::vector<Piece> pieces = pieces_for(at, count, plan.source.size());
    const ByteSpan part = target.subspan(at, count);
    if (plan.coding == Coding::context) {
      chunks.push_back(encode_context_chunk(source, part, pieces, 4));
    } else {
      const ChunkContent content = make_content(source, part, pieces);
      chunks.push_back(encode_chunk(content, count, plan.coding));
    }
  }
  return chunks;
}

ImageIdentity identity_of(ByteSpan image, std::string_view version) {
  ImageIdentity identity;
  require(identity.version.assign(version), "version too long");
  identity.bytes = image.size();
  identity.digest = digest_of(DigestDomain::image, image);
  return identity;
}

Manifest make_manifest(const PackagePlan& plan, std::span<const Chunk> chunks,
                       const Payload& payload) {
  Manifest manifest;
  require(manifest.package_id.assign(plan.package_id), "package id too long");
  manifest.target = identity_of(plan.target, plan.target_version);
  manifest.target_checksum = checksum_of(plan.target);
  if (plan.is_delta || !plan.source.empty()) {
    manifest.sources[0] = identity_of(plan.source, plan.source_version);
    manifest.source_count = 1;
  }
  manifest.codec = plan.coding == Coding::context ? Codec::context : Codec::zstd;
  manifest.payload_bytes = payload.bytes.size();
  manifest.map = payload.map;
  manifest.chunk_count = static_cast<std::uint32_t>(chunks.size());
  manifest.tree_root = payload.root;
  for (const Chunk& chunk : chunks) {
    manifest.chunk_stored_bytes_max =
        std::max(manifest.chunk_stored_bytes_max, static_cast<std::uint32_t>(chunk.bytes.size()));
    manifest.chunk_decoded_bytes_max =
        std::max(manifest.chunk_decoded_bytes_max, static_cast<std::uint32_t>(chunk.decoded_bytes));
  }
  manifest.group_bytes = plan.group_bytes;
  manifest.erase_block_bytes = plan.erase_block_bytes;
  manifest.order = plan.order;
  manifest.may_downgrade = plan.may_downgrade;
  manifest.role = plan.role;
  manifest.device = plan.device;
  manifest.budgets.ram_bytes = arena_bytes_needed(manifest);
  manifest.budgets.flash_write_bytes = plan.target.size();
  return manifest;
}

Bytes make_head(const Manifest& manifest, std::span<const TestKey> keys) {
  Bytes head = written_by([&](ByteWriter* writer) { encode_signed_part(manifest, writer); });
  SignatureList list;
  const Digest digest = signed_part_digest(head);
  for (const TestKey& key : keys) require(list.insert(sign(key, digest)), "too many keys");
  append(&head, written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); }));
  return head;
}

MadePackage assemble(const Manifest& manifest, Payload payload, std::span<const TestKey> keys) {
  MadePackage package;
  package.file = make_head(manifest, keys);
  package.head_bytes = package.file.size();
  append(&package.file, payload.bytes);
  package.manifest = manifest;
  package.payload = std::move(payload);
  return package;
}

MadePackage make_package(const PackagePlan& plan) { return make_package(plan, make_chunks(plan)); }

MadePackage make_package(const PackagePlan& plan, std::span<const Chunk> chunks) {
  Payload payload = make_payload(chunks);
  if (plan.map) {
    payload = with_map(std::move(payload), coded_map(*plan.map), plan.map->step_count());
  }
  const Manifest manifest = make_manifest(plan, chunks, payload);
  const TestKey key = test_key(1);
  return assemble(manifest, std::move(payload), {&key, 1});
}

}  // namespace romdelta::test
