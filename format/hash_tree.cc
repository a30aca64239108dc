#include "format/hash_tree.h"

namespace romdelta {

static_assert(chunks_below(limits::tree_depth_max - 1) == limits::chunk_count_max);

TreeEntry tree_entry(ByteSpan node, std::size_t child) {
  ByteReader reader(node.subspan(child * TreeEntry::bytes, TreeEntry::bytes));
  TreeEntry entry;
  entry.payload_bytes = reader.u64();
  entry.target_bytes = reader.u64();
  copy_bytes(entry.digest.value.data(), reader.bytes(Digest::bytes));
  return entry;
}

void encode_tree_entry(const TreeEntry& entry, ByteWriter* writer) {
  writer->u64(entry.payload_bytes);
  writer->u64(entry.target_bytes);
  writer->bytes(entry.digest.value);
}

Digest tree_node_digest(ByteSpan node, unsigned level, std::uint64_t index) {
  return digest_of(DigestDomain::tree_node, node, index, level);
}

Digest chunk_digest(ByteSpan chunk, std::uint32_t index) {
  return digest_of(DigestDomain::chunk, chunk, index);
}

Status check_tree_node(ByteSpan node, unsigned level, std::uint64_t index,
                       const TreeEntry& expected) {
  if (tree_node_digest(node, level, index) != expected.digest) return Status::corrupt_chunk;
  std::uint64_t payload_bytes = node.size();
  std::uint64_t target_bytes = 0;
  for (std::size_t child = 0; child < node.size() / TreeEntry::bytes; ++child) {
    const TreeEntry entry = tree_entry(node, child);
    if (entry.payload_bytes == 0 || entry.target_bytes == 0) return Status::malformed_chunk;
    if (!checked_add(payload_bytes, entry.payload_bytes, &payload_bytes) ||
        !checked_add(target_bytes, entry.target_bytes, &target_bytes)) {
      return Status::malformed_chunk;
    }
  }
  const bool adds_up =
      payload_bytes == expected.payload_bytes && target_bytes == expected.target_bytes;
  return adds_up ? Status::ok : Status::malformed_chunk;
}

}  // namespace romdelta
