#include "installer/spill_space.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

constexpr std::uint32_t kBlock = 256;
constexpr std::uint32_t kWhole = kBlock - SpillSpace::frame_bytes;

struct Tables {
  explicit Tables(std::size_t block_count = 4, std::size_t fragment_count = 16)
      : fragments(fragment_count), blocks(block_count), space(fragments, blocks, kBlock) {}

  // The next part of a record.
  bool place(std::uint32_t key, std::uint32_t offset, std::uint32_t bytes,
             std::uint32_t last_step = 9) {
    return space.place(key, offset, bytes, last_step, &placed, &opens);
  }
  // A record of one block, in a phase of its own.
  void fill_block(std::uint32_t key, std::uint32_t last_step = 9) {
    space.begin_phase(++sequence);
    ASSERT_TRUE(place(key, 0, kWhole, last_step));
    space.seal(0);
  }

  std::vector<SpillFragment> fragments;
  std::vector<SpillBlock> blocks;
  SpillSpace space;
  std::uint32_t sequence = 0;
  SpillFragment placed;
  bool opens = false;
};

TEST(SpillSpace, StoresFragmentsInMultiplesOfEight) {
  EXPECT_EQ(SpillSpace::stored_bytes(0), 32u);
  EXPECT_EQ(SpillSpace::stored_bytes(1), 40u);
  EXPECT_EQ(SpillSpace::stored_bytes(8), 40u);
  EXPECT_EQ(SpillSpace::stored_bytes(9), 48u);
}

TEST(SpillSpace, HasKeysOfTheirOwnForEachKind) {
  EXPECT_EQ(spill_key(SpillKind::own, 5), 20u);
  EXPECT_EQ(spill_key(SpillKind::kept, 5), 21u);
  EXPECT_EQ(spill_key(SpillKind::script, 5), 22u);
}

TEST(SpillSpace, PutsFragmentsOneAfterTheOther) {
  Tables t;
  t.space.begin_phase(1);
  ASSERT_TRUE(t.place(1, 0, 10));
  EXPECT_TRUE(t.opens);
  EXPECT_EQ(t.placed.block, 0u);
  EXPECT_EQ(t.placed.at, 0u);
  ASSERT_TRUE(t.place(2, 0, 20));
  EXPECT_FALSE(t.opens);
  EXPECT_EQ(t.placed.block, 0u);
  EXPECT_EQ(t.placed.at, 48u);
  EXPECT_EQ(t.space.fragment_count(), 2u);
  EXPECT_EQ(t.space.free_count(), 3u);
}

TEST(SpillSpace, CutsARecordWhereItsBlockEnds) {
  Tables t;
  t.space.begin_phase(1);
  ASSERT_TRUE(t.place(1, 0, 300));
  EXPECT_EQ(t.placed.bytes, kWhole);
  EXPECT_EQ(t.placed.end(), kWhole);
  ASSERT_TRUE(t.place(1, kWhole, 300 - kWhole));
  EXPECT_TRUE(t.opens);
  EXPECT_EQ(t.placed.bytes, 300 - kWhole);
  EXPECT_TRUE(t.space.is_complete(1, 300));
  EXPECT_FALSE(t.space.is_complete(1, 299));
  EXPECT_FALSE(t.space.is_complete(1, 301));
  EXPECT_FALSE(t.space.is_complete(2, 1));
  EXPECT_TRUE(t.space.is_complete(2, 0));
}

TEST(SpillSpace, BeginsABlockRatherThanAVerySmallFragment) {
  Tables t;
  t.space.begin_phase(1);
  ASSERT_TRUE(t.place(1, 0, 120));
  // 104 bytes are left: 72 beside a frame.
  ASSERT_TRUE(t.place(2, 0, 1000));
  EXPECT_FALSE(t.opens);
  EXPECT_EQ(t.placed.bytes, 72u);
  ASSERT_TRUE(t.place(3, 0, 136));
  EXPECT_TRUE(t.opens);
  // 88 are left: 56 beside a frame, less than is worth it.
  ASSERT_TRUE(t.place(4, 0, 1000));
  EXPECT_TRUE(t.opens);
  ASSERT_TRUE(t.place(5, 0, 1));
  EXPECT_TRUE(t.opens);
}

