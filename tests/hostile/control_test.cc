// Control triples that lead outside, signed by the trusted key, so that nothing but the patcher
// stands before them.
//
//   bspatch CVE-2014-9862        a negative length of the control stream: write before the buffer
//   bspatch CVE-2020-14315       sums of control values that wrap (X41-2020-006)
//   bsdiff4 CVE-2020-15904       lengths and seeks that were not held against the buffers
#include <gtest/gtest.h>

#include <limits>

#include "tests/hostile/attack_table.h"
#include "tests/hostile/forgery.h"
#include "tests/hostile/victim.h"

namespace romdelta::test {
namespace {

constexpr std::uint64_t kMax = ~std::uint64_t{0};
constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();

// The second chunk of the grouped victim with other columns, stored as they are.
class Control : public ::testing::Test {
 protected:
  static constexpr std::size_t kChunk = 1;

  Control() : forgery_(grouped_victim().package()) {
    target_bytes_ = forgery_.chunks[kChunk].target_bytes;
    source_bytes_ = grouped_victim().source().size();
  }

  // One triple that copies everything from `position`, the difference all zero.
  ChunkContent copy_all(std::uint64_t position) const {
    ChunkContent content;
    content.source_position = position;
    content[Column::copy_lengths] = varint(target_bytes_);
    content[Column::extra_lengths] = varint(0);
    content[Column::diff_values] = {0};
    content[Column::zero_runs] = varint(target_bytes_ - 1);
    return content;
  }

  // Two triples; the seek lies between them.
  ChunkContent two_copies(std::uint64_t position, std::int64_t seek) const {
    ChunkContent content = copy_all(position);
    content[Column::copy_lengths] =
        concat({varint(target_bytes_ / 2), varint(target_bytes_ - target_bytes_ / 2)});
    content[Column::extra_lengths] = concat({varint(0), varint(0)});
    content[Column::source_seeks] = zigzag(seek);
    return content;
  }

  // One triple of literals only.
  ChunkContent literals(std::uint64_t extra_length, std::size_t literal_bytes) const {
    ChunkContent content;
    content[Column::copy_lengths] = varint(0);
    content[Column::extra_lengths] = varint(extra_length);
    content[Column::extra] = Bytes(literal_bytes, 0x5a);
    return content;
  }

  std::string attack(const ChunkContent& content, Status expected = Status::malformed_chunk) {
    Forgery forgery = forgery_;
    forgery.chunks[kChunk] = encode_chunk(content, target_bytes_, Coding::stored);
    const Verdict verdict{{expected}, grouped_victim().chunks()[kChunk].target_begin, true};
    return grouped_victim().attack(forgery.seal(), verdict);
  }

