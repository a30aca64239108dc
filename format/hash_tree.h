// The hash tree over the chunks: how a payload is laid out and authenticated.
//
// A node lists up to 64 children; leaves are chunks. Nodes lie in the payload in pre-order, each
// right before its first child, so a device that streams meets every digest before the bytes that
// it vouches for, and one that can seek reaches any chunk by reading one node a level.
// docs/format.md section 6.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/bytes.h"
#include "format/digest.h"
#include "format/limits.h"
#include "format/status.h"

namespace romdelta {

// One child of a node.
struct TreeEntry {
  static constexpr std::size_t bytes = 48;
  std::uint64_t payload_bytes = 0;  // The child's nodes and chunks together.
  std::uint64_t target_bytes = 0;   // What they produce.
  Digest digest;
};

// Levels of nodes above `chunk_count` chunks: 1 to limits::tree_depth_max; 0 without chunks. Level
// 0 holds the nodes whose children are chunks, level depth - 1 the root.
constexpr unsigned tree_depth(std::uint32_t chunk_count) {
  unsigned depth = 0;
  for (std::uint64_t reach = 1; chunk_count > 0 && (depth == 0 || reach < chunk_count); ++depth) {
    reach *= limits::tree_fanout;
  }
  return depth;
}

// Chunks below one full node of `level`.
constexpr std::uint64_t chunks_below(unsigned level) {
  std::uint64_t chunks = limits::tree_fanout;
  for (unsigned i = 0; i < level; ++i) chunks *= limits::tree_fanout;
  return chunks;
}

// Nodes of `level`; all but the last of a level are full.
constexpr std::uint64_t tree_node_count(std::uint32_t chunk_count, unsigned level) {
  const std::uint64_t below = chunks_below(level);
  return (chunk_count + below - 1) / below;
}

// Children of node `index` of `level`.
constexpr std::size_t tree_child_count(std::uint32_t chunk_count, unsigned level,
                                       std::uint64_t index) {
  const std::uint64_t children =
      level == 0 ? std::uint64_t{chunk_count} : tree_node_count(chunk_count, level - 1);
  const std::uint64_t first = index * limits::tree_fanout;
  const std::uint64_t left = children - first;
  return left < limits::tree_fanout ? static_cast<std::size_t>(left) : limits::tree_fanout;
}

constexpr std::size_t tree_node_bytes(std::uint32_t chunk_count, unsigned level,
                                      std::uint64_t index) {
  return tree_child_count(chunk_count, level, index) * TreeEntry::bytes;
}

// The largest node of the tree: what a device sets aside for each level.
constexpr std::size_t tree_node_bytes_max(std::uint32_t chunk_count) {
  const std::size_t children =
      chunk_count < limits::tree_fanout ? chunk_count : limits::tree_fanout;
  return children * TreeEntry::bytes;
}

// All nodes of the tree together.
constexpr std::uint64_t tree_bytes_total(std::uint32_t chunk_count) {
  std::uint64_t entries = chunk_count;
  for (unsigned level = 0; level + 1 < tree_depth(chunk_count); ++level) {
    entries += tree_node_count(chunk_count, level);
  }
  return chunk_count == 0 ? 0 : entries * TreeEntry::bytes;
}

// Entry `child` of an encoded node. Requires: the node has more than `child` entries.
TreeEntry tree_entry(ByteSpan node, std::size_t child);
void encode_tree_entry(const TreeEntry& entry, ByteWriter* writer);

// The digest of an encoded node at its place.
Digest tree_node_digest(ByteSpan node, unsigned level, std::uint64_t index);
Digest chunk_digest(ByteSpan chunk, std::uint32_t index);

// Checks a node against the entry that vouches for it: its digest, and that the sizes of its
// children add up to the sizes of the whole. corrupt_chunk when the digest differs,
// malformed_chunk when an authentic node does not add up.
Status check_tree_node(ByteSpan node, unsigned level, std::uint64_t index,
                       const TreeEntry& expected);

}  // namespace romdelta