TEST(SpillSpace, FindsTheFragmentOfAByte) {
  Tables t;
  t.space.begin_phase(1);
  ASSERT_TRUE(t.place(7, 0, 300));
  ASSERT_TRUE(t.place(7, kWhole, 300 - kWhole));
  EXPECT_EQ(t.space.find(7, 0)->offset, 0u);
  EXPECT_EQ(t.space.find(7, kWhole - 1)->offset, 0u);
  EXPECT_EQ(t.space.find(7, kWhole)->offset, kWhole);
  EXPECT_EQ(t.space.find(7, 299)->block, 1u);
  EXPECT_EQ(t.space.find(7, 300), nullptr);
  EXPECT_EQ(t.space.find(7, SpillSpace::none), nullptr);
  EXPECT_EQ(t.space.find(6, 0), nullptr);
  EXPECT_EQ(t.space.find(8, 0), nullptr);
  EXPECT_EQ(t.space.find(SpillSpace::none, 5), nullptr);
}

TEST(SpillSpace, NeverPlacesWhereSomethingIsNeeded) {
  Tables t(3);
  t.fill_block(1);
  t.fill_block(2);
  EXPECT_EQ(t.space.free_count(), 1u);
  t.space.begin_phase(3);
  ASSERT_TRUE(t.place(3, 0, 10));
  EXPECT_EQ(t.placed.block, 2u);
  ASSERT_TRUE(t.place(4, 0, kWhole));
  EXPECT_EQ(t.placed.block, 2u);
  EXPECT_FALSE(t.place(4, t.placed.bytes, 100)) << "all blocks are in use";
  EXPECT_TRUE(t.opens);
}

TEST(SpillSpace, NeverPlacesIntoABlockOfAnEarlierPhase) {
  Tables t;
  t.space.begin_phase(1);
  ASSERT_TRUE(t.place(1, 0, 10));
  t.space.seal(0);
  t.space.begin_phase(2);
  ASSERT_TRUE(t.place(2, 0, 10));
  EXPECT_TRUE(t.opens);
  EXPECT_EQ(t.placed.block, 1u);
}

TEST(SpillSpace, TakesBlocksInTurn) {
  Tables t;
  std::vector<std::uint32_t> taken;
  for (std::uint32_t i = 0; i < 9; ++i) {
    t.space.begin_phase(i + 1);
    ASSERT_TRUE(t.place(i, 0, 10, i));
    taken.push_back(t.placed.block);
    t.space.seal(i + 1);
  }
  EXPECT_EQ(taken, (std::vector<std::uint32_t>{0, 1, 2, 3, 0, 1, 2, 3, 0}));
}

TEST(SpillSpace, ForgetsWhatOnlyEarlierStepsNeeded) {
  Tables t;
  t.fill_block(1, 4);
  t.fill_block(2, 5);
  t.space.seal(5);
  EXPECT_EQ(t.space.find(1, 0), nullptr);
  EXPECT_NE(t.space.find(2, 0), nullptr);
  EXPECT_EQ(t.space.free_count(), 3u);
  t.space.clear();
  EXPECT_EQ(t.space.fragment_count(), 0u);
  EXPECT_EQ(t.space.free_count(), 4u);
}

TEST(SpillSpace, RefusesMoreFragmentsThanItsTableHas) {
  Tables t(4, 2);
  t.space.begin_phase(1);
  ASSERT_TRUE(t.place(1, 0, 1));
  ASSERT_TRUE(t.place(2, 0, 1));
  EXPECT_FALSE(t.place(3, 0, 1));
  EXPECT_FALSE(t.space.add({4, 0, 1, 9, 1, 0}));
  EXPECT_TRUE(t.space.add({2, 0, 1, 9, 1, 0})) << "in place of another";
}

TEST(SpillSpace, KeepsOfTwoCopiesTheOneOfTheLaterPhase) {
  for (const bool newer_first : {false, true}) {
    Tables t;
    t.space.set_sequence(0, 3);
    t.space.set_sequence(1, 7);
    const SpillFragment older{1, 0, 50, 9, 0, 0};
    const SpillFragment newer{1, 0, 50, 9, 1, 0};
    EXPECT_TRUE(t.space.add(newer_first ? newer : older));
    EXPECT_TRUE(t.space.add(newer_first ? older : newer));
    EXPECT_EQ(t.space.find(1, 0)->block, 1u);
    EXPECT_EQ(t.space.fragment_count(), 1u);
    EXPECT_TRUE(t.space.is_free(0));
    EXPECT_FALSE(t.space.is_free(1));
  }
}

