#include "format/hash_tree.h"

#include <gtest/gtest.h>

#include "tests/support/package_maker.h"

namespace romdelta::test {
namespace {

struct Shape {
  std::uint32_t chunks;
  unsigned depth;
  std::uint64_t nodes[3];  // Of each level.
};

constexpr Shape kShapes[] = {
    {1, 1, {1}},        {2, 1, {1}},           {63, 1, {1}},
    {64, 1, {1}},       {65, 2, {2, 1}},       {4095, 2, {64, 1}},
    {4096, 2, {64, 1}}, {4097, 3, {65, 2, 1}}, {262144, 3, {4096, 64, 1}},
};

// A node of two chunks, and the entry that vouches for it at its place.
Bytes two_children(std::uint64_t payload_bytes, std::uint64_t target_bytes) {
  return written_by([&](ByteWriter* writer) {
    encode_tree_entry({payload_bytes, target_bytes, {}}, writer);
    encode_tree_entry({10, 20, {}}, writer);
  });
}

Status check(const Bytes& node, std::uint64_t payload_bytes, std::uint64_t target_bytes) {
  const TreeEntry expected = {payload_bytes, target_bytes, tree_node_digest(node, 0, 3)};
  return check_tree_node(node, 0, 3, expected);
}

TEST(HashTree, HasTheShapeOfItsChunkCount) {
  EXPECT_EQ(tree_depth(0), 0u);
  EXPECT_EQ(tree_bytes_total(0), 0u);
  for (const Shape& shape : kShapes) {
    EXPECT_EQ(tree_depth(shape.chunks), shape.depth) << shape.chunks;
    for (unsigned level = 0; level < shape.depth; ++level) {
      EXPECT_EQ(tree_node_count(shape.chunks, level), shape.nodes[level]) << shape.chunks;
    }
  }
}

TEST(HashTree, HasOneEntryForEveryChunkAndEveryNodeBelowTheRoot) {
  for (const Shape& shape : kShapes) {
    std::uint64_t bytes = 0;
    for (unsigned level = 0; level < shape.depth; ++level) {
      std::uint64_t children = 0;
      for (std::uint64_t i = 0; i < shape.nodes[level]; ++i) {
        const std::size_t count = tree_child_count(shape.chunks, level, i);
        ASSERT_GE(count, 1u);
        ASSERT_LE(tree_node_bytes(shape.chunks, level, i), tree_node_bytes_max(shape.chunks));
        const bool is_last = i + 1 == shape.nodes[level];
        ASSERT_TRUE(is_last || count == limits::tree_fanout);
        children += count;
        bytes += tree_node_bytes(shape.chunks, level, i);
      }
      EXPECT_EQ(children, level == 0 ? shape.chunks : shape.nodes[level - 1]);
    }
    EXPECT_EQ(tree_bytes_total(shape.chunks), bytes) << shape.chunks;
  }
}

TEST(HashTree, ReachesTheLargestChunkCountWithThreeLevels) {
  EXPECT_EQ(chunks_below(0), 64u);
  EXPECT_EQ(chunks_below(1), 4096u);
  EXPECT_EQ(chunks_below(2), limits::chunk_count_max);
  EXPECT_EQ(tree_depth(limits::chunk_count_max), limits::tree_depth_max);
}

TEST(TreeEntry, ReadsBackWhatItWrites) {
  TreeEntry entry{0x0102030405060708, 0x1112131415161718, {}};
  entry.digest.value.fill(0x77);
  const Bytes node = written_by([&](ByteWriter* writer) {
    encode_tree_entry({}, writer);
    encode_tree_entry(entry, writer);
  });
  ASSERT_EQ(node.size(), 2 * TreeEntry::bytes);
  const TreeEntry parsed = tree_entry(node, 1);
  EXPECT_EQ(parsed.payload_bytes, entry.payload_bytes);
  EXPECT_EQ(parsed.target_bytes, entry.target_bytes);
  EXPECT_EQ(parsed.digest, entry.digest);
}

TEST(TreeDigest, DependsOnThePlace) {
  const Bytes bytes(96, 1);
  EXPECT_NE(tree_node_digest(bytes, 0, 0), tree_node_digest(bytes, 0, 1));
  EXPECT_NE(tree_node_digest(bytes, 0, 1), tree_node_digest(bytes, 1, 1));
  EXPECT_NE(chunk_digest(bytes, 0), chunk_digest(bytes, 1));
  EXPECT_NE(chunk_digest(bytes, 0), tree_node_digest(bytes, 0, 0));
}

TEST(CheckTreeNode, AcceptsChildrenThatAddUp) {
  const Bytes node = two_children(5, 7);
  EXPECT_EQ(check(node, node.size() + 5 + 10, 7 + 20), Status::ok);
}

TEST(CheckTreeNode, RefusesChildrenThatDoNotAddUp) {
  const Bytes node = two_children(5, 7);
  EXPECT_EQ(check(node, node.size() + 16, 27), Status::malformed_chunk);
  EXPECT_EQ(check(node, node.size() + 14, 27), Status::malformed_chunk);
  EXPECT_EQ(check(node, node.size() + 15, 26), Status::malformed_chunk);
  EXPECT_EQ(check(node, 15, 27), Status::malformed_chunk);
}

TEST(CheckTreeNode, RefusesEmptyChildren) {
  EXPECT_EQ(check(two_children(0, 7), 96 + 10, 27), Status::malformed_chunk);
  EXPECT_EQ(check(two_children(5, 0), 96 + 15, 20), Status::malformed_chunk);
}

TEST(CheckTreeNode, RefusesSumsThatWrap) {
  const std::uint64_t most = ~std::uint64_t{0};
  EXPECT_EQ(check(two_children(most - 9 - 96 + 15, 7), 15, 27), Status::malformed_chunk);
  EXPECT_EQ(check(two_children(5, most - 19 + 3), 96 + 15, 3), Status::malformed_chunk);
}

TEST(CheckTreeNode, RefusesEveryChangedByteAndEveryOtherPlace) {
  const Bytes node = two_children(5, 7);
  const TreeEntry expected = {96 + 15, 27, tree_node_digest(node, 1, 3)};
  ASSERT_EQ(check_tree_node(node, 1, 3, expected), Status::ok);
  for (std::size_t i = 0; i < node.size(); ++i) {
    Bytes changed = node;
    changed[i] ^= 1;
    ASSERT_EQ(check_tree_node(changed, 1, 3, expected), Status::corrupt_chunk);
  }
  EXPECT_EQ(check_tree_node(node, 1, 2, expected), Status::corrupt_chunk);
  EXPECT_EQ(check_tree_node(node, 0, 3, expected), Status::corrupt_chunk);
  EXPECT_EQ(check_tree_node(ByteSpan(node).first(48), 1, 3, expected), Status::corrupt_chunk);
}

}  // namespace
}  // namespace romdelta::test
