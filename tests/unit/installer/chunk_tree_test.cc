#include "installer/chunk_tree.h"

#include <gtest/gtest.h>

#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

constexpr std::uint64_t kPayloadOffset = 1000;

// A payload of small chunks of unlike sizes, and a tree that walks it.
class Walk {
 public:
  explicit Walk(std::uint32_t chunk_count) {
    for (std::uint32_t i = 0; i < chunk_count; ++i) {
      chunks.push_back({Bytes(1 + i % 3, static_cast<std::uint8_t>(i)), 1 + i % 5, 0});
      manifest.target.bytes += chunks.back().target_bytes;
    }
    payload = make_payload(chunks);
    manifest.chunk_count = chunk_count;
    manifest.payload_bytes = payload.bytes.size();
    manifest.tree_root = payload.root;
    Arena arena(memory);
    EXPECT_EQ(tree.begin(manifest, kPayloadOffset, &arena), Status::ok);
  }

  ByteSpan bytes_of(const ChunkTree::Wanted& wanted) const {
    return ByteSpan(payload.bytes).subspan(wanted.offset_bytes - kPayloadOffset, wanted.bytes);
  }
  Status accept(const ChunkTree::Wanted& wanted, ByteSpan bytes) {
    if (!wanted.is_node) return tree.accept_chunk(bytes);
    copy_bytes(tree.node_buffer(wanted.level).data(), bytes);
    return tree.accept_node(wanted);
  }
  Status accept(const ChunkTree::Wanted& wanted) { return accept(wanted, bytes_of(wanted)); }
  // Accepts nodes until a chunk is wanted; how many there were.
  unsigned take_nodes() {
    unsigned nodes = 0;
    for (; tree.wanted().is_node; ++nodes) {
      EXPECT_EQ(accept(tree.wanted()), Status::ok);
    }
    return nodes;
  }
  std::uint64_t target_offset_of(std::uint32_t chunk) const {
    std::uint64_t offset = 0;
    for (std::uint32_t i = 0; i < chunk; ++i) offset += chunks[i].target_bytes;
    return offset;
  }

  std::vector<Chunk> chunks;
  Payload payload;
  Manifest manifest;
  Bytes memory = Bytes(3 * 3072);
  ChunkTree tree;
};

TEST(ChunkTree, WantsEveryByteOfThePayloadInOrder) {
  for (const std::uint32_t count : {1u, 2u, 63u, 64u, 65u, 129u, 4096u, 4097u}) {
    Walk walk(count);
    std::uint64_t offset = kPayloadOffset;
    std::uint64_t target_offset = 0;
    std::uint32_t chunks = 0;
    while (!walk.tree.done()) {
      const ChunkTree::Wanted wanted = walk.tree.wanted();
      ASSERT_EQ(wanted.offset_bytes, offset);
      offset += wanted.bytes;
      if (!wanted.is_node) {
        ASSERT_EQ(wanted.target_offset, target_offset);
        target_offset += wanted.target_bytes;
        ASSERT_EQ(walk.tree.chunk(), chunks++);
      }
      ASSERT_EQ(walk.accept(wanted), Status::ok);
    }
    EXPECT_EQ(chunks, count);
    EXPECT_EQ(offset, kPayloadOffset + walk.payload.bytes.size());
    EXPECT_EQ(target_offset, walk.manifest.target.bytes);
  }
}

TEST(ChunkTree, FindsAnyChunkByOneNodeALevel) {
  const std::uint32_t count = 4200;
  for (const std::uint32_t chunk : {0u, 1u, 63u, 64u, 4095u, 4096u, 4199u}) {
    Walk walk(count);
    walk.tree.seek(chunk);
    EXPECT_EQ(walk.take_nodes(), 3u);
    const ChunkTree::Wanted wanted = walk.tree.wanted();
    EXPECT_EQ(wanted.offset_bytes, kPayloadOffset + walk.payload.chunk_offsets[chunk]);
    EXPECT_EQ(wanted.bytes, walk.chunks[chunk].bytes.size());
    EXPECT_EQ(wanted.target_offset, walk.target_offset_of(chunk));
    EXPECT_EQ(wanted.target_bytes, walk.chunks[chunk].target_bytes);
    EXPECT_EQ(walk.accept(wanted), Status::ok);
  }
}

