#include "installer/patcher.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/package_maker.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

// Control by hand: what encode_chunk would store, as one varint each.
Bytes varints(std::initializer_list<std::uint64_t> values) {
  return written_by([&](ByteWriter* writer) {
    for (const std::uint64_t value : values) writer->varint(value);
  });
}
Bytes zigzags(std::initializer_list<std::int64_t> values) {
  return written_by([&](ByteWriter* writer) {
    for (const std::int64_t value : values) writer->zigzag(value);
  });
}

constexpr std::uint64_t kMost = ~std::uint64_t{0};

class PatcherTest : public ::testing::Test {
 protected:
  Status patch(const ChunkContent& content, std::uint64_t target_bytes) {
    ChunkHeader header;
    header.source_position = content.source_position;
    Columns columns;
    for (std::size_t i = 0; i < column_count; ++i) columns.content[i] = content.columns[i];
    std::fill(target_.begin(), target_.end(), std::uint8_t{0xff});
    FlashWriter writer({&target_flash_, 0, target_.size()}, 0, group_, *kernels_);
    const Source source = {{&counted_, 0, source_.size()}, source_bytes_};
    const Status status = patch_chunk(header, columns, source, target_bytes, *kernels_, &writer);
    return status == Status::ok ? writer.flush() : status;
  }
  Bytes produced(std::size_t count) const {
    return {target_.begin(), target_.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  // Copies 10 bytes from 4, adds 2 literals, goes back 9, copies 8: all columns are in use.
  static ChunkContent sample() {
    ChunkContent content;
    content.source_position = 4;
    content[Column::copy_lengths] = varints({10, 8});
    content[Column::extra_lengths] = varints({2, 0});
    content[Column::source_seeks] = zigzags({-9});
    content[Column::diff_values] = {0, 5, 0};
    content[Column::zero_runs] = varints({2, 13});
    content[Column::extra] = {0xaa, 0xbb};
    return content;
  }
  Status patch_edited(const std::function<void(ChunkContent*)>& edit,
                      std::uint64_t target_bytes = 20) {
    ChunkContent content = sample();
    edit(&content);
    return patch(content, target_bytes);
  }

  Bytes source_ = make_image(1024, 1);
  std::uint64_t source_bytes_ = 1000;
  RamFlash source_flash_{source_, disk_geometry};
  FaultPlan plan_;
  FaultyFlash counted_{&source_flash_, &plan_};
  Bytes target_ = Bytes(8192);
  RamFlash target_flash_{target_, {512, 1, false}};
  Bytes group_ = Bytes(512);
  const Kernels* kernels_ = &best_kernels();
};

TEST_F(PatcherTest, CopiesAddsAndSeeks) {
  ASSERT_EQ(patch(sample(), 20), Status::ok);
  Bytes expected;
  append(&expected, ByteSpan(source_).subspan(4, 10));
  expected[3] = static_cast<std::uint8_t>(expected[3] + 5);
  append(&expected, Bytes{0xaa, 0xbb});
  append(&expected, ByteSpan(source_).subspan(5, 8));
  EXPECT_EQ(to_hex(produced(20)), to_hex(expected));
}

TEST_F(PatcherTest, MakesTheTargetOfRandomPiecesWithEveryKernel) {
  Random random = seeded_random();
  for (int round = 0; round < 200; ++round) {
    std::vector<Piece> pieces(pick(&random, 1, 8));
    std::uint64_t target_bytes = 0;
    for (Piece& piece : pieces) {
      piece.copy_bytes = pick(&random, 0, 400);
      piece.extra_bytes = pick(&random, piece.copy_bytes == 0 ? 1 : 0, 300);
      piece.source_offset = pick(&random, 0, source_bytes_ - piece.copy_bytes);
      target_bytes += piece.copy_bytes + piece.extra_bytes;
    }
    Bytes target = make_image(target_bytes, random());
    std::size_t at = 0;
    for (const Piece& piece : pieces) {
      for (std::size_t i = 0; i < piece.copy_bytes; ++i) {
        const bool differs = pick(&random, 0, 9) == 0;
        if (!differs) target[at + i] = source_[piece.source_offset + i];
      }
      at += piece.copy_bytes + piece.extra_bytes;
    }
    const ChunkContent content = make_content(source_, target, pieces);
    for (const Kernels* const* table = available_kernels(); *table != nullptr; ++table) {
      kernels_ = *table;
      ASSERT_EQ(patch(content, target_bytes), Status::ok);
      ASSERT_EQ(produced(target_bytes), target) << (*table)->name;
    }
  }
}

TEST_F(PatcherTest, ReadsTheSourceToItsLastByte) {
  const std::vector<Piece> pieces = {{990, 10, 0}};
  const ByteSpan same = ByteSpan(source_).subspan(990, 10);
  ASSERT_EQ(patch(make_content(source_, same, pieces), 10), Status::ok);
  EXPECT_EQ(produced(10), to_bytes(same));
}

TEST_F(PatcherTest, RefusesEmptyTriples) {
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::copy_lengths] = varints({10, 0, 8});
              (*c)[Column::extra_lengths] = varints({2, 0, 0});
              (*c)[Column::source_seeks] = zigzags({0, -9});
            }),
            Status::malformed_chunk);
}