  Forgery forgery_;
  std::uint64_t target_bytes_ = 0;
  std::uint64_t source_bytes_ = 0;
};

// Without this the attacks below would prove nothing: the chunk that they vary is well-formed, and
// only the target's checksum tells that it makes something else.
TEST_F(Control, OfAForgedChunkIsFollowedWhenItIsWellFormed) {
  EXPECT_EQ(attack(copy_all(0), Status::target_mismatch), "");
  EXPECT_GT(grouped_victim().target_flash().writes().size(), 2u);
}

TEST_F(Control, WithANegativeLengthIsRefusedAsInCve20149862) {
  const Attack attack_row("bspatch CVE-2014-9862", "a negative length in a control triple");
  for (const std::uint64_t negative : {kMax, kMax - 1, kSign, kSign + 1, kMax - target_bytes_}) {
    ChunkContent content = copy_all(0);
    content[Column::copy_lengths] = varint(negative);
    EXPECT_EQ(attack(content), "") << "copy " << negative;
    EXPECT_EQ(attack(literals(negative, target_bytes_)), "") << "extra " << negative;
  }
}

TEST_F(Control, WhoseLengthsWrapIsRefusedAsInCve202014315) {
  const Attack attack_row("bspatch CVE-2020-14315", "lengths whose sum wraps");
  for (const std::uint64_t copy : {kMax, kSign, kMax - target_bytes_ + 1, kMax / 2}) {
    ChunkContent content = copy_all(0);
    content[Column::copy_lengths] = varint(copy);
    // copy + extra wraps to exactly what the chunk has to make.
    content[Column::extra_lengths] = varint(target_bytes_ - copy);
    EXPECT_EQ(attack(content), "") << copy;
  }
}

TEST_F(Control, LongerThanTheChunkIsRefusedAsInCve202015904) {
  const Attack attack_row("bsdiff4 CVE-2020-15904", "lengths beyond the buffers");
  for (const std::uint64_t length : {target_bytes_ + 1, target_bytes_ * 2, source_bytes_,
                                     std::uint64_t{1} << 31, std::uint64_t{1} << 32}) {
    ChunkContent content = copy_all(0);
    content[Column::copy_lengths] = varint(length);
    content[Column::zero_runs] = varint(length - 1);
    EXPECT_EQ(attack(content), "") << "copy " << length;
    EXPECT_EQ(attack(literals(length, target_bytes_)), "") << "extra " << length;
  }
}

TEST_F(Control, ThatReadsBeyondTheSourceIsRefused) {
  for (const std::uint64_t position :
       {source_bytes_ - target_bytes_ + 1, source_bytes_, source_bytes_ + 1, std::uint64_t{1} << 31,
        std::uint64_t{1} << 32, kSign - 1, kSign, kMax - target_bytes_, kMax - 1, kMax}) {
    EXPECT_EQ(attack(copy_all(position)), "") << position;
  }
}

TEST_F(Control, ThatSeeksBeforeTheSourceIsRefused) {
  const Attack attack_row("bsdiff4 CVE-2020-15904", "seeks beyond the buffers");
  const auto first = static_cast<std::int64_t>(target_bytes_ / 2);
  for (const std::int64_t seek : {-first - 1, -first - 1000, std::int64_t{-1} << 31,
                                  std::int64_t{-1} << 32, kLowest, kLowest + 1}) {
    EXPECT_EQ(attack(two_copies(0, seek)), "") << seek;
  }
}

TEST_F(Control, ThatSeeksBeyondTheSourceIsRefused) {
  const Attack attack_row("bsdiff4 CVE-2020-15904", "seeks beyond the buffers");
  const auto behind = static_cast<std::int64_t>(source_bytes_);
  for (const std::int64_t seek :
       {behind, behind + 1, std::int64_t{1} << 31, std::int64_t{1} << 32, kHighest, kHighest - 1}) {
    EXPECT_EQ(attack(two_copies(0, seek)), "") << seek;
  }
}

// Two seeks that each leave the source and together wrap around 2^64 to a place inside it: no fault
// by docs/format.md section 7.4 as long as nothing is copied in between.
TEST_F(Control, ThatWrapsAroundIsRefusedWhereItCopies) {
  for (const std::int64_t away : {kLowest, kHighest, std::int64_t{-1} << 40}) {
    ChunkContent content = two_copies(0, away);
    content[Column::copy_lengths] = concat({varint(target_bytes_ - 2), varint(1), varint(1)});
    content[Column::extra_lengths] = concat({varint(0), varint(0), varint(0)});
    const std::uint64_t back = ~static_cast<std::uint64_t>(away);
    append(&content[Column::source_seeks], zigzag(static_cast<std::int64_t>(back)));
    EXPECT_EQ(attack(content), "") << away;

    content[Column::copy_lengths] = concat({varint(target_bytes_ - 2), varint(0), varint(1)});
    content[Column::extra_lengths] = concat({varint(0), varint(1), varint(0)});
    content[Column::zero_runs] = varint(target_bytes_ - 2);
    content[Column::extra] = {0x5a};
    EXPECT_EQ(attack(content, Status::target_mismatch), "") << away;
  }
}

TEST_F(Control, ThatMakesNothingIsRefusedBeforeItCanLoop) {
  ChunkContent content = copy_all(0);
  content[Column::copy_lengths] = concat({varint(0), varint(target_bytes_)});
  content[Column::extra_lengths] = concat({varint(0), varint(0)});
  content[Column::source_seeks] = zigzag(0);
  EXPECT_EQ(attack(content), "");
  content[Column::copy_lengths] = Bytes(60'000, 0);
  content[Column::extra_lengths] = Bytes(60'000, 0);
  content[Column::source_seeks] = Bytes(60'000, 0);
  EXPECT_EQ(attack(content), "");
}

TEST_F(Control, ThatStopsShortIsRefused) {
  ChunkContent content = copy_all(0);
  content[Column::copy_lengths] = varint(target_bytes_ - 1);
  content[Column::zero_runs] = varint(target_bytes_ - 2);
  EXPECT_EQ(attack(content), "");
  for (std::size_t column = 0; column < column_count; ++column) {
    content = two_copies(0, 0);
    content[Column::extra_lengths] = concat({varint(0), varint(1)});
    content[Column::copy_lengths] =
        concat({varint(target_bytes_ / 2), varint(target_bytes_ - target_bytes_ / 2 - 1)});
    content[Column::zero_runs] = varint(target_bytes_ - 2);
    content[Column::extra] = {0x5a};
    content.columns[column].pop_back();
    EXPECT_EQ(attack(content), "") << "column " << column;
  }
}

TEST_F(Control, ThatLeavesBytesOverIsRefusedInEveryColumn) {
  for (std::size_t column = 0; column < column_count; ++column) {
    for (const std::uint8_t byte : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{0xff}}) {
      ChunkContent content = two_copies(0, 0);
      content.columns[column].push_back(byte);
      EXPECT_EQ(attack(content), "") << "column " << column << ", byte " << int{byte};
    }
  }
}

TEST_F(Control, WithAVarintThatIsNotTheShortestIsRefused) {
  const Bytes padded_zero = {0x80, 0x00};
  const Bytes too_long = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
  const Bytes too_large = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
  const Bytes endless(12, 0x80);
  for (const Bytes& bad : {padded_zero, too_long, too_large, endless}) {
    for (const Column column :
         {Column::extra_lengths, Column::copy_lengths, Column::source_seeks, Column::zero_runs}) {
      ChunkContent content = two_copies(0, 0);
      content[column] = bad;
      EXPECT_EQ(attack(content), "") << "column " << static_cast<int>(column);
    }
  }
}

TEST_F(Control, WithAZeroRunOfAllBytesThereAreIsRefused) {
  for (const std::uint64_t run :
       {kMax, kMax - 1, kSign, kSign - 1, target_bytes_, std::uint64_t{1} << 32}) {
    ChunkContent content = copy_all(0);
    content[Column::zero_runs] = varint(run);
    EXPECT_EQ(attack(content), "") << run;
  }
}

TEST_F(Control, OfAFullPackageThatCopiesIsRefused) {
  Victim& victim = full_victim();
  Forgery forgery(victim.package());
  const std::uint64_t bytes = forgery.chunks[0].target_bytes;
  for (const std::uint64_t position : {std::uint64_t{0}, std::uint64_t{1}, kMax}) {
    ChunkContent content;
    content.source_position = position;
    content[Column::copy_lengths] = varint(bytes);
    content[Column::extra_lengths] = varint(0);
    content[Column::diff_values] = {0};
    content[Column::zero_runs] = varint(bytes - 1);
    forgery.chunks[0] = encode_chunk(content, bytes, Coding::stored);
    EXPECT_EQ(victim.attack(forgery.seal(), {{Status::malformed_chunk}, 0, true}), "") << position;
  }
}

}  // namespace
}  // namespace romdelta::test
