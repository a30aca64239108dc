// ChunkTree: finds and authenticates the structures of a payload, one after the other.
//
// It says which node or chunk must come next, where it lies in the package, and whether the bytes
// presented are the signed ones. In stream order that is the order of the file; after seek() it is
// the shortest way to one chunk. docs/format.md section 6.
#pragma once

#include <array>
#include <cstdint>

#include "format/hash_tree.h"
#include "format/manifest.h"
#include "format/status.h"
#include "installer/arena.h"

namespace romdelta {

class ChunkTree {
 public:
  // Takes one node buffer a level from the arena (counted in arena_bytes_needed). `payload_offset`
  // is where the payload begins in the package. arena_too_small.
  Status begin(const Manifest& manifest, std::uint64_t payload_offset, Arena* arena);

  // Makes `chunk` the next one. Requires: chunk <= chunk_count. Nodes already held are kept.
  void seek(std::uint32_t chunk) { chunk_ = chunk; }
  std::uint32_t chunk() const { return chunk_; }
  bool done() const { return chunk_ == chunk_count_; }

  // The structure that must come next. Requires: !done().
  struct Wanted {
    bool is_node = false;
    unsigned level = 0;              // Of a node.
    std::uint64_t offset_bytes = 0;  // In the package.
    std::uint64_t bytes = 0;
    std::uint64_t target_offset = 0;  // Of a chunk: where its output begins, and
    std::uint64_t target_bytes = 0;   // how long it is.
  };
  Wanted wanted() const;

  // Where the caller collects the bytes of a wanted node.
  MutableByteSpan node_buffer(unsigned level) { return nodes_[level].buffer; }
  // Checks the node collected in node_buffer(wanted.level). Fails as check_tree_node does.
  Status accept_node(const Wanted& wanted);
  // Checks a chunk and moves on to the next. corrupt_chunk.
  Status accept_chunk(ByteSpan bytes);

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  struct Node {
    MutableByteSpan buffer;
    std::uint64_t index = kNone;      // Which node of its level is held.
    std::uint64_t offset_bytes = 0;   // Where it lies in the package.
    std::uint64_t target_offset = 0;  // Where its output begins.
  };
  // A child's entry and place, from the node that holds it.
  struct Child {
    TreeEntry entry;
    std::uint64_t offset_bytes = 0;
    std::uint64_t target_offset = 0;
  };
  Child child_of(unsigned level, std::size_t child) const;
  // The child that is, or leads to, the current chunk: of the root when level is depth_.
  Child path_child(unsigned level) const;

  std::uint32_t chunk_count_ = 0;
  unsigned depth_ = 0;
  std::uint32_t chunk_ = 0;
  Child root_;
  std::array<Node, limits::tree_depth_max> nodes_;
};

}  // namespace romdelta
