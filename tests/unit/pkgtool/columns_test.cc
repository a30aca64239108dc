#include "pkgtool/columns.h"

#include <gtest/gtest.h>

#include "pkgtool/matcher.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

// docs/format.md section 7.4, written down once more and as plainly as possible. Anything that is
// wrong makes `failed` true.
class SmallDecoder {
 public:
  SmallDecoder(ByteSpan source, RawColumns columns)
      : source_(source), columns_(std::move(columns)) {}

  Bytes decode(std::uint64_t target_bytes) {
    std::uint64_t position = columns_.source_position;
    bool first = true;
    while (output_.size() < target_bytes && !failed) {
      if (!first) position += zigzag(Column::source_seeks);
      first = false;
      const std::uint64_t copy = varint(Column::copy_lengths);
      const std::uint64_t extra = varint(Column::extra_lengths);
      if (copy + extra == 0 || copy + extra > target_bytes - output_.size()) failed = true;
      for (std::uint64_t i = 0; i < copy && !failed; ++i, ++position) {
        const std::uint8_t value = difference();
        if (position >= source_.size()) failed = true;
        if (!failed) output_.push_back(static_cast<std::uint8_t>(source_[position] + value));
      }
      for (std::uint64_t i = 0; i < extra && !failed; ++i) output_.push_back(byte(Column::extra));
    }
    for (std::size_t i = 0; i < column_count; ++i) failed |= at_[i] != columns_.content[i].size();
    failed |= run_ != 0;
    return output_;
  }

  bool failed = false;

 private:
  std::uint8_t byte(Column column) {
    std::size_t& at = at_[static_cast<std::size_t>(column)];
    if (at == columns_[column].size()) {
      failed = true;
      return 0;
    }
    return columns_[column][at++];
  }
  std::uint64_t varint(Column column) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t part = byte(column);
      value |= std::uint64_t{part & 0x7fu} << shift;
      if (part < 0x80) break;
    }
    return value;
  }
  std::uint64_t zigzag(Column column) {
    const std::uint64_t value = varint(column);
    return value % 2 == 0 ? value / 2 : ~(value / 2);
  }
  std::uint8_t difference() {
    if (run_ == 0) {
      const std::uint8_t value = byte(Column::diff_values);
      if (value != 0) return value;
      run_ = varint(Column::zero_runs) + 1;
    }
    --run_;
    return 0;
  }

  ByteSpan source_;
  RawColumns columns_;
  std::array<std::size_t, column_count> at_{};
  std::uint64_t run_ = 0;
  Bytes output_;
};

Bytes part_of(ByteSpan image, TargetRange range) {
  const ByteSpan part = image.subspan(range.begin, range.bytes());
  return {part.begin(), part.end()};
}

void expect_round_trip(ByteSpan source, ByteSpan target, const Cover& cover, TargetRange range) {
  SmallDecoder decoder(source, make_columns(source, target, cover, range));
  EXPECT_EQ(decoder.decode(range.bytes()), part_of(target, range));
  EXPECT_FALSE(decoder.failed) << "range " << range.begin << " to " << range.end;
}

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes result;
  for (const int value : values) result.push_back(static_cast<std::uint8_t>(value));
  return result;
}

TEST(Columns, OfLiteralsAreTheLiterals) {
  const Bytes target = {9, 8, 7};
  RawColumns columns = make_columns({}, target, {}, {0, 3});
  EXPECT_EQ(columns.source_position, 0u);
  EXPECT_EQ(columns[Column::copy_lengths], bytes_of({0}));
  EXPECT_EQ(columns[Column::extra_lengths], bytes_of({3}));
  EXPECT_EQ(columns[Column::extra], target);
  EXPECT_EQ(columns.bytes(), 5u);
}

