#include "pkgtool/encoder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pkgtool/matcher.h"
#include "pkgtool/replay.h"
#include "pkgtool/verifier.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

// Noise: what a chunk can hold of it follows from the device's RAM alone.
struct Images {
  explicit Images(std::uint64_t seed) {
    Random random(seed);
    source = random_bytes(&random, 300 * 1024);
    target = random_bytes(&random, 200 * 1024);
    target.insert(target.end(), source.begin(), source.end());
    for (std::size_t i = 0; i < target.size(); i += 50) target[i] ^= 0x21;
  }
  Bytes source;
  Bytes target;
};

Payload encode(const Images& images, const EncoderOptions& options) {
  const Cover cover = match_images(images.source, images.target, no_progress);
  return encode_payload(images.source, images.target, cover, options, no_progress);
}

EncoderOptions options_of(std::uint64_t ram_bytes, std::uint32_t erase_block_bytes) {
  EncoderOptions options;
  options.ram_bytes_max = ram_bytes;
  options.erase_block_bytes = erase_block_bytes;
  return options;
}

// The chunks of a package made with these options, and what it says about itself.
VerifyResult encode_and_look(const Images& images, const EncoderOptions& options) {
  BuildRequest request = request_of(images.source, images.target);
  request.encoder = options;
  return verify_package(package_of(request), std::nullopt);
}

TEST(Encoder, MakesNoPayloadForAnEmptyTarget) {
  const Payload payload = encode_payload({}, {}, {}, {}, no_progress);
  EXPECT_TRUE(payload.bytes.empty());
  EXPECT_EQ(payload.chunk_count, 0u);
  EXPECT_EQ(payload.redo_bytes, 0u);
  EXPECT_EQ(payload.tree_root, Digest());
}

// It once declared more RAM than --ram allowed: no chunk, no check.
TEST(Encoder, RefusesAnEmptyTargetThatDoesNotFitTheRam) {
  EXPECT_EQ(exit_of([] { (void)encode_payload({}, {}, {}, options_of(4096, 4096), no_progress); }),
            Exit::usage);
}

TEST(Encoder, ChunksFitTheRam) {
  const Images images(1);
  for (const std::uint64_t ram_bytes : {170u << 10, 200u << 10, 256u << 10, 1u << 20, 8u << 20}) {
    const VerifyResult result = encode_and_look(images, options_of(ram_bytes, 4096));
    ASSERT_EQ(result.status, Status::ok);
    const Manifest& manifest = result.head->manifest;
    EXPECT_LE(manifest.budgets.ram_bytes, ram_bytes);
    EXPECT_EQ(manifest.budgets.ram_bytes, arena_bytes_needed(manifest));
    for (const ChunkReport& chunk : result.chunks) {
      EXPECT_LE(chunk.bytes, manifest.chunk_stored_bytes_max);
      EXPECT_LE(chunk.header.decoded_bytes(), manifest.chunk_decoded_bytes_max);
    }
  }
}

TEST(Encoder, LargestChunksAreWhatTheManifestSays) {
  const VerifyResult result = encode_and_look(Images(2), options_of(200 << 10, 4096));
  std::uint64_t stored = 0;
  std::uint64_t decoded = 0;
  for (const ChunkReport& chunk : result.chunks) {
    stored = std::max(stored, chunk.bytes);
    decoded = std::max(decoded, chunk.header.decoded_bytes());
  }
  EXPECT_EQ(result.head->manifest.chunk_stored_bytes_max, stored);
  EXPECT_EQ(result.head->manifest.chunk_decoded_bytes_max, decoded);
}

TEST(Encoder, ChunksFollowEachOtherAndFillTheTarget) {
  const Images images(3);
  const VerifyResult result = encode_and_look(images, options_of(200 << 10, 4096));
  ASSERT_GT(result.chunks.size(), 3u);
  std::uint64_t target_offset = 0;
  for (const ChunkReport& chunk : result.chunks) {
    EXPECT_EQ(chunk.target_offset, target_offset);
    EXPECT_GT(chunk.target_bytes, 0u);
    target_offset += chunk.target_bytes;
  }
  EXPECT_EQ(target_offset, images.target.size());
}

TEST(Encoder, ChunksEndOnGroupBoundaries) {
  for (const std::uint32_t block : {512u, 4096u, 16384u}) {
    const VerifyResult result = encode_and_look(Images(4), options_of(256 << 10, block));
    const Manifest& manifest = result.head->manifest;
    EXPECT_EQ(manifest.group_bytes % block, 0u);
    ASSERT_GT(result.chunks.size(), 1u);
    for (std::size_t i = 1; i < result.chunks.size(); ++i) {
      EXPECT_EQ(result.chunks[i].target_offset % manifest.group_bytes, 0u) << "block " << block;
    }
  }
}

