#include "installer/spill.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/random.h"
#include "tests/support/spill_rig.h"

namespace romdelta::test {
namespace {

constexpr FlashGeometry kOverwriting = {512, 512, false};

SpillShape disk_shape() {
  SpillShape shape;
  shape.flash = kOverwriting;
  shape.program_unit_bytes = 512;
  return shape;
}

TEST(Spill, ReadsBackWhatWasWritten) {
  SpillRig rig;
  const Bytes one = make_image(1000, 1);
  const Bytes two = make_image(70, 2);
  rig.spill->begin_phase();
  ASSERT_EQ(rig.put(1, one), Status::ok);
  ASSERT_EQ(rig.put(2, two), Status::ok);
  // The end of it is not programmed yet.
  EXPECT_EQ(rig.get(1, 1000), one);
  EXPECT_EQ(rig.get(2, 70), two);
  ASSERT_EQ(rig.spill->sync(), Status::ok);
  EXPECT_EQ(rig.get(1, 1000), one);
  EXPECT_EQ(rig.get(2, 70), two);
  EXPECT_EQ(rig.spill->sequence(), 1u);
}

TEST(Spill, ReadsAnyPartOfARecordWhileItIsWritten) {
  Random random = seeded_random();
  for (const SpillShape& shape : {SpillShape{}, disk_shape()}) {
    SpillRig rig(shape);
    const Bytes content = random_bytes(&random, 2500);
    rig.spill->begin_phase();
    rig.spill->begin_record(9, 2500, 5);
    for (std::size_t at = 0; at < content.size();) {
      EXPECT_FALSE(rig.spill->is_record_complete());
      const std::size_t count = std::min<std::size_t>(pick(&random, 1, 300), content.size() - at);
      ASSERT_EQ(rig.spill->append(ByteSpan(content).subspan(at, count)), Status::ok);
      at += count;
      for (int read = 0; read < 20; ++read) {
        const std::size_t begin = pick(&random, 0, at - 1);
        Bytes part(pick(&random, 0, at - begin));
        ASSERT_EQ(rig.spill->read(9, static_cast<std::uint32_t>(begin), part), Status::ok);
        ASSERT_TRUE(std::equal(part.begin(), part.end(),
                               content.begin() + static_cast<std::ptrdiff_t>(begin)));
      }
    }
    EXPECT_TRUE(rig.spill->is_record_complete());
    EXPECT_TRUE(rig.spill->is_complete(9, 2500));
  }
}

TEST(Spill, ReadsNothingThatIsNotThere) {
  SpillRig rig;
  ASSERT_EQ(rig.put_phase(1, make_image(100, 1)), Status::ok);
  Bytes out(10);
  EXPECT_EQ(rig.spill->read(1, 90, out), Status::ok);
  EXPECT_EQ(rig.spill->read(1, 91, out), Status::source_damaged);
  EXPECT_EQ(rig.spill->read(2, 0, out), Status::source_damaged);
  EXPECT_EQ(rig.spill->read(2, 0, {}), Status::ok);
}

TEST(Spill, TakesNoMoreThanARecordWasSaidToHave) {
  SpillRig rig;
  rig.spill->begin_phase();
  rig.spill->begin_record(1, 10, 5);
  EXPECT_EQ(rig.spill->append(Bytes(11)), Status::malformed_chunk);
  EXPECT_EQ(rig.spill->append(Bytes(10)), Status::ok);
  EXPECT_EQ(rig.spill->append(Bytes(1)), Status::malformed_chunk);
}

TEST(Spill, SaysWhenItIsFull) {
  SpillRig rig;
  EXPECT_EQ(rig.put_phase(1, Bytes(8 * 480)), Status::ok);
  rig.spill->begin_phase();
  EXPECT_EQ(rig.put(2, Bytes(1)), Status::scratch_too_small);
  SpillShape none;
  none.scratch_blocks = 0;
  SpillRig empty(none);
  empty.spill->begin_phase();
  EXPECT_EQ(empty.put(1, Bytes(1)), Status::scratch_too_small);
  EXPECT_EQ(empty.spill->sync(), Status::ok);
}

TEST(Spill, IsFoundAgainAfterABoot) {
  for (const SpillShape& shape : {SpillShape{}, disk_shape()}) {
    SpillRig rig(shape);
    const Bytes one = make_image(700, 1);
    const Bytes two = make_image(1100, 2);
    ASSERT_EQ(rig.put_phase(1, one), Status::ok);
    ASSERT_EQ(rig.put_phase(2, two), Status::ok);
    ASSERT_EQ(rig.boot(), Status::ok);
    EXPECT_EQ(rig.spill->sequence(), 2u);
    EXPECT_EQ(rig.get(1, 700), one);
    EXPECT_EQ(rig.get(2, 1100), two);
    // And goes on where it was.
    ASSERT_EQ(rig.put_phase(3, Bytes(50, 7)), Status::ok);
    EXPECT_EQ(rig.spill->sequence(), 3u);
    EXPECT_EQ(rig.get(1, 700), one);
    EXPECT_EQ(rig.get(3, 50), Bytes(50, 7));
  }
}

TEST(Spill, CountsAfterABootOnlyWhatTheJournalNames) {
  SpillRig rig;
  ASSERT_EQ(rig.put_phase(1, Bytes(100, 1)), Status::ok);
  ASSERT_EQ(rig.put_phase(2, Bytes(100, 2)), Status::ok);
  ASSERT_EQ(rig.boot(1), Status::ok);
  EXPECT_EQ(rig.get(1, 100), Bytes(100, 1));
  EXPECT_EQ(rig.get(2, 100), Bytes());
  EXPECT_EQ(rig.spill->sequence(), 2u) << "no later phase may have the number of one that is there";
  ASSERT_EQ(rig.boot(0), Status::ok);
  EXPECT_EQ(rig.get(1, 100), Bytes());
  ASSERT_EQ(rig.boot(9), Status::ok);
  EXPECT_EQ(rig.spill->sequence(), 9u);
}

TEST(Spill, ForgetsAtABootWhatNobodyNeeds) {
  SpillRig rig;
  ASSERT_EQ(rig.put_phase(1, Bytes(100, 1)), Status::ok);
  ASSERT_EQ(rig.boot(SpillSpace::none, SpillSpace::none), Status::ok);
  EXPECT_EQ(rig.get(1, 100), Bytes());
  EXPECT_EQ(rig.spill->sequence(), 1u);
}

TEST(Spill, RefusesMoreThanItsTableHoldsAtABoot) {
  SpillRig rig;
  for (std::uint32_t key = 1; key <= 3; ++key) {
    ASSERT_EQ(rig.put_phase(key, Bytes(100)), Status::ok);
  }
  rig.manifest.plan.fragment_count_max = 3;
  EXPECT_EQ(rig.boot(), Status::ok);
  rig.manifest.plan.fragment_count_max = 2;
  EXPECT_EQ(rig.boot(), Status::malformed_chunk);
}

TEST(Spill, DoesNotKnowWhatAnotherPackageLeft) {
  SpillRig rig;
  ASSERT_EQ(rig.put_phase(1, Bytes(100, 1)), Status::ok);
  rig.digest.value[0] ^= 1;
  ASSERT_EQ(rig.boot(), Status::ok);
  EXPECT_EQ(rig.get(1, 100), Bytes());
  EXPECT_EQ(rig.spill->sequence(), 0u);
}

TEST(Spill, IgnoresAFragmentOfWhichAnyByteIsWrong) {
  SpillRig rig;
  const Bytes first = make_image(61, 1);
  const Bytes second = make_image(45, 2);
  rig.spill->begin_phase();
  ASSERT_EQ(rig.put(1, first), Status::ok);
  ASSERT_EQ(rig.put(2, second), Status::ok);
  ASSERT_EQ(rig.spill->sync(), Status::ok);
  const Bytes good = rig.scratch;
  const std::size_t frame_end = 24 + 61 + 8;
  for (std::size_t at = 0; at < SpillSpace::stored_bytes(61) + 77; ++at) {
    rig.scratch = good;
    rig.scratch[at] ^= 0x10;
    ASSERT_EQ(rig.boot(), Status::ok);
    const bool is_padding = at >= frame_end && at < SpillSpace::stored_bytes(61);
    if (is_padding) continue;
    const bool is_first = at < frame_end;
    EXPECT_EQ(rig.get(1, 61), is_first ? Bytes() : first) << at;
    // What lies behind a header that is not one is not found.
    const bool is_header = at < 24;
    EXPECT_EQ(rig.get(2, 45), is_first && !is_header ? second : Bytes()) << at;
  }
}

TEST(Spill, FindsTheOlderOfTwoCopiesWhenTheNewerIsTorn) {
  SpillRig rig;
  const Bytes content = make_image(100, 1);
  ASSERT_EQ(rig.put_phase(1, content), Status::ok);
  ASSERT_EQ(rig.put_phase(1, content), Status::ok);
  rig.scratch[512 + 60] ^= 1;
  ASSERT_EQ(rig.boot(), Status::ok);
  EXPECT_EQ(rig.get(1, 100), content);
}

// What an earlier phase left behind the end of a later one: storage that overwrites does not erase.
TEST(Spill, IgnoresWhatAnEarlierPhaseLeftInItsBlock) {
  SpillShape shape;
  shape.flash = {512, 64, false};
  shape.program_unit_bytes = 64;
  shape.scratch_blocks = 1;
  shape.reserve_blocks = 0;
  SpillRig rig(shape);
  rig.spill->begin_phase();
  ASSERT_EQ(rig.put(1, Bytes(96, 1), 0), Status::ok);  // 128 bytes with its frame.
  ASSERT_EQ(rig.put(2, Bytes(96, 2), 0), Status::ok);
  ASSERT_EQ(rig.spill->sync(), Status::ok);
  rig.spill->seal(1);
  ASSERT_EQ(rig.put_phase(3, Bytes(96, 3)), Status::ok);
  ASSERT_EQ(rig.boot(), Status::ok);
  EXPECT_EQ(rig.get(3, 96), Bytes(96, 3));
  EXPECT_EQ(rig.get(2, 96), Bytes());
}

TEST(Spill, MakesUnreadableWhatNeverBecameValid) {
  for (const SpillShape& shape : {SpillShape{}, disk_shape()}) {
    SpillRig rig(shape);
    ASSERT_EQ(rig.put_phase(1, Bytes(100, 1)), Status::ok);
    ASSERT_EQ(rig.put_phase(2, Bytes(600, 2)), Status::ok);
    ASSERT_EQ(rig.boot(1), Status::ok);
    ASSERT_EQ(rig.spill->wipe_unused(), Status::ok);
    ASSERT_EQ(rig.boot(), Status::ok);
    EXPECT_EQ(rig.spill->sequence(), 1u);
    EXPECT_EQ(rig.get(1, 100), Bytes(100, 1));
    EXPECT_EQ(rig.get(2, 600), Bytes());
    // Also what reads blank: it may have been programmed when power failed.
    const std::uint64_t before = rig.faults.writes();
    ASSERT_EQ(rig.spill->wipe_unused(), Status::ok);
    EXPECT_GT(rig.faults.writes(), before);
  }
}

TEST(Spill, SyncsWhatItMadeUnreadable) {
  SpillRig rig;
  rig.faults.reset();
  ASSERT_EQ(rig.spill->wipe_unused(), Status::ok);
  EXPECT_NE(rig.faults.writes(), 0u);
  EXPECT_EQ(rig.faults.count(FlashOperation::sync), 1u);
}

TEST(Spill, CopiesWhatIsNeededOutOfItsWay) {
  SpillRig rig;
  std::map<std::uint32_t, Bytes> records;
  for (std::uint32_t key = 0; key < 30; ++key) {
    records[key] = make_image(120, key);
    // A record in four stays.
    const std::uint32_t last_step = key % 4 == 0 ? 1000 : key;
    ASSERT_EQ(rig.put_phase(key, records[key], last_step, key), Status::ok) << key;
  }
  for (const bool boots : {false, true}) {
    if (boots) {
      ASSERT_EQ(rig.boot(), Status::ok);
    }
    for (std::uint32_t key = 0; key < 30; key += 4) EXPECT_EQ(rig.get(key, 120), records[key]);
  }
}

TEST(Spill, DoesNotCopyWhatHasGoneBad) {
  SpillShape shape;
  shape.scratch_blocks = 3;
  shape.reserve_blocks = 2;
  for (const std::size_t at : {24u, 99u, 124u, 131u}) {
    SpillRig rig(shape);
    ASSERT_EQ(rig.put_phase(1, make_image(100, 1)), Status::ok);
    rig.scratch[at] ^= 1;
    rig.spill->begin_phase();
    ASSERT_EQ(rig.put(2, Bytes(10)), Status::ok);
    EXPECT_EQ(rig.spill->clean(0), Status::source_damaged) << at;
  }
}

TEST(Spill, LiesInHolesWhenTheScratchIsFull) {
  SpillShape shape;
  shape.scratch_blocks = 1;
  shape.holes = {{1, 0}, {4, 0xff}};
  SpillRig rig(shape);
  const Bytes slot = rig.slot;
  const Bytes content = make_image(5 * 480, 1);
  ASSERT_EQ(rig.put_phase(1, content), Status::ok);
  EXPECT_EQ(rig.get(1, content.size()), content);
  ASSERT_EQ(rig.boot(), Status::ok);
  EXPECT_EQ(rig.get(1, content.size()), content);
  for (std::size_t at = 0; at < slot.size(); ++at) {
    const std::size_t group = at / 1024;
    ASSERT_TRUE(group == 1 || group == 4 || rig.slot[at] == slot[at]) << at;
  }
  rig.spill->begin_phase();
  EXPECT_EQ(rig.put(2, Bytes(1)), Status::scratch_too_small);
}

TEST(Spill, LiesInHolesAloneWithoutScratch) {
  SpillShape shape;
  shape.scratch_blocks = 0;
  shape.holes = {{7, 0}};
  SpillRig rig(shape);
  ASSERT_EQ(rig.put_phase(1, Bytes(600, 3)), Status::ok);
  ASSERT_EQ(rig.boot(), Status::ok);
  EXPECT_EQ(rig.get(1, 600), Bytes(600, 3));
}

TEST(Spill, NeedsItsTables) {
  SpillRig rig;
  for (const std::size_t count : {std::size_t{0}, std::size_t{64 * 24}, std::size_t{64 * 24 + 128},
                                  std::size_t{64 * 24 + 128 + 4095}}) {
    Arena arena(rig.memory.span().first(count));
    EXPECT_EQ(Spill().begin(rig.manifest, rig.digest, &arena), Status::arena_too_small) << count;
  }
  Arena arena(rig.memory.span().first(64 * 24 + 128 + 4096));
  EXPECT_EQ(Spill().begin(rig.manifest, rig.digest, &arena), Status::ok);
}

TEST(Spill, ReportsEveryFailureOfTheFlash) {
  const auto work = [](SpillRig* rig) {
    for (std::uint32_t key = 0; key < 12; ++key) {
      const std::uint32_t last_step = key % 3 == 0 ? 1000 : key;
      const Status status = rig->put_phase(key, Bytes(500, 1), last_step, key);
      if (status != Status::ok) return status;
    }
    Status status = rig->boot(10);
    if (status == Status::ok) status = rig->spill->wipe_unused();
    Bytes out(500);
    return status == Status::ok ? rig->spill->read(0, 0, out) : status;
  };
  for (const FlashGeometry& geometry : {nor_geometry, kOverwriting}) {
    SpillShape shape;
    shape.flash = geometry;
    shape.program_unit_bytes = geometry.program_unit_bytes;
    shape.holes = {{2, 0}};
    shape.scratch_blocks = 14;
    SpillRig whole(shape);
    ASSERT_EQ(work(&whole), Status::ok);
    const std::uint64_t operations = whole.faults.total();
    for (std::uint64_t fail_at = 0; fail_at < operations; ++fail_at) {
      SpillRig rig(shape);
      rig.faults.fail_at = fail_at;
      const Status status = work(&rig);
      ASSERT_TRUE(rig.faults.fired);
      constexpr std::array<Status, flash_operation_count> expected = {
          Status::flash_read_failed, Status::flash_erase_failed, Status::flash_program_failed,
          Status::flash_sync_failed};
      EXPECT_EQ(status, expected[static_cast<std::size_t>(rig.faults.fired_on)]) << fail_at;
    }
  }
}

TEST(Spill, HasWhatItSaidItHasAfterACutAnywhere) {
  Random random = seeded_random();
  for (int round = 0; round < 300; ++round) {
    SpillShape shape = round % 2 == 0 ? SpillShape{} : disk_shape();
    shape.holes = {{1, 0}};
    shape.reserve_blocks = 2;
    SpillRig rig(shape);
    std::map<std::uint32_t, Bytes> valid;
    std::uint32_t valid_sequence = 0;
    rig.faults.fail_at = pick(&random, 0, 150);
    rig.faults.for_good = true;
    rig.faults.effect = static_cast<FaultPlan::Effect>(pick(&random, 0, 2));
    for (std::uint32_t step = 0; step < 40; ++step) {
      const Bytes content = random_bytes(&random, pick(&random, 1, 700));
      const bool stays = step % 4 == 0;
      const Status status = rig.put_phase(step, content, stays ? step + 8 : step, step);
      if (status != Status::ok) break;
      valid[step] = content;
      std::erase_if(valid, [&](const auto& it) {
        return it.first % 4 == 0 ? it.first + 8 < step : it.first < step;
      });
      valid_sequence = rig.spill->sequence();
    }
    rig.faults.reset();
    ASSERT_EQ(rig.boot(valid_sequence), Status::ok);
    ASSERT_EQ(rig.spill->wipe_unused(), Status::ok);
    for (const auto& [key, content] : valid) ASSERT_EQ(rig.get(key, content.size()), content);
  }
}

}  // namespace
}  // namespace romdelta::test