TEST(Columns, OfAnEqualCopyAreOneRun) {
  const Bytes image = make_image(300, 1);
  RawColumns columns = make_columns(image, image, {{0, 0, 300}}, {0, 300});
  EXPECT_EQ(columns[Column::copy_lengths], bytes_of({0xac, 0x02}));
  EXPECT_EQ(columns[Column::extra_lengths], bytes_of({0}));
  EXPECT_EQ(columns[Column::diff_values], bytes_of({0}));
  EXPECT_EQ(columns[Column::zero_runs], bytes_of({0xab, 0x02}));
  EXPECT_TRUE(columns[Column::source_seeks].empty());
  EXPECT_TRUE(columns[Column::extra].empty());
}

TEST(Columns, HoldDifferencesSeeksAndLiterals) {
  const Bytes source = {10, 20, 30, 40, 50, 60};
  // Two bytes from 4 (one differs), a literal, two bytes from 1.
  const Bytes target = {50, 63, 99, 20, 30};
  RawColumns columns = make_columns(source, target, {{0, 4, 2}, {3, 1, 2}}, {0, 5});
  EXPECT_EQ(columns.source_position, 4u);
  EXPECT_EQ(columns[Column::copy_lengths], bytes_of({2, 2}));
  EXPECT_EQ(columns[Column::extra_lengths], bytes_of({1, 0}));
  // From 6, where the first copy ended, to 1: -5, which zigzag writes as 9.
  EXPECT_EQ(columns[Column::source_seeks], bytes_of({9}));
  EXPECT_EQ(columns[Column::diff_values], bytes_of({0, 3, 0}));
  EXPECT_EQ(columns[Column::zero_runs], bytes_of({0, 1}));
  EXPECT_EQ(columns[Column::extra], bytes_of({99}));
}

TEST(Columns, OneRunGoesOnAcrossCopies) {
  const Bytes source = {1, 2, 3, 4, 5, 6};
  const Bytes target = {4, 5, 6, 1, 2, 3};
  RawColumns columns = make_columns(source, target, {{0, 3, 3}, {3, 0, 3}}, {0, 6});
  EXPECT_EQ(columns[Column::diff_values], bytes_of({0}));
  EXPECT_EQ(columns[Column::zero_runs], bytes_of({5}));
}

TEST(Columns, BeginWhereTheChunkBegins) {
  const Bytes image = make_image(100, 2);
  const RawColumns columns = make_columns(image, image, {{0, 0, 100}}, {40, 60});
  EXPECT_EQ(columns.source_position, 40u);
}

TEST(Columns, RoundTripWithLiteralsFirst) {
  const Bytes source = make_image(50, 3);
  const Bytes target = make_image(80, 4);
  expect_round_trip(source, target, {{30, 10, 20}, {60, 0, 20}}, {0, 80});
}

TEST(Columns, RoundTripEveryRangeOfAnImage) {
  const Bytes source = make_image(60, 5);
  const Bytes target = revise(source, 70, 6);
  const Cover cover = {{0, 3, 5}, {5, 0, 20}, {30, 40, 20}, {50, 1, 10}};
  ASSERT_TRUE(is_valid_cover(cover, source.size(), target.size()));
  for (std::uint64_t begin = 0; begin < target.size(); ++begin) {
    for (std::uint64_t end = begin + 1; end <= target.size(); ++end) {
      expect_round_trip(source, target, cover, {begin, end});
    }
  }
}

TEST(Columns, RoundTripRandomImages) {
  Random random = test::seeded_random();
  for (int i = 0; i < 40; ++i) {
    const Bytes source = make_image(test::pick(&random, 0, 4000), random());
    const Bytes target = revise(source, test::pick(&random, 1, 4000), random());
    const Cover cover = match_images(source, target, no_progress);
    const std::uint64_t begin = test::pick(&random, 0, target.size() - 1);
    expect_round_trip(source, target, cover, {0, target.size()});
    expect_round_trip(source, target, cover,
                      {begin, test::pick(&random, begin + 1, target.size())});
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
