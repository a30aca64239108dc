#include "tests/hostile/forgery.h"

#include <algorithm>
#include <stdexcept>

namespace romdelta::test {

Forgery::Forgery(ByteSpan package) {
  PackageHead head;
  if (inspect_head(package, &head) != Status::ok || tree_depth(head.manifest.chunk_count) > 1) {
    throw std::logic_error("not a package to forge");
  }
  manifest = head.manifest;
  map = to_bytes(package.subspan(head.head_bytes, manifest.map.bytes));
  payload_ = to_bytes(package.subspan(head.head_bytes + map.size()));
  std::size_t at = tree_node_bytes(manifest.chunk_count, 0, 0);
  for (const TreeEntry& found : entries()) {
    Chunk chunk;
    chunk.bytes = to_bytes(ByteSpan(payload_).subspan(at, found.payload_bytes));
    chunk.target_bytes = found.target_bytes;
    at += chunk.bytes.size();
    chunks.push_back(std::move(chunk));
  }
}

std::vector<TreeEntry> Forgery::entries() const {
  std::vector<TreeEntry> result;
  for (std::uint32_t i = 0; i < manifest.chunk_count; ++i) {
    result.push_back(tree_entry(payload_, i));
  }
  return result;
}

Payload Forgery::payload_of_chunks() const {
  Payload payload = make_payload(chunks);
  return map.empty() ? payload : with_map(std::move(payload), map, manifest.map.step_count);
}

Manifest Forgery::filled_manifest(const Payload& payload) const {
  Manifest filled = manifest;
  filled.payload_bytes = payload.bytes.size();
  filled.map = payload.map;
  filled.chunk_count = static_cast<std::uint32_t>(chunks.size());
  filled.tree_root = payload.root;
  for (const Chunk& chunk : chunks) {
    filled.chunk_stored_bytes_max =
        std::max(filled.chunk_stored_bytes_max, static_cast<std::uint32_t>(chunk.bytes.size()));
  }
  filled.budgets.ram_bytes = arena_bytes_needed(filled);
  return filled;
}

Bytes Forgery::seal() const {
  const TestKey key = test_key(1);
  const Payload payload = payload_of_chunks();
  return assemble(filled_manifest(payload), payload, {&key, 1}).file;
}

Bytes Forgery::seal_with_entries(std::span<const TreeEntry> entries) const {
  Payload payload = payload_of_chunks();
  const Bytes node = written_by([&](ByteWriter* writer) {
    for (const TreeEntry& entry : entries) encode_tree_entry(entry, writer);
  });
  std::ranges::copy(node, payload.bytes.begin() + static_cast<std::ptrdiff_t>(map.size()));
  payload.root = tree_node_digest(node, 0, 0);
  const TestKey key = test_key(1);
  return assemble(filled_manifest(payload), payload, {&key, 1}).file;
}

Bytes Forgery::seal_manifest_only() const {
  const Bytes signed_part =
      written_by([&](ByteWriter* writer) { encode_signed_part(manifest, writer); });
  return sign_parts(signed_part, concat({map, payload_}));
}

Bytes sign_parts(ByteSpan signed_part, ByteSpan payload, std::span<const TestKey> keys) {
  SignatureList list;
  const Digest digest = signed_part_digest(signed_part);
  for (const TestKey& key : keys) {
    if (!list.insert(sign(key, digest))) throw std::logic_error("too many keys");
  }
  const Bytes list_bytes =
      written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); });
  return concat({signed_part, list_bytes, payload});
}

Bytes sign_parts(ByteSpan signed_part, ByteSpan payload) {
  const TestKey key = test_key(1);
  return sign_parts(signed_part, payload, {&key, 1});
}

Bytes with_header(ByteSpan manifest) {
  const Bytes sample =
      written_by([](ByteWriter* writer) { encode_signed_part(Manifest{}, writer); });
  const Bytes size = written_by(
      [&](ByteWriter* writer) { writer->u32(static_cast<std::uint32_t>(manifest.size())); });
  return concat({ByteSpan(sample).first(package_header_bytes - size.size()), size, manifest});
}

Bytes forged_chunk(std::uint64_t source_position,
                   const std::array<ForgedColumn, column_count>& columns, ByteSpan body) {
  Bytes bytes = varint(source_position);
  for (const ForgedColumn& column : columns) {
    append(&bytes, varint(column.raw_bytes));
    if (column.raw_bytes != 0) append(&bytes, varint(column.coded_bytes));
  }
  append(&bytes, body);
  return bytes;
}

Bytes varint(std::uint64_t value) {
  return written_by([&](ByteWriter* writer) { writer->varint(value); });
}

Bytes zigzag(std::int64_t value) {
  return written_by([&](ByteWriter* writer) { writer->zigzag(value); });
}

}  // namespace romdelta::test