TEST_F(PatcherTest, RefusesTriplesLongerThanTheTarget) {
  EXPECT_EQ(patch_edited([](ChunkContent*) {}, 19), Status::malformed_chunk);
  EXPECT_EQ(patch_edited([](ChunkContent*) {}, 21), Status::malformed_chunk);
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::copy_lengths] = varints({21, 8});
            }),
            Status::malformed_chunk);
}

TEST_F(PatcherTest, RefusesLengthsWhoseSumWraps) {
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::copy_lengths] = varints({kMost, 8});
              (*c)[Column::extra_lengths] = varints({13, 0});
            }),
            Status::malformed_chunk);
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::extra_lengths] = varints({kMost, 0});
            }),
            Status::malformed_chunk);
}

TEST_F(PatcherTest, RefusesCopiesOutsideTheSource) {
  const auto copy_at = [&](std::uint64_t position) {
    return patch_edited([&](ChunkContent* c) { c->source_position = position; });
  };
  EXPECT_EQ(copy_at(990), Status::ok);
  EXPECT_EQ(copy_at(991), Status::malformed_chunk);
  EXPECT_EQ(copy_at(1001), Status::malformed_chunk);
  EXPECT_EQ(copy_at(kMost), Status::malformed_chunk);
  EXPECT_EQ(copy_at(kMost - 5), Status::malformed_chunk);
}

TEST_F(PatcherTest, NeverReadsOutsideTheSource) {
  source_bytes_ = 0;
  EXPECT_EQ(patch(sample(), 20), Status::malformed_chunk);
  EXPECT_EQ(plan_.total(), 0u);
}

TEST_F(PatcherTest, WrapsSeeksAndRefusesWhereTheyEnd) {
  const auto seek_by = [&](std::int64_t distance) {
    return patch_edited([&](ChunkContent* c) { (*c)[Column::source_seeks] = zigzags({distance}); });
  };
  EXPECT_EQ(seek_by(-14), Status::ok);
  EXPECT_EQ(seek_by(-15), Status::malformed_chunk);
  EXPECT_EQ(seek_by(1000 - 14 - 8), Status::ok);
  EXPECT_EQ(seek_by(1000 - 14 - 7), Status::malformed_chunk);
  EXPECT_EQ(seek_by(INT64_MAX), Status::malformed_chunk);
  EXPECT_EQ(seek_by(INT64_MIN), Status::malformed_chunk);
}

TEST_F(PatcherTest, AllowsAPositionOutsideTheSourceThatIsNotRead) {
  EXPECT_EQ(patch_edited(
                [](ChunkContent* c) {
                  (*c)[Column::copy_lengths] = varints({0, 8});
                  (*c)[Column::diff_values] = {0};
                  (*c)[Column::zero_runs] = varints({7});
                  c->source_position = kMost;
                  (*c)[Column::source_seeks] = zigzags({1});
                },
                10),
            Status::ok);
}

TEST_F(PatcherTest, RefusesEveryColumnThatIsShortOrLeftOver) {
  for (std::size_t column = 0; column < column_count; ++column) {
    EXPECT_EQ(patch_edited([&](ChunkContent* c) { c->columns[column].pop_back(); }),
              Status::malformed_chunk)
        << column;
    EXPECT_EQ(patch_edited([&](ChunkContent* c) { c->columns[column].push_back(0); }),
              Status::malformed_chunk)
        << column;
    EXPECT_EQ(patch_edited([&](ChunkContent* c) { c->columns[column].clear(); }),
              Status::malformed_chunk)
        << column;
  }
}

TEST_F(PatcherTest, RefusesZeroRunsBeyondTheCopies) {
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::zero_runs] = varints({2, 14});
            }),
            Status::malformed_chunk);
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::zero_runs] = varints({2, kMost});
            }),
            Status::malformed_chunk);
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::zero_runs] = varints({2, kMost - 1});
            }),
            Status::malformed_chunk);
}

TEST_F(PatcherTest, CarriesAZeroRunFromOneTripleIntoTheNext) {
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::diff_values] = {0};
              (*c)[Column::zero_runs] = varints({17});
            }),
            Status::ok);
}

TEST_F(PatcherTest, RefusesVarintsThatAreNotShortest) {
  EXPECT_EQ(patch_edited([](ChunkContent* c) {
              (*c)[Column::copy_lengths] = {0x8a, 0x00, 8};
            }),
            Status::malformed_chunk);
}

TEST_F(PatcherTest, PassesOnFailedReadsOfTheSource) {
  plan_.fail_at = 1;
  EXPECT_EQ(patch(sample(), 20), Status::flash_read_failed);
}

TEST_F(PatcherTest, MakesNothingOfNothing) {
  EXPECT_EQ(patch({}, 0), Status::ok);
  EXPECT_EQ(patch_edited([](ChunkContent*) {}, 0), Status::malformed_chunk);
}

TEST_F(PatcherTest, NeverCrashesOnDamagedColumns) {
  Random random = seeded_random();
  for (int round = 0; round < 20000; ++round) {
    ChunkContent content = sample();
    Bytes& column = content.columns[pick(&random, 0, column_count - 1)];
    column[pick(&random, 0, column.size() - 1)] = static_cast<std::uint8_t>(random());
    const Status status = patch(content, 20);
    ASSERT_TRUE(status == Status::ok || status == Status::malformed_chunk);
  }
}

}  // namespace
}  // namespace romdelta::test
