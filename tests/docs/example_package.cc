#include "example_package.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <numeric>

#include "format/chunk.h"
#include "format/hash_tree.h"

namespace romdelta::docs_test {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Copy 6 bytes at 9 ("v1.0.0" with 1 added to its fourth byte), literals ": "; copy 9 at 0,
// literals "ok"; copy 1 at 15. The second zero run spans all three copies.
Bytes make_chunk() {
  const std::array<Bytes, column_count> columns = {{
      {6, 9, 1},            // copy_lengths
      {2, 2, 0},            // extra_lengths
      {29, 12},             // source_seeks: -15, +6
      {0, 1, 0},            // diff_values
      {2, 11},              // zero_runs: 3 and 12 equal bytes
      {':', ' ', 'o', 'k'}  // extra
  }};
  ChunkHeader header;
  header.source_position = 9;
  for (std::size_t i = 0; i < column_count; ++i) {
    header.columns[i].raw_bytes = static_cast<std::uint32_t>(columns[i].size());
    header.columns[i].stored_bytes = header.columns[i].raw_bytes;
  }
  Bytes chunk(chunk_header_bytes_max);
  ByteWriter writer(chunk);
  encode_chunk_header(header, &writer);
  chunk.resize(writer.offset());
  for (const Bytes& column : columns) chunk.insert(chunk.end(), column.begin(), column.end());
  return chunk;
}

ImageIdentity identity_of(std::string_view image, std::string_view version) {
  ImageIdentity identity;
  EXPECT_TRUE(identity.version.assign(version));
  identity.bytes = image.size();
  identity.digest = digest_of(DigestDomain::image, bytes_of(image));
  return identity;
}

Manifest make_manifest(ByteSpan node, ByteSpan chunk) {
  Manifest m;
  EXPECT_TRUE(m.package_id.assign("com.example.boot"));
  m.target = identity_of(example_target, "1.1.0");
  m.target_checksum = checksum_of(bytes_of(example_target));
  m.sources[0] = identity_of(example_source, "1.0.0");
  m.source_count = 1;
  m.payload_bytes = node.size() + chunk.size();
  m.chunk_count = 1;
  m.tree_root = tree_node_digest(node, 0, 0);
  m.chunk_stored_bytes_max = static_cast<std::uint32_t>(chunk.size());
  m.chunk_decoded_bytes_max = 0;
  m.group_bytes = example_erase_block_bytes;
  m.erase_block_bytes = example_erase_block_bytes;
  m.budgets.ram_bytes = arena_bytes_needed(m);
  m.budgets.journal_bytes = 2 * 64;  // intent and done
  m.budgets.flash_write_bytes = example_erase_block_bytes;
  m.budgets.erase_count = 1;
  m.budgets.redo_bytes = example_target.size();
  EXPECT_TRUE(m.device.vendor.assign("example"));
  EXPECT_TRUE(m.device.model.assign("x1"));
  m.device.has_hardware_range = true;
  m.device.hardware_min = 1;
  m.device.hardware_max = 3;
  m.order.security_counter = 1;
  EXPECT_TRUE(m.encoder.assign("by hand"));
  return m;
}

}  // namespace

std::vector<std::uint8_t> example_key_seed() {
  std::vector<std::uint8_t> seed(crypto_sign_SEEDBYTES);
  std::iota(seed.begin(), seed.end(), std::uint8_t{0});
  return seed;
}