TEST(SpillSpace, KnowsWhichPhaseWroteARecordLast) {
  Tables t;
  t.fill_block(5);
  t.fill_block(7);
  EXPECT_EQ(t.space.sequence_of(5), 1u);
  EXPECT_EQ(t.space.sequence_of(7), 2u);
  EXPECT_EQ(t.space.sequence_of(6), 0u);
  EXPECT_EQ(t.space.sequence_of(8), 0u);
  t.space.begin_phase(9);
  ASSERT_TRUE(t.place(5, kWhole, 10));
  EXPECT_EQ(t.space.sequence_of(5), 9u);
}

TEST(SpillSpace, CleansOnlyWhenBlocksGetScarce) {
  Tables t;
  t.space.begin_phase(1);
  ASSERT_TRUE(t.place(1, 0, 10));
  t.space.seal(0);
  t.space.begin_phase(2);
  ASSERT_TRUE(t.place(2, 0, 10));
  int copies = 0;
  const auto copy = [&](const SpillFragment&, const SpillFragment&, bool) {
    ++copies;
    return true;
  };
  EXPECT_TRUE(t.space.clean(0, 2, copy));
  EXPECT_EQ(copies, 0);
  EXPECT_TRUE(t.space.clean(0, 3, copy));
  EXPECT_EQ(copies, 1);
  EXPECT_EQ(t.space.find(1, 0)->block, 1u);
  EXPECT_FALSE(t.space.is_free(0)) << "until the phase is sealed";
  t.space.seal(0);
  EXPECT_EQ(t.space.free_count(), 3u);
}

TEST(SpillSpace, DoesNotCleanWhatIsMostlyNeeded) {
  Tables t(2);
  t.fill_block(1);
  t.space.begin_phase(2);
  ASSERT_TRUE(t.place(2, 0, 10));
  EXPECT_TRUE(t.space.clean(0, 2, [](const SpillFragment&, const SpillFragment&, bool) {
    ADD_FAILURE() << "nothing can be won";
    return true;
  }));
}

TEST(SpillSpace, StopsCleaningWhenACopyFails) {
  Tables t(3);
  t.space.begin_phase(1);
  ASSERT_TRUE(t.place(1, 0, 10));
  t.space.seal(0);
  t.space.begin_phase(2);
  ASSERT_TRUE(t.place(2, 0, 10));
  EXPECT_FALSE(
      t.space.clean(0, 2, [](const SpillFragment&, const SpillFragment&, bool) { return false; }));
}

TEST(SpillSpace, StopsCleaningWhenNoBlockIsFree) {
  Tables t(3);
  for (std::uint32_t i = 0; i < 2; ++i) {
    t.space.begin_phase(i + 1);
    ASSERT_TRUE(t.place(i, 0, 90));
    t.space.seal(0);
  }
  t.space.begin_phase(3);
  ASSERT_TRUE(t.place(5, 0, 200));
  EXPECT_TRUE(t.space.clean(0, 3, [](const SpillFragment&, const SpillFragment&, bool) {
    ADD_FAILURE() << "there is no place";
    return true;
  }));
  EXPECT_TRUE(t.space.is_complete(0, 90));
  EXPECT_TRUE(t.space.is_complete(1, 90));
}

// What would lie on the flash, and what must not be lost of it.
class SpaceModel {
 public:
  SpaceModel(Random* random, std::uint32_t block_count, std::uint32_t block_bytes)
      : random_(*random),
        fragments_(400),
        table_(block_count),
        space_(fragments_, table_, block_bytes),
        block_bytes_(block_bytes),
        flash_(block_count) {}

  void run_phase(std::uint32_t step, std::uint32_t reserve) {
    space_.begin_phase(++sequence_);
    const std::vector<SpillFragment> before = valid_;
    placed_.clear();
    for (auto records = pick(&random_, 0, 3); records != 0; --records) {
      if (!place_record(step)) break;
    }
    const bool cleaned = space_.clean(
        step, reserve, [&](const SpillFragment& from, const SpillFragment& to, bool opens) {
          EXPECT_EQ(flash_[from.block].at(from.at).key, from.key);
          EXPECT_GE(from.last_step, step);
          write(to, opens);
          return true;
        });
    EXPECT_TRUE(cleaned);
    // Power could fail now: all that was valid is still there.
    for (const SpillFragment& each : before) expect_on_flash(each);
    space_.seal(step);
    std::erase_if(records_, [&](const auto& it) { return it.second.last_step < step; });
    check();
  }

