#include "format/chunk.h"

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

constexpr std::uint32_t kDecodedMax = 1000;

struct Parsed {
  Status status = Status::ok;
  ChunkHeader header;
  std::size_t header_bytes = 0;
};

Parsed parse(const Bytes& chunk, std::uint32_t decoded_max = kDecodedMax) {
  Manifest manifest;
  manifest.chunk_decoded_bytes_max = decoded_max;
  Parsed result;
  result.status = parse_chunk_header(chunk, manifest, &result.header, &result.header_bytes);
  return result;
}

Bytes encoded(const ChunkHeader& header) {
  return written_by([&](ByteWriter* writer) { encode_chunk_header(header, writer); });
}

// A chunk with this header and as many column bytes as it says.
Bytes chunk_with(const ChunkHeader& header) {
  Bytes chunk = encoded(header);
  for (const ColumnSize& size : header.columns) chunk.resize(chunk.size() + size.stored_bytes);
  return chunk;
}

ChunkHeader sample_header() {
  ChunkHeader header;
  header.source_position = 300;
  header.columns[0] = {3, 3};
  header.columns[3] = {500, 40};
  header.columns[5] = {500, 499};
  return header;
}

TEST(ChunkHeader, ReadsBackWhatItWrites) {
  const Bytes chunk = chunk_with(sample_header());
  const Parsed parsed = parse(chunk);
  ASSERT_EQ(parsed.status, Status::ok);
  EXPECT_EQ(parsed.header.source_position, 300u);
  EXPECT_EQ(parsed.header[Column::diff_values].stored_bytes, 40u);
  EXPECT_TRUE(parsed.header[Column::diff_values].coded());
  EXPECT_FALSE(parsed.header[Column::copy_lengths].coded());
  EXPECT_EQ(parsed.header.decoded_bytes(), 1000u);
  EXPECT_EQ(parsed.header_bytes, encoded(sample_header()).size());
}

TEST(ChunkHeader, FillsTheChunkExactly) {
  Bytes chunk = chunk_with(sample_header());
  chunk.push_back(0);
  EXPECT_EQ(parse(chunk).status, Status::malformed_chunk);
  for (chunk.pop_back(); !chunk.empty();) {
    chunk.pop_back();
    ASSERT_EQ(parse(chunk).status, Status::malformed_chunk) << chunk.size();
  }
}

TEST(ChunkHeader, LeavesItsResultAloneWhenItIsMalformed) {
  const Parsed parsed = parse({0xff});
  EXPECT_EQ(parsed.status, Status::malformed_chunk);
  EXPECT_EQ(parsed.header_bytes, 0u);
  EXPECT_EQ(parsed.header.decoded_bytes(), 0u);
}

TEST(ChunkHeader, DecodesIntoNoMoreThanTheManifestAllows) {
  EXPECT_EQ(parse(chunk_with(sample_header()), 1000).status, Status::ok);
  EXPECT_EQ(parse(chunk_with(sample_header()), 999).status, Status::malformed_chunk);
}

TEST(ChunkHeader, NeedsNoDecoderRoomForStoredColumns) {
  ChunkHeader header;
  header.columns[5] = {5000, 5000};
  EXPECT_EQ(parse(chunk_with(header), 0).status, Status::ok);
}

TEST(ChunkHeader, RefusesCodedColumnsThatAreNotShorter) {
  const Bytes zeros(10);
  const auto last_column = [&](const Bytes& sizes) {
    return parse(concat({Bytes{0, 0, 0, 0, 0, 0}, sizes, zeros})).status;
  };
  EXPECT_EQ(last_column({10, 0}), Status::ok);
  EXPECT_EQ(last_column({11, 10}), Status::ok);
  EXPECT_EQ(last_column({10, 10}), Status::malformed_chunk);
  EXPECT_EQ(last_column({9, 10}), Status::malformed_chunk);
}

TEST(ChunkHeader, RefusesColumnsAboveTheLimit) {
  ChunkHeader header;
  header.columns[0] = {limits::chunk_decoded_bytes_max + 1, 1};
  EXPECT_EQ(parse(chunk_with(header), ~0u).status, Status::malformed_chunk);
  --header.columns[0].raw_bytes;
  EXPECT_EQ(parse(chunk_with(header), ~0u).status, Status::ok);
}

TEST(ChunkHeader, RefusesSizesOfSixtyFourBits) {
  const Bytes huge = written_by([](ByteWriter* writer) {
    writer->varint(0);
    writer->varint(~std::uint64_t{0});
    writer->varint(1);
    writer->fill(0, 6);
  });
  EXPECT_EQ(parse(huge).status, Status::malformed_chunk);
}

TEST(ChunkHeader, RefusesVarintsThatAreNotShortest) {
  EXPECT_EQ(parse({0, 0, 0, 0, 0, 0, 0}).status, Status::ok);
  EXPECT_EQ(parse({0x80, 0x00, 0, 0, 0, 0, 0, 0}).status, Status::malformed_chunk);
  EXPECT_EQ(parse({0, 0, 0, 0, 0, 0, 0x80, 0x00}).status, Status::malformed_chunk);
}

TEST(ChunkHeader, FitsItsDeclaredMaximum) {
  ChunkHeader header;
  header.source_position = ~std::uint64_t{0};
  for (ColumnSize& size : header.columns) {
    size = {limits::chunk_decoded_bytes_max, limits::chunk_decoded_bytes_max - 1};
  }
  EXPECT_LE(encoded(header).size(), chunk_header_bytes_max);
}

TEST(ChunkHeader, HasOneEncodingOnly) {
  Random random = seeded_random();
  for (int round = 0; round < 5000; ++round) {
    ChunkHeader header;
    header.source_position = random() >> pick(&random, 0, 63);
    for (ColumnSize& size : header.columns) {
      size.raw_bytes = static_cast<std::uint32_t>(pick(&random, 0, 150));
      size.stored_bytes =
          static_cast<std::uint32_t>(size.raw_bytes == 0 ? 0 : pick(&random, 1, size.raw_bytes));
    }
    const Bytes chunk = chunk_with(header);
    const Parsed parsed = parse(chunk);
    ASSERT_EQ(parsed.status, Status::ok) << to_hex(chunk);
    ASSERT_EQ(to_hex(encoded(parsed.header)), to_hex(ByteSpan(chunk).first(parsed.header_bytes)));
  }
}

}  // namespace
}  // namespace romdelta::test
