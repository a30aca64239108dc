#include "installer/decoder.h"

#include <gtest/gtest.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

constexpr std::uint32_t kDecodedMax = 100000;

class DecoderTest : public ::testing::Test {
 protected:
  DecoderTest() {
    manifest_.chunk_decoded_bytes_max = kDecodedMax;
    Arena arena(memory_.span());
    EXPECT_EQ(decoder_.begin(manifest_, &arena), Status::ok);
  }

  Status decode(ByteSpan chunk) { return decoder_.decode(manifest_, chunk, &header_, &columns_); }
  // A chunk whose only column, the literals, is `stored` and decodes into `raw_bytes`.
  Status decode_literals(const Bytes& stored, std::size_t raw_bytes) {
    ChunkHeader header;
    header.columns[5] = {static_cast<std::uint32_t>(raw_bytes),
                         static_cast<std::uint32_t>(stored.size())};
    chunk_ = written_by([&](ByteWriter* writer) { encode_chunk_header(header, writer); });
    append(&chunk_, stored);
    return decode(chunk_);
  }
  Bytes literals() const { return to_bytes(columns_[Column::extra]); }

  Manifest manifest_;
  AlignedMemory memory_{limits::zstd_context_bytes + kDecodedMax};
  Decoder decoder_;
  ChunkHeader header_;
  Columns columns_;
  Bytes chunk_;
};

// A frame of `raw` made with one parameter changed from what zstd_frame uses.
Bytes frame_with(ByteSpan raw, ZSTD_cParameter parameter, int value) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_format, ZSTD_f_zstd1_magicless);
  ZSTD_CCtx_setParameter(context, parameter, value);
  Bytes frame(ZSTD_compressBound(raw.size()));
  frame.resize(ZSTD_compress2(context, frame.data(), frame.size(), raw.data(), raw.size()));
  ZSTD_freeCCtx(context);
  return frame;
}

TEST_F(DecoderTest, ReadsStoredAndCodedColumns) {
  ChunkContent content;
  content.source_position = 5;
  content[Column::copy_lengths] = {1};
  content[Column::diff_values] = Bytes(3000, 9);
  content[Column::extra] = make_image(9000, 1);
  const Chunk chunk = encode_chunk(content, 1, Coding::zstd);
  ASSERT_GT(chunk.decoded_bytes, 3000u);
  ASSERT_EQ(decode(chunk.bytes), Status::ok);
  EXPECT_EQ(header_.source_position, 5u);
  for (std::size_t i = 0; i < column_count; ++i) {
    EXPECT_EQ(to_bytes(columns_.content[i]), content.columns[i]) << i;
  }
}

TEST_F(DecoderTest, ReadsStoredColumnsFromTheChunkItself) {
  const Bytes literals = {1, 2, 3};
  ASSERT_EQ(decode_literals(literals, 3), Status::ok);
  EXPECT_EQ(columns_[Column::extra].data(), chunk_.data() + chunk_.size() - 3);
}

TEST_F(DecoderTest, ReadsFramesOfEverySizeClass) {
  for (const std::size_t raw_bytes : {20u, 255u, 256u, 257u, 65791u, 65792u, 100000u}) {
    const Bytes raw(raw_bytes, 7);
    ASSERT_EQ(decode_literals(zstd_frame(raw), raw_bytes), Status::ok) << raw_bytes;
    EXPECT_EQ(literals(), raw);
  }
}

TEST_F(DecoderTest, RefusesFramesThatSayAnotherSizeThanTheHeader) {
  const Bytes frame = zstd_frame(Bytes(500, 7));
  EXPECT_EQ(decode_literals(frame, 500), Status::ok);
  EXPECT_EQ(decode_literals(frame, 499), Status::malformed_chunk);
  EXPECT_EQ(decode_literals(frame, 501), Status::malformed_chunk);
}

TEST_F(DecoderTest, RefusesTwoFramesAndTrailingBytes) {
  const Bytes frame = zstd_frame(Bytes(500, 7));
  const Bytes empty = zstd_frame({});
  EXPECT_EQ(decode_literals(concat({frame, frame}), 1000), Status::malformed_chunk);
  EXPECT_EQ(decode_literals(concat({frame, empty}), 500), Status::malformed_chunk);
  EXPECT_EQ(decode_literals(concat({empty, frame}), 500), Status::malformed_chunk);
  EXPECT_EQ(decode_literals(concat({frame, Bytes{0}}), 500), Status::malformed_chunk);
}

TEST_F(DecoderTest, RefusesSkippableFramesAndMagicNumbers) {
  const Bytes frame = zstd_frame(Bytes(500, 7));
  const Bytes skippable = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
  const Bytes magic = {0x28, 0xb5, 0x2f, 0xfd};
  EXPECT_EQ(decode_literals(concat({skippable, frame}), 500), Status::malformed_chunk);
  EXPECT_EQ(decode_literals(concat({frame, skippable}), 500), Status::malformed_chunk);
  EXPECT_EQ(decode_literals(concat({magic, frame}), 500), Status::malformed_chunk);
}

