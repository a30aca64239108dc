#include "installer/chunk_tree.h"

namespace romdelta {

Status ChunkTree::begin(const Manifest& manifest, std::uint64_t payload_offset, Arena* arena) {
  *this = ChunkTree{};
  chunk_count_ = manifest.chunk_count;
  depth_ = tree_depth(chunk_count_);
  // Map and plan lie in front of the tree.
  const std::uint64_t front_bytes = std::uint64_t{manifest.map.bytes} + manifest.plan.bytes;
  root_ = {{manifest.payload_bytes - front_bytes, manifest.output_bytes(), manifest.tree_root},
           payload_offset + front_bytes,
           0};
  for (unsigned level = 0; level < depth_; ++level) {
    const std::size_t bytes = tree_node_bytes_max(chunk_count_);
    if (!arena->allocate(bytes, &nodes_[level].buffer)) return Status::arena_too_small;
  }
  return Status::ok;
}

ChunkTree::Child ChunkTree::child_of(unsigned level, std::size_t child) const {
  const Node& node = nodes_[level];
  Child result;
  result.offset_bytes = node.offset_bytes + tree_node_bytes(chunk_count_, level, node.index);
  result.target_offset = node.target_offset;
  for (std::size_t i = 0; i < child; ++i) {
    const TreeEntry entry = tree_entry(node.buffer, i);
    result.offset_bytes += entry.payload_bytes;
    result.target_offset += entry.target_bytes;
  }
  result.entry = tree_entry(node.buffer, child);
  return result;
}

ChunkTree::Child ChunkTree::path_child(unsigned level) const {
  if (level == depth_) return root_;
  const std::uint64_t below = level == 0 ? 1 : chunks_below(level - 1);
  return child_of(level, static_cast<std::size_t>(chunk_ / below % limits::tree_fanout));
}

ChunkTree::Wanted ChunkTree::wanted() const {
  Wanted result;
  for (unsigned level = depth_; level-- > 0;) {
    const std::uint64_t index = chunk_ / chunks_below(level);
    if (nodes_[level].index == index) continue;
    result.is_node = true;
    result.level = level;
    result.offset_bytes = path_child(level + 1).offset_bytes;
    result.bytes = tree_node_bytes(chunk_count_, level, index);
    return result;
  }
  const Child chunk = path_child(0);
  result.offset_bytes = chunk.offset_bytes;
  result.bytes = chunk.entry.payload_bytes;
  result.target_offset = chunk.target_offset;
  result.target_bytes = chunk.entry.target_bytes;
  return result;
}

Status ChunkTree::accept_node(const Wanted& wanted) {
  const std::uint64_t index = chunk_ / chunks_below(wanted.level);
  const Child expected = path_child(wanted.level + 1);
  Node& node = nodes_[wanted.level];
  node.index = kNone;  // Its buffer holds the new bytes already.
  const ByteSpan bytes = node.buffer.first(static_cast<std::size_t>(wanted.bytes));
  const Status status = check_tree_node(bytes, wanted.level, index, expected.entry);
  if (status != Status::ok) return status;
  node.index = index;
  node.offset_bytes = expected.offset_bytes;
  node.target_offset = expected.target_offset;
  // What lies below described other chunks.
  for (unsigned level = 0; level < wanted.level; ++level) nodes_[level].index = kNone;
  return Status::ok;
}

Status ChunkTree::accept_chunk(ByteSpan bytes) {
  if (chunk_digest(bytes, chunk_) != path_child(0).entry.digest) return Status::corrupt_chunk;
  ++chunk_;
  return Status::ok;
}

}  // namespace romdelta