TEST(Encoder, CutsInsideGroupsThatNoChunkCanHold) {
  // One erase block, and so one group, is more than the RAM has room for as columns.
  const VerifyResult result = encode_and_look(Images(5), options_of(320 << 10, 128 << 10));
  ASSERT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.head->manifest.group_bytes, 128u << 10);
  EXPECT_LE(result.head->manifest.budgets.ram_bytes, 320u << 10);
  const bool inside = std::ranges::any_of(result.chunks, [](const ChunkReport& chunk) {
    return chunk.target_offset % (128 << 10) != 0;
  });
  EXPECT_TRUE(inside);
}

TEST(Encoder, MoreRamMakesNoLargerPayload) {
  const Images images(6);
  const std::size_t small = encode(images, options_of(200 << 10, 4096)).bytes.size();
  const std::size_t large = encode(images, options_of(8 << 20, 4096)).bytes.size();
  EXPECT_LE(large, small);
}

TEST(Encoder, ThreadCountDoesNotChangeTheResult) {
  const Images images(7);
  EncoderOptions options = options_of(256 << 10, 4096);
  const Payload alone = encode(images, options);
  for (const unsigned threads : {2u, 3u, 16u}) {
    options.thread_count = threads;
    const Payload payload = encode(images, options);
    EXPECT_EQ(payload.bytes, alone.bytes) << threads << " threads";
    EXPECT_EQ(payload.tree_root, alone.tree_root);
    EXPECT_EQ(payload.redo_bytes, alone.redo_bytes);
  }
}

TEST(Encoder, RedoIsTheLongestWayBetweenCheckpoints) {
  const VerifyResult result = encode_and_look(Images(8), options_of(320 << 10, 128 << 10));
  const Manifest& manifest = result.head->manifest;
  std::uint64_t longest = 0;
  std::uint64_t checkpoint = 0;
  for (const ChunkReport& chunk : result.chunks) {
    const std::uint64_t end = chunk.target_offset + chunk.target_bytes;
    longest = std::max(longest, end - checkpoint);
    if (end % manifest.group_bytes == 0) checkpoint = end;
  }
  EXPECT_EQ(manifest.budgets.redo_bytes, longest);
  EXPECT_LT(longest, manifest.target.bytes);
}

TEST(Encoder, RefusesARamThatHoldsNoChunk) {
  const Images images(9);
  for (const std::uint64_t ram_bytes : {0u, 1u, 64u << 10, 80u << 10}) {
    const auto error = error_of([&] { (void)encode(images, options_of(ram_bytes, 4096)); });
    ASSERT_TRUE(error) << ram_bytes;
    EXPECT_EQ(error->exit(), Exit::usage);
    EXPECT_EQ(error->where(), "--ram");
  }
}

TEST(Encoder, TheSmallestRamThatItAcceptsIsEnough) {
  const Images images(10);
  std::uint64_t low = 64 << 10;  // Refused.
  std::uint64_t high = 200 << 10;
  while (high - low > 4096) {
    const std::uint64_t middle = low + (high - low) / 2;
    const bool refused =
        exit_of([&] { (void)encode(images, options_of(middle, 4096)); }) != Exit::done;
    (refused ? low : high) = middle;
  }
  BuildRequest request = request_of(images.source, images.target);
  request.encoder = options_of(high, 4096);
  request.codec = Codec::context;
  const PublicKey key = test::test_key(1).public_key;
  const ReplayResult result = replay(package_of(request), ByteSpan(images.source), {&key, 1}, {});
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_LE(result.arena_used_bytes, high);
  EXPECT_EQ(result.target, images.target);
}

TEST(Encoder, ManyChunksMakeATreeOfSeveralLevels) {
  Random random(11);
  const Bytes target = random_bytes(&random, 3 << 20);
  BuildRequest request = request_of({}, target);
  request.encoder = options_of(160 << 10, 512);
  const VerifyResult result = verify_package(package_of(request), std::nullopt);
  ASSERT_EQ(result.status, Status::ok);
  EXPECT_GT(result.head->manifest.chunk_count, 64u);
}

TEST(Encoder, NamesItselfAndItsCodec) {
  for (const Codec codec : {Codec::zstd, Codec::context}) {
    EXPECT_EQ(encoder_name(codec).find("pkgtool "), 0u);
    EXPECT_LE(encoder_name(codec).size(), limits::encoder_bytes_max);
  }
  EXPECT_NE(encoder_name(Codec::zstd).find(" zstd "), std::string::npos);
}

}  // namespace
}  // namespace romdelta::pkgtool