TEST_F(DecoderTest, RefusesEveryTruncation) {
  const Bytes raw = make_image(3000, 5);
  const Bytes frame = zstd_frame(raw);
  ASSERT_EQ(decode_literals(frame, raw.size()), Status::ok);
  for (std::size_t size = 1; size < frame.size(); ++size) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(decode_literals(cut, raw.size()), Status::malformed_chunk) << size;
  }
}

TEST_F(DecoderTest, RefusesChecksums) {
  const Bytes raw(500, 7);
  EXPECT_EQ(decode_literals(frame_with(raw, ZSTD_c_checksumFlag, 1), 500), Status::malformed_chunk);
}

TEST_F(DecoderTest, RefusesFramesWithoutContentSize) {
  const Bytes raw(500, 7);
  EXPECT_EQ(decode_literals(frame_with(raw, ZSTD_c_contentSizeFlag, 0), 500),
            Status::malformed_chunk);
}

// A frame header by hand: descriptor, window, dictionary id and content size as RFC 8878 section
// 3.1.1.1 has them, then one run-length block.
TEST_F(DecoderTest, RefusesDictionaryIds) {
  const Bytes block = {0x03 | (100 << 3 & 0xff), 100 >> 5, 0, 7};
  EXPECT_EQ(decode_literals(concat({Bytes{0x20, 100}, block}), 100), Status::ok);
  EXPECT_EQ(literals(), Bytes(100, 7));
  EXPECT_EQ(decode_literals(concat({Bytes{0x21, 5, 100}, block}), 100), Status::malformed_chunk);
}

TEST_F(DecoderTest, RefusesFramesWithAWindow) {
  const Bytes block = {0x03 | (0xe8 << 3 & 0xff), (1000 >> 5) & 0xff, 0, 7};
  // Single segment, content size in two bytes less 256.
  EXPECT_EQ(decode_literals(concat({Bytes{0x60, 0xe8, 0x02}, block}), 1000), Status::ok);
  EXPECT_EQ(literals(), Bytes(1000, 7));
  // The same with a window descriptor: 1 KiB, 128 MiB.
  for (const unsigned window : {0u, 17u << 3}) {
    const Bytes header = {0x40, static_cast<std::uint8_t>(window), 0xe8, 0x02};
    EXPECT_EQ(decode_literals(concat({header, block}), 1000), Status::malformed_chunk);
  }
}

TEST_F(DecoderTest, RefusesReservedBitsAndBlockTypes) {
  EXPECT_EQ(decode_literals({0x28, 100, 0x23, 0x03, 0, 7}, 100), Status::malformed_chunk);
  EXPECT_EQ(decode_literals({0x20, 100, 0x27, 0x03, 0, 7}, 100), Status::malformed_chunk);
  EXPECT_EQ(decode_literals({0x20, 100, 0x22, 0x03, 0, 7}, 100), Status::malformed_chunk);
}

TEST_F(DecoderTest, RefusesARunThatIsLongerThanTheColumn) {
  EXPECT_EQ(decode_literals({0x20, 100, 0x2b, 0x03, 0, 7}, 100), Status::malformed_chunk);
  EXPECT_EQ(decode_literals({0x20, 100, 0x1b, 0x03, 0, 7}, 100), Status::malformed_chunk);
}

TEST_F(DecoderTest, GoesOnAfterARefusedChunk) {
  const Bytes frame = zstd_frame(Bytes(500, 7));
  EXPECT_EQ(decode_literals({1, 2, 3}, 500), Status::malformed_chunk);
  EXPECT_EQ(decode_literals(frame, 500), Status::ok);
  EXPECT_EQ(literals(), Bytes(500, 7));
}

TEST_F(DecoderTest, NeverCrashesOnDamagedFrames) {
  Random random = seeded_random();
  const Bytes raw = make_image(2000, 6);
  const Bytes frame = zstd_frame(raw);
  for (int round = 0; round < 3000; ++round) {
    Bytes damaged = frame;
    damaged[pick(&random, 0, frame.size() - 1)] ^= static_cast<std::uint8_t>(pick(&random, 1, 255));
    const Status status = decode_literals(damaged, raw.size());
    ASSERT_TRUE(status == Status::ok || status == Status::malformed_chunk);
  }
}

TEST(Decoder, TakesContextAndOutputFromTheArena) {
  Manifest manifest;
  manifest.chunk_decoded_bytes_max = 1000;
  AlignedMemory memory(limits::zstd_context_bytes + 1000);
  Decoder decoder;
  for (const std::size_t size :
       {std::size_t{0}, limits::zstd_context_bytes - 1, limits::zstd_context_bytes + 999}) {
    Arena arena(memory.span().first(size));
    EXPECT_EQ(decoder.begin(manifest, &arena), Status::arena_too_small) << size;
  }
  Arena arena(memory.span());
  EXPECT_EQ(decoder.begin(manifest, &arena), Status::ok);
}

TEST(Decoder, HasSetEnoughAsideForThisZstd) {
  EXPECT_LE(ZSTD_estimateDCtxSize(), limits::zstd_context_bytes);
}

}  // namespace
}  // namespace romdelta::test