TEST(ChunkTree, KeepsTheNodesThatASeekDoesNotLeave) {
  Walk walk(200);
  walk.tree.seek(70);
  EXPECT_EQ(walk.take_nodes(), 2u);
  walk.tree.seek(127);
  EXPECT_EQ(walk.take_nodes(), 0u);
  walk.tree.seek(0);
  EXPECT_EQ(walk.take_nodes(), 1u);
  EXPECT_EQ(walk.accept(walk.tree.wanted()), Status::ok);
  walk.tree.seek(200);
  EXPECT_TRUE(walk.tree.done());
}

TEST(ChunkTree, RefusesANodeWithAnyByteChanged) {
  Walk walk(3);
  const ChunkTree::Wanted wanted = walk.tree.wanted();
  const Bytes node = to_bytes(walk.bytes_of(wanted));
  for (std::size_t i = 0; i < node.size(); ++i) {
    Bytes changed = node;
    changed[i] ^= 0x80;
    ASSERT_EQ(walk.accept(wanted, changed), Status::corrupt_chunk) << i;
  }
  EXPECT_TRUE(walk.tree.wanted().is_node);
  EXPECT_EQ(walk.accept(wanted), Status::ok);
}

TEST(ChunkTree, RefusesAChunkChangedSwappedOrOfAnotherLength) {
  Walk walk(6);
  walk.take_nodes();
  walk.tree.seek(1);
  const Bytes chunk = walk.chunks[1].bytes;
  EXPECT_EQ(walk.tree.accept_chunk(walk.chunks[4].bytes), Status::corrupt_chunk);
  EXPECT_EQ(walk.tree.accept_chunk(ByteSpan(chunk).first(1)), Status::corrupt_chunk);
  EXPECT_EQ(walk.tree.accept_chunk({}), Status::corrupt_chunk);
  EXPECT_EQ(walk.tree.accept_chunk(concat({chunk, Bytes{0}})), Status::corrupt_chunk);
  EXPECT_EQ(walk.tree.chunk(), 1u);
  EXPECT_EQ(walk.tree.accept_chunk(chunk), Status::ok);
  EXPECT_EQ(walk.tree.chunk(), 2u);
}

TEST(ChunkTree, RefusesEqualChunksAtOtherPlaces) {
  // Chunks 0 and 15 hold the same byte count; made the same bytes, their digests still differ.
  Walk walk(16);
  walk.chunks[15].bytes = walk.chunks[0].bytes;
  walk.payload = make_payload(walk.chunks);
  const TreeEntry first = tree_entry(walk.payload.bytes, 0);
  const TreeEntry last = tree_entry(walk.payload.bytes, 15);
  EXPECT_NE(first.digest, last.digest);
}

TEST(ChunkTree, RefusesANodeOfAnotherPlace) {
  Walk walk(128);
  ASSERT_EQ(walk.accept(walk.tree.wanted()), Status::ok);
  Walk other(128);
  other.tree.seek(64);
  ASSERT_EQ(other.accept(other.tree.wanted()), Status::ok);
  const ByteSpan second_node = other.bytes_of(other.tree.wanted());
  EXPECT_EQ(walk.accept(walk.tree.wanted(), second_node), Status::corrupt_chunk);
}

TEST(ChunkTree, ForgetsTheNodeThatARefusedOneReplaced) {
  Walk walk(128);
  walk.take_nodes();
  walk.tree.seek(64);
  const ChunkTree::Wanted wanted = walk.tree.wanted();
  ASSERT_TRUE(wanted.is_node);
  EXPECT_EQ(walk.accept(wanted, Bytes(wanted.bytes, 0xee)), Status::corrupt_chunk);
  walk.tree.seek(0);
  ASSERT_EQ(walk.take_nodes(), 1u);
  EXPECT_EQ(walk.accept(walk.tree.wanted()), Status::ok);
}

TEST(ChunkTree, TakesExactlyTheArenaThatTheManifestCounts) {
  for (const std::uint32_t count : {1u, 64u, 65u, 4097u}) {
    const std::size_t needed = tree_depth(count) * tree_node_bytes_max(count);
    Bytes memory(needed);
    Manifest manifest;
    manifest.chunk_count = count;
    ChunkTree tree;
    Arena enough(memory);
    EXPECT_EQ(tree.begin(manifest, 0, &enough), Status::ok);
    EXPECT_EQ(enough.used_bytes(), needed);
    Arena short_of_one(MutableByteSpan(memory).first(needed - 1));
    EXPECT_EQ(tree.begin(manifest, 0, &short_of_one), Status::arena_too_small);
  }
}

}  // namespace
}  // namespace romdelta::test