 private:
  struct Record {
    std::uint32_t bytes = 0;
    std::uint32_t last_step = 0;
  };

  bool place_record(std::uint32_t step) {
    const std::uint32_t key = ++last_key_;
    const Record record{static_cast<std::uint32_t>(pick(&random_, 1, 3 * block_bytes_)),
                        step + static_cast<std::uint32_t>(pick(&random_, 0, 12))};
    std::uint32_t at = 0;
    while (at < record.bytes) {
      SpillFragment fragment;
      bool opens = false;
      if (!space_.place(key, at, record.bytes - at, record.last_step, &fragment, &opens)) {
        EXPECT_EQ(space_.free_count(), 0u);
        // The engine gives up here; this test lets the rest be lost.
        return false;
      }
      EXPECT_EQ(fragment.offset, at);
      EXPECT_GT(fragment.bytes, 0u);
      write(fragment, opens);
      at += fragment.bytes;
    }
    records_[key] = record;
    return true;
  }

  void write(const SpillFragment& fragment, bool opens) {
    auto& block = flash_[fragment.block];
    if (opens) {
      for (const SpillFragment& each : valid_) {
        EXPECT_NE(each.block, fragment.block) << "something valid lies there";
      }
      for (const SpillFragment& each : placed_) EXPECT_NE(each.block, fragment.block);
      block.clear();
    }
    const std::uint32_t end =
        block.empty()
            ? 0
            : block.rbegin()->first + SpillSpace::stored_bytes(block.rbegin()->second.bytes);
    EXPECT_EQ(fragment.at, end) << "one after the other";
    EXPECT_LE(fragment.at + SpillSpace::frame_bytes + fragment.bytes, block_bytes_);
    block[fragment.at] = fragment;
    placed_.push_back(fragment);
  }

  void expect_on_flash(const SpillFragment& each) const {
    const auto found = flash_[each.block].find(each.at);
    ASSERT_NE(found, flash_[each.block].end());
    EXPECT_EQ(found->second.key, each.key);
    EXPECT_EQ(found->second.offset, each.offset);
  }

  void check() {
    valid_.clear();
    std::vector<bool> used(flash_.size());
    for (const auto& [key, record] : records_) {
      ASSERT_TRUE(space_.is_complete(key, record.bytes));
      for (std::uint32_t at = 0; at < record.bytes; at = valid_.back().end()) {
        const SpillFragment* fragment = space_.find(key, at);
        ASSERT_NE(fragment, nullptr);
        ASSERT_EQ(fragment->offset, at);
        expect_on_flash(*fragment);
        used[fragment->block] = true;
        valid_.push_back(*fragment);
      }
    }
    for (std::uint32_t block = 0; block < flash_.size(); ++block) {
      ASSERT_FALSE(used[block] && space_.is_free(block));
    }
  }

  Random& random_;
  std::vector<SpillFragment> fragments_;
  std::vector<SpillBlock> table_;
  SpillSpace space_;
  std::uint32_t block_bytes_;
  std::vector<std::map<std::uint32_t, SpillFragment>> flash_;  // By offset.
  std::map<std::uint32_t, Record> records_;
  std::vector<SpillFragment> valid_;   // When the last phase was sealed.
  std::vector<SpillFragment> placed_;  // In this phase.
  std::uint32_t last_key_ = 0;
  std::uint32_t sequence_ = 0;
};

TEST(SpillSpace, LosesNothingInAnyOrderOfPhases) {
  Random random = seeded_random();
  for (int round = 0; round < 60; ++round) {
    const auto blocks = static_cast<std::uint32_t>(pick(&random, 1, 24));
    const auto block_bytes = static_cast<std::uint32_t>(8 * pick(&random, 12, 100));
    const auto reserve = static_cast<std::uint32_t>(pick(&random, 0, 3));
    SpaceModel model(&random, blocks, block_bytes);
    std::uint32_t step = 0;
    for (int phase = 0; phase < 80; ++phase) {
      step += static_cast<std::uint32_t>(pick(&random, 0, 2));
      model.run_phase(step, reserve);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace romdelta::test
