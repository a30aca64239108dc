// Small packages that ask for much work or memory, signed by the trusted key.
#include <gtest/gtest.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <limits>

#include "tests/hostile/attack_table.h"
#include "tests/hostile/forgery.h"
#include "tests/hostile/victim.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kBlockBytesMax = 128 * 1024;

// A frame header without magic number: one segment, the content size in eight bytes.
Bytes frame_header(std::uint64_t content_bytes) {
  return written_by([&](ByteWriter* writer) {
    writer->u8(0xe0);
    writer->u64(content_bytes);
  });
}

enum class Block : std::uint8_t { raw = 0, run = 1, compressed = 2, reserved = 3 };

Bytes block_header(Block type, std::uint64_t bytes, bool is_last) {
  const std::uint64_t value =
      bytes << 3 | std::uint64_t{static_cast<std::uint8_t>(type)} << 1 | (is_last ? 1 : 0);
  return written_by([&](ByteWriter* writer) {
    writer->u8(static_cast<std::uint8_t>(value));
    writer->u16(static_cast<std::uint16_t>(value >> 8));
  });
}

// `count` blocks of four bytes that each expand into 128 KiB of zeros.
Bytes run_blocks(std::size_t count, std::size_t last_bytes = kBlockBytesMax) {
  Bytes blocks;
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_last = i + 1 == count;
    append(&blocks, block_header(Block::run, is_last ? last_bytes : kBlockBytesMax, is_last));
    blocks.push_back(0);
  }
  return blocks;
}

// The first chunk of the full victim, with one column (its literals) coded by hand.
class Bomb : public ::testing::Test {
 protected:
  Bomb() : forgery_(full_victim().package()) {
    target_bytes_ = forgery_.chunks[0].target_bytes;
    forgery_.manifest.chunk_decoded_bytes_max = limits::chunk_decoded_bytes_max;
  }

  // One triple of literals that `frame` is said to decode into.
  Bytes literal_chunk(std::uint64_t raw_bytes, ByteSpan frame) const {
    std::array<ForgedColumn, column_count> columns;
    const Bytes extra_length = varint(target_bytes_);
    columns[0] = {1, 0};
    columns[1] = {extra_length.size(), 0};
    columns[5] = {raw_bytes, frame.size()};
    return forged_chunk(0, columns, concat({Bytes{0}, extra_length, frame}));
  }

  std::string attack(const Bytes& chunk, Status expected = Status::malformed_chunk) {
    Forgery forgery = forgery_;
    forgery.chunks[0].bytes = chunk;
    return full_victim().attack(forgery.seal(), {{expected}, 0, true});
  }

  // `content` said to be coded as `frame`; exactly what the chunk needs, unless the frame lies.
  std::string attack_frame(ByteSpan frame, Status expected = Status::malformed_chunk) {
    return attack(literal_chunk(target_bytes_, frame), expected);
  }

  Bytes good_frame() const { return zstd_frame(Bytes(target_bytes_, 0)); }

  Forgery forgery_;
  std::uint64_t target_bytes_ = 0;
};

// Without these two the attacks below would prove nothing: such frames are decoded, and only the
// target's checksum tells that they hold something else.
TEST_F(Bomb, OfAHarmlessFrameIsDecoded) {
  EXPECT_EQ(attack_frame(good_frame(), Status::target_mismatch), "");
}

TEST_F(Bomb, OfAHarmlessFrameMadeByHandIsDecoded) {
  EXPECT_EQ(attack_frame(concat({frame_header(target_bytes_), run_blocks(1, target_bytes_)}),
                         Status::target_mismatch),
            "");
}

