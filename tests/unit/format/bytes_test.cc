#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

constexpr std::uint64_t kMost = ~std::uint64_t{0};

Bytes varint_bytes(std::uint64_t value) {
  return written_by([&](ByteWriter* writer) { writer->varint(value); });
}

bool is_varint(const Bytes& bytes) {
  ByteReader reader(bytes);
  (void)reader.varint();
  return reader.done();
}

TEST(ByteReader, ReadsLittleEndianIntegersInOrder) {
  const Bytes bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u8(), 1u);
  EXPECT_EQ(reader.u16(), 0x0302u);
  EXPECT_EQ(reader.u32(), 0x07060504u);
  EXPECT_EQ(reader.u64(), 0x0f0e0d0c0b0a0908u);
  EXPECT_TRUE(reader.done());
}

TEST(ByteReader, StaysFailedAfterReadingPastTheEnd) {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0u);
  EXPECT_TRUE(reader.bytes(0).empty());
  EXPECT_EQ(reader.offset(), 0u);
  EXPECT_FALSE(reader.done());
}

TEST(ByteReader, GivesTheCallersOwnBytes) {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.bytes(2).data(), bytes.data());
  EXPECT_EQ(reader.remaining(), 1u);
  EXPECT_TRUE(reader.bytes(2).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, IsDoneAtOnceWithoutBytes) {
  ByteReader reader(ByteSpan{});
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(Varint, TakesOneByteMoreForEverySevenBits) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    const std::uint64_t value = std::uint64_t{1} << bits;
    EXPECT_EQ(varint_bytes(value).size(), bits / 7 + 1) << bits;
    EXPECT_EQ(varint_bytes(value - 1).size(), bits == 0 ? 1 : (bits - 1) / 7 + 1) << bits;
  }
  EXPECT_EQ(varint_bytes(kMost).size(), 10u);
}

TEST(Varint, ReadsBackEveryPowerOfTwoAndItsNeighbours) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (const std::uint64_t offset : {kMost, std::uint64_t{0}, std::uint64_t{1}}) {
      const std::uint64_t value = (std::uint64_t{1} << bits) + offset;
      const Bytes bytes = varint_bytes(value);
      ByteReader reader(bytes);
      EXPECT_EQ(reader.varint(), value);
      EXPECT_TRUE(reader.done());
    }
  }
}

TEST(Varint, HasNoOtherEncodingThanTheShortest) {
  EXPECT_TRUE(is_varint({0x00}));
  EXPECT_FALSE(is_varint({0x80, 0x00}));
  EXPECT_FALSE(is_varint({0xff, 0x00}));
  EXPECT_FALSE(is_varint({0x80, 0x80, 0x00}));
  EXPECT_TRUE(is_varint({0x80, 0x80, 0x01}));
}

TEST(Varint, RefusesMoreThanSixtyFourBits) {
  Bytes bytes(9, 0xff);
  bytes.push_back(0x01);
  EXPECT_TRUE(is_varint(bytes));
  bytes.back() = 0x02;
  EXPECT_FALSE(is_varint(bytes));
  bytes.back() = 0x81;
  bytes.push_back(0x00);
  EXPECT_FALSE(is_varint(bytes));
}

TEST(Varint, RefusesEveryTruncation) {
  const Bytes whole = varint_bytes(kMost);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(is_varint({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
  }
}

TEST(Varint, ReencodesEveryEncodingThatItAccepts) {
  Random random = seeded_random();
  for (int round = 0; round < 20000; ++round) {
    const Bytes bytes = random_bytes(&random, pick(&random, 1, 11));
    ByteReader reader(bytes);
    const std::uint64_t value = reader.varint();
    if (!reader.ok()) continue;
    const Bytes accepted(bytes.begin(),
                         bytes.begin() + static_cast<std::ptrdiff_t>(reader.offset()));
    ASSERT_EQ(to_hex(varint_bytes(value)), to_hex(accepted));
  }
}

TEST(Zigzag, ReadsBackTheExtremes) {
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, INT64_MIN,
                                   INT64_MAX, std::int64_t{-64}, std::int64_t{63}}) {
    const Bytes bytes = written_by([&](ByteWriter* writer) { writer->zigzag(value); });
    ByteReader reader(bytes);
    EXPECT_EQ(reader.zigzag(), value);
    EXPECT_TRUE(reader.done());
    if (value >= -64 && value < 64) {
      EXPECT_EQ(bytes.size(), 1u) << value;
    }
  }
}

TEST(ByteWriter, WritesWhatByteReaderReads) {
  const Bytes bytes = written_by([](ByteWriter* writer) {
    writer->u8(1);
    writer->u16(0x0302);
    writer->u32(0x07060504);
    writer->u64(0x0f0e0d0c0b0a0908);
    writer->fill(0xee, 2);
  });
  EXPECT_EQ(to_hex(bytes), "0102030405060708090a0b0c0d0e0feeee");
}

TEST(ByteWriter, StaysFailedAndWritesNothingPastTheEnd) {
  Bytes buffer(4, 0xaa);
  ByteWriter writer(MutableByteSpan(buffer).first(3));
  writer.u16(0x1111);
  writer.u16(0x2222);
  EXPECT_FALSE(writer.ok());
  writer.u8(0x33);
  writer.fill(0x44, 1);
  writer.bytes(Bytes{0x55});
  EXPECT_EQ(writer.offset(), 2u);
  EXPECT_EQ(to_hex(buffer), "1111aaaa");
}

TEST(ByteWriter, FillsExactlyWhatIsLeft) {
  Bytes buffer(3);
  ByteWriter writer(buffer);
  writer.fill(7, 3);
  EXPECT_TRUE(writer.ok());
  writer.fill(7, 0);
  EXPECT_TRUE(writer.ok());
  writer.fill(7, 1);
  EXPECT_FALSE(writer.ok());
}

TEST(CheckedArithmetic, FindsSumsAboveSixtyFourBits) {
  std::uint64_t sum = 7;
  EXPECT_TRUE(checked_add(kMost - 1, 1, &sum));
  EXPECT_EQ(sum, kMost);
  EXPECT_FALSE(checked_add(kMost, 1, &sum));
}

TEST(CheckedArithmetic, AcceptsOnlyRangesInside) {
  EXPECT_TRUE(range_inside(0, 0, 0));
  EXPECT_TRUE(range_inside(3, 7, 10));
  EXPECT_TRUE(range_inside(10, 0, 10));
  EXPECT_FALSE(range_inside(3, 8, 10));
  EXPECT_FALSE(range_inside(11, 0, 10));
  EXPECT_FALSE(range_inside(5, kMost, 10));
  EXPECT_FALSE(range_inside(kMost, 5, 10));
}

TEST(CheckedArithmetic, RoundsUpToWholeUnits) {
  EXPECT_EQ(round_up(0, 64), 0u);
  EXPECT_EQ(round_up(1, 64), 64u);
  EXPECT_EQ(round_up(64, 64), 64u);
  EXPECT_EQ(round_up(65, 3), 66u);
}

TEST(CopyBytes, TakesAnEmptySpanWithoutPointer) {
  std::uint8_t kept = 5;
  copy_bytes(&kept, {});
  copy_bytes(nullptr, {});
  EXPECT_EQ(kept, 5u);
}

}  // namespace
}  // namespace romdelta::test