ExamplePackage make_example_package() {
  const Bytes chunk = make_chunk();
  Bytes node(TreeEntry::bytes);
  ByteWriter node_writer(node);
  encode_tree_entry({chunk.size(), example_target.size(), chunk_digest(chunk, 0)}, &node_writer);

  ExamplePackage package;
  package.manifest = make_manifest(node, chunk);
  package.bytes.resize(limits::head_bytes_max);
  ByteWriter writer(package.bytes);
  encode_signed_part(package.manifest, &writer);
  package.manifest_digest = signed_part_digest(writer.written());

  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  EXPECT_EQ(crypto_sign_seed_keypair(package.public_key.value.data(), secret.data(),
                                     example_key_seed().data()),
            0);
  package.public_key.id.value = {'E', 'X', 'A', 'M', 'P', 'L', 'E', '1'};
  Signature signature;
  signature.key_id = package.public_key.id;
  EXPECT_EQ(
      crypto_sign_detached(signature.value.data(), nullptr, package.manifest_digest.value.data(),
                           Digest::bytes, secret.data()),
      0);
  SignatureList signatures;
  EXPECT_TRUE(signatures.insert(signature));
  encode_signature_list(signatures, &writer);
  EXPECT_TRUE(writer.ok());
  package.bytes.resize(writer.offset());
  package.bytes.insert(package.bytes.end(), node.begin(), node.end());
  package.bytes.insert(package.bytes.end(), chunk.begin(), chunk.end());
  return package;
}

std::vector<HexNote> example_package_notes() {
  return {
      {8, "header: magic"},
      {2, "format_version 1"},
      {2, "document_kind 1, package"},
      {4, "manifest_bytes 308"},
      {4, "field 0x0001 package_id, 16 bytes"},
      {16, "\"com.example.boot\""},
      {4, "field 0x0002 layout, 1 byte"},
      {1, "0, ab"},
      {4, "field 0x0003 codec, 1 byte"},
      {1, "1, zstd"},
      {4, "field 0x0004 target, 53 bytes"},
      {8, "checksum"},
      {8, "image_bytes 20"},
      {32, "digest, domain image"},
      {5, "version \"1.1.0\""},
      {4, "field 0x0005 source, 45 bytes"},
      {8, "image_bytes 16"},
      {32, "digest, domain image"},
      {5, "version \"1.0.0\""},
      {4, "field 0x0006 payload, 44 bytes"},
      {8, "payload_bytes 78"},
      {4, "chunk_count 1"},
      {32, "tree_root: the node at 0x0190"},
      {4, "field 0x0007 geometry, 16 bytes"},
      {4, "chunk_stored_bytes_max 30"},
      {4, "chunk_decoded_bytes_max 0"},
      {4, "group_bytes 4096"},
      {4, "erase_block_bytes 4096"},
      {4, "field 0x0008 budgets, 48 bytes"},
      {8, "ram_bytes 110,704"},
      {8, "scratch_bytes 0"},
      {8, "journal_bytes 128"},
      {8, "flash_write_bytes 4096"},
      {8, "erase_count 1"},
      {8, "redo_bytes 20"},
      {4, "field 0x0009 vendor, 7 bytes"},
      {7, "\"example\""},
      {4, "field 0x000a model, 2 bytes"},
      {2, "\"x1\""},
      {4, "field 0x000b hardware, 8 bytes"},
      {4, "hardware_min 1"},
      {4, "hardware_max 3"},
      {4, "field 0x000c security_counter, 8 bytes"},
      {8, "1"},
      {4, "field 0x8001 encoder, 7 bytes"},
      {7, "\"by hand\""},
      {2, "signature list: count 1"},
      {2, "reserved"},
      {8, "key id \"EXAMPLE1\""},
      {64, "Ed25519 over the manifest digest"},
      {8, "payload: root node, entry 0: payload_bytes 30"},
      {8, "target_bytes 20"},
      {32, "digest of chunk 0"},
      {1, "chunk 0: source_position 9"},
      {2, "copy_lengths: 3 bytes, stored"},
      {2, "extra_lengths: 3 bytes, stored"},
      {2, "source_seeks: 2 bytes, stored"},
      {2, "diff_values: 3 bytes, stored"},
      {2, "zero_runs: 2 bytes, stored"},
      {2, "extra: 4 bytes, stored"},
      {3, "copy_lengths: 6, 9, 1"},
      {3, "extra_lengths: 2, 2, 0"},
      {2, "source_seeks: -15, +6"},
      {3, "diff_values: run, +1, run"},
      {2, "zero_runs: 3, 12"},
      {4, "extra: \": ok\""},
  };
}

}  // namespace romdelta::docs_test