TEST_F(Bomb, ThatDeclaresAGibibyteIsRefused) {
  const Attack attack_row("decompression bomb", "a frame that declares 2^30 to 2^64 bytes");
  for (const std::uint64_t raw : {std::uint64_t{1} << 30, std::uint64_t{1} << 32,
                                  std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    const Bytes frame = concat({frame_header(raw), run_blocks(100)});
    EXPECT_EQ(attack(literal_chunk(raw, frame)), "") << raw;
  }
}

TEST_F(Bomb, ThatDeclaresMoreThanTheManifestAllowsIsRefused) {
  forgery_.manifest.chunk_decoded_bytes_max = static_cast<std::uint32_t>(target_bytes_) - 1;
  EXPECT_EQ(attack_frame(good_frame()), "");
  // Each column is within the limit, their sum is not.
  forgery_.manifest.chunk_decoded_bytes_max = static_cast<std::uint32_t>(target_bytes_) + 10;
  std::array<ForgedColumn, column_count> columns;
  const Bytes frame = good_frame();
  columns.fill({target_bytes_, frame.size()});
  Bytes body;
  for (std::size_t i = 0; i < column_count; ++i) append(&body, frame);
  EXPECT_EQ(attack(forged_chunk(0, columns, body)), "");
}

TEST_F(Bomb, ThatDecodesIntoAllThatIsAllowedAndIsUsedForNothingIsRefused) {
  const Attack attack_row("decompression bomb", "1 KiB that decodes into 16 MiB");
  const std::uint64_t raw = limits::chunk_decoded_bytes_max;
  const Bytes frame = concat({frame_header(raw), run_blocks(raw / kBlockBytesMax)});
  EXPECT_LT(frame.size(), 1024u);
  EXPECT_EQ(attack(literal_chunk(raw, frame)), "");
}

TEST_F(Bomb, WhoseFrameExpandsBeyondWhatItDeclaresIsRefused) {
  const Attack attack_row("decompression bomb", "a frame that expands beyond what it declares");
  for (const std::size_t blocks : {2u, 8u, 1000u, 10'000u}) {
    const Bytes frame = concat({frame_header(target_bytes_), run_blocks(blocks)});
    // The column has to be larger than the frame to be called coded at all.
    const std::uint64_t raw = std::max<std::uint64_t>(target_bytes_, frame.size() + 1);
    EXPECT_EQ(attack(literal_chunk(raw, frame)), "") << blocks;
    const Bytes honest = concat({frame_header(raw), run_blocks(blocks)});
    EXPECT_EQ(attack(literal_chunk(raw, honest)), "") << blocks;
  }
}

TEST_F(Bomb, WhoseFrameDeclaresAnotherSizeThanTheColumnIsRefused) {
  for (const std::uint64_t size :
       {target_bytes_ - 1, target_bytes_ + 1, std::uint64_t{0}, std::uint64_t{1} << 30,
        std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{0} - 1}) {
    EXPECT_EQ(attack_frame(concat({frame_header(size), run_blocks(1, target_bytes_)})), "") << size;
  }
}

TEST_F(Bomb, WhoseFrameStopsShortIsRefused) {
  EXPECT_EQ(attack_frame(concat({frame_header(target_bytes_), run_blocks(1, target_bytes_ - 1)})),
            "");
  const Bytes frame = good_frame();
  for (std::size_t size = 1; size < frame.size(); ++size) {
    EXPECT_EQ(attack_frame(ByteSpan(frame).first(size)), "") << size;
  }
}

TEST_F(Bomb, WithAWindowOfItsOwnIsRefusedBeforeItIsAllocated) {
  const Attack attack_row("decompression bomb", "a window of up to 3.75 TiB");
  for (const std::uint8_t window : {std::uint8_t{0x88}, std::uint8_t{0xf8}, std::uint8_t{0xff}}) {
    // Not a single segment: a window descriptor follows, up to 3.75 TiB; then the content size.
    const Bytes header = written_by([&](ByteWriter* writer) {
      writer->u8(0x40);
      writer->u8(window);
      writer->u16(static_cast<std::uint16_t>(target_bytes_ - 256));
    });
    const Bytes frame = concat({header, run_blocks(1, target_bytes_)});
    const Verdict verdict{{Status::malformed_chunk, Status::target_mismatch}, 0, true};
    Forgery forgery = forgery_;
    forgery.chunks[0].bytes = literal_chunk(target_bytes_, frame);
    EXPECT_EQ(full_victim().attack(forgery.seal(), verdict), "") << int{window};
  }
}

TEST_F(Bomb, OfSeveralFramesIsRefused) {
  const Bytes half = concat({frame_header(target_bytes_ / 2), run_blocks(1, target_bytes_ / 2)});
  const Bytes rest = concat({frame_header(target_bytes_ - target_bytes_ / 2),
                             run_blocks(1, target_bytes_ - target_bytes_ / 2)});
  EXPECT_EQ(attack_frame(concat({half, rest})), "");
  const Bytes empty = concat({frame_header(0), block_header(Block::raw, 0, true)});
  EXPECT_EQ(attack_frame(concat({good_frame(), empty})), "");
  EXPECT_EQ(attack_frame(concat({empty, good_frame()})), "");
  // A skippable frame before and after, with and without the magic number that it would have.
  const Bytes skippable = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
  EXPECT_EQ(attack_frame(concat({skippable, good_frame()})), "");
  EXPECT_EQ(attack_frame(concat({good_frame(), skippable})), "");
}

TEST_F(Bomb, WithWhatTheFormatLeavesOutIsRefused) {
  const Bytes magic = {0x28, 0xb5, 0x2f, 0xfd};
  EXPECT_EQ(attack_frame(concat({magic, good_frame()})), "") << "magic number";
  const Bytes blocks = run_blocks(1, target_bytes_);
  const auto descriptor = [&](std::uint8_t bits) {
    Bytes header = frame_header(target_bytes_);
    header[0] |= bits;
    return header;
  };
  EXPECT_EQ(attack_frame(concat({descriptor(0x04), blocks, Bytes(4)})), "") << "checksum";
  EXPECT_EQ(attack_frame(concat({descriptor(0x08), blocks})), "") << "reserved bit";
  const Bytes with_flag = descriptor(0x01);
  const Bytes with_dictionary =
      concat({ByteSpan(with_flag).first(1), Bytes{0x07}, ByteSpan(with_flag).subspan(1)});
  EXPECT_EQ(attack_frame(concat({with_dictionary, blocks})), "") << "dictionary";
  EXPECT_EQ(attack_frame(concat(
                {frame_header(target_bytes_), block_header(Block::reserved, 4, true), Bytes(4)})),
            "")
      << "reserved block";
}

TEST_F(Bomb, OfEmptyBlocksEndsWhenTheBytesDo) {
  Bytes frame = frame_header(target_bytes_);
  for (std::size_t i = 0; i < 300; ++i) append(&frame, block_header(Block::raw, 0, false));
  append(&frame, run_blocks(1, target_bytes_));
  EXPECT_EQ(attack_frame(frame, Status::target_mismatch), "");
  frame.resize(frame.size() - 4);
  EXPECT_EQ(attack_frame(frame), "");
}

// Each triple makes one byte: the most work that a chunk can ask for. It ends with its target.
TEST_F(Bomb, OfTinyTriplesEndsWithTheChunk) {
  ChunkContent content;
  for (std::uint64_t i = 0; i < target_bytes_; ++i) {
    content[Column::copy_lengths].push_back(0);
    content[Column::extra_lengths].push_back(1);
    if (i != 0)
      append(&content[Column::source_seeks], zigzag(std::numeric_limits<std::int64_t>::min()));
    content[Column::extra].push_back(0x5a);
  }
  forgery_.chunks[0] = encode_chunk(content, target_bytes_, Coding::stored);
  EXPECT_EQ(attack(forgery_.chunks[0].bytes, Status::target_mismatch), "");
  // One more of them, then as many as a chunk can hold.
  content[Column::copy_lengths].push_back(0);
  content[Column::extra_lengths].push_back(1);
  append(&content[Column::source_seeks], zigzag(0));
  content[Column::extra].push_back(0x5a);
  EXPECT_EQ(attack(encode_chunk(content, target_bytes_, Coding::stored).bytes), "");
  content[Column::copy_lengths].resize(1 << 20, 0);
  content[Column::extra_lengths].resize(1 << 20, 1);
  content[Column::source_seeks].resize(1 << 20, 0);
  EXPECT_EQ(attack(encode_chunk(content, target_bytes_, Coding::stored).bytes), "");
}

}  // namespace
}  // namespace romdelta::test
