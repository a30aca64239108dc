#include "installer/in_place_source.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/map_stream.h"
#include "tests/support/random_map.h"
#include "tests/support/spill_rig.h"

namespace romdelta::test {
namespace {

// A source in a slot of the rig, more and more of which is overwritten.
class SourceRig {
 public:
  SourceRig(Bytes image, std::optional<ReferenceMap> map, std::vector<Hole> holes = {})
      : raw(std::move(image)), holes_(std::move(holes)), rig_(shape()) {
    for (const Hole& hole : holes_) {
      std::fill_n(raw.begin() + std::ptrdiff_t{1024} * hole.group, 1024,
                  static_cast<std::uint8_t>(hole.fill));
    }
    rebased = map ? reference_rebase(raw, *map) : raw;
    rig_.manifest.sources[0].bytes = raw.size();
    rig_.manifest.plan.kept_count_max = 5;
    std::copy(raw.begin(), raw.end(), rig_.slot.begin());
    Bytes map_bytes;
    if (map) {
      map_bytes = coded_map(*map);
      rig_.manifest.map = {static_cast<std::uint32_t>(map_bytes.size()),
                           static_cast<std::uint32_t>(map->step_count()),
                           {}};
    }
    EXPECT_EQ(rig_.begin(), Status::ok);
    EXPECT_EQ(source.begin(rig_.manifest, &*rig_.spill, &rig_.arena), Status::ok);
    AlignedMemory scratch(limits::context_model_bytes);
    if (map) {
      EXPECT_EQ(source.load_map(map_bytes, scratch.span()), Status::ok);
    }
    source.set_slot({&*rig_.slot_flash, 0, rig_.slot.size()}, holes_);
    // What the spill puts into holes is nobody's source.
    for (const Hole& hole : holes_) scribble(hole.group);
    margin = map ? 128 : 0;
  }

  void scribble(std::uint32_t group) {
    std::fill_n(rig_.slot.begin() + std::ptrdiff_t{1024} * group, 1024, std::uint8_t{0xab});
  }
  void overwrite(std::uint32_t group) {
    source.set_overwritten(group);
    overwritten.insert(group);
    scribble(group);
  }
  bool is_fresh(std::uint64_t grain) const {
    const std::uint64_t begin = grain * 64 - std::min<std::uint64_t>(grain * 64, margin);
    const std::uint64_t end = grain * 64 + 64 + margin;
    for (const std::uint32_t group : overwritten) {
      const std::uint64_t first = std::uint64_t{group} * 1024;
      if (begin < first + 1024 && first < end) return false;
    }
    return true;
  }
  // Saves what is asked for of what `group` makes stale, and is fresh; what was saved.
  std::set<std::uint64_t> save(std::uint32_t group, std::uint32_t key, std::uint32_t last_step,
                               Random* random) {
    std::vector<std::uint32_t> words((source.grains_around() + 31) / 32);
    const GrainSet grains(words, source.grains_around());
    std::set<std::uint64_t> saved;
    Bytes bytes;
    for (std::uint32_t i = 0; i < source.grains_around(); ++i) {
      const std::uint64_t grain = source.grain(group, i);
      if (!source.in_source(grain) || !is_fresh(grain) || pick(random, 0, 1) == 0) continue;
      EXPECT_EQ(source.index_of(group, grain), i);
      grains.insert(i);
      saved.insert(grain);
      for (std::uint64_t at = grain * 64; at < grain * 64 + 64; ++at) {
        bytes.push_back(at < rebased.size() ? rebased[at] : std::uint8_t{0});
      }
    }
    if (saved.empty()) return saved;
    EXPECT_EQ(rig_.put_phase(key, bytes, last_step), Status::ok);
    source.add_stash(group, key, last_step, grains);
    return saved;
  }
  Bytes read(std::uint64_t begin, std::size_t count) {
    Bytes out(count, 0xcd);
    EXPECT_EQ(source.read(begin, out), Status::ok);
    return out;
  }
  Bytes part(std::uint64_t begin, std::size_t count) const {
    return to_bytes(ByteSpan(rebased).subspan(begin, count));
  }
  SpillRig& rig() { return rig_; }

  Bytes raw;
  Bytes rebased;
  InPlaceSource source;
  std::set<std::uint32_t> overwritten;
  std::uint64_t margin = 0;

 private:
  SpillShape shape() const {
    SpillShape shape;
    shape.scratch_blocks = 100;
    shape.slot_groups = 8;
    shape.flash = {1024, 16, true};
    shape.blocks_per_group = 1;
    return shape;
  }

  std::vector<Hole> holes_;
  SpillRig rig_;
};

ReferenceMap thumb_map() { return plain_map(rules::thumb, 0x08000000, {{0, 4}, {3000, 0u - 16}}); }

Bytes code() {
  Random random(7);
  return random_code(&random, 8000, rules::thumb, 0x08000000);
}

TEST(InPlaceSource, ReadsTheSlotUntilItIsOverwritten) {
  SourceRig rig(make_image(8000, 1), {});
  EXPECT_EQ(rig.source.bytes(), 8000u);
  EXPECT_EQ(rig.read(0, 4096), rig.part(0, 4096));
  EXPECT_EQ(rig.read(7900, 100), rig.part(7900, 100));
  EXPECT_EQ(rig.read(5, 0), Bytes());
  rig.overwrite(2);
  EXPECT_TRUE(rig.source.is_overwritten(2));
  EXPECT_FALSE(rig.source.is_overwritten(1));
  EXPECT_EQ(rig.read(0, 2048), rig.part(0, 2048));
  EXPECT_EQ(rig.read(3072, 4096), rig.part(3072, 4096));
  EXPECT_EQ(rig.read(2048, 1024), Bytes(1024, 0)) << "what was not saved is zero";
  EXPECT_EQ(rig.read(2047, 2), (Bytes{rig.raw[2047], 0}));
  rig.source.forget_all();
  EXPECT_FALSE(rig.source.is_overwritten(2));
}

TEST(InPlaceSource, ReadsHolesAsTheirFillByte) {
  SourceRig rig(make_image(8000, 1), {}, {{1, 0xff}, {2, 7}, {6, 0}});
  EXPECT_EQ(rig.read(1000, 3000), rig.part(1000, 3000));
  EXPECT_EQ(rig.read(1030, 10), Bytes(10, 0xff));
  EXPECT_EQ(rig.read(6143, 1100), rig.part(6143, 1100));
}

TEST(InPlaceSource, KnowsWhatAMapLooksAroundFor) {
  SourceRig rig(code(), thumb_map());
  EXPECT_EQ(rig.source.grains_around(), 20u);
  EXPECT_EQ(rig.read(0, 4096), rig.part(0, 4096));
  rig.overwrite(3);
  const std::uint64_t first = 3072 / 64;
  EXPECT_TRUE(rig.source.is_fresh(first - 3));
  EXPECT_FALSE(rig.source.is_fresh(first - 2));
  EXPECT_FALSE(rig.source.is_fresh(first + 17));
  EXPECT_TRUE(rig.source.is_fresh(first + 18));
  EXPECT_EQ(rig.source.index_of(3, first - 2), 0u);
  EXPECT_EQ(rig.source.index_of(3, first - 3), SpillSpace::none);
  EXPECT_EQ(rig.source.index_of(3, first + 17), 19u);
  EXPECT_EQ(rig.source.index_of(3, first + 18), SpillSpace::none);
  EXPECT_EQ(rig.read(3072 - 192, 64), rig.part(3072 - 192, 64));
  EXPECT_EQ(rig.read(3072 - 128, 64), Bytes(64, 0));
}

TEST(InPlaceSource, KnowsTheEndsOfTheSource) {
  SourceRig rig(code(), thumb_map());
  EXPECT_FALSE(rig.source.in_source(rig.source.grain(0, 0)));
  EXPECT_FALSE(rig.source.in_source(rig.source.grain(0, 1)));
  EXPECT_TRUE(rig.source.in_source(rig.source.grain(0, 2)));
  EXPECT_TRUE(rig.source.in_source(124));
  EXPECT_FALSE(rig.source.in_source(125));
}

TEST(InPlaceSource, ForgetsStashesThatNobodyNeeds) {
  Random random(3);
  SourceRig rig(make_image(8000, 1), {});
  (void)rig.save(4, 17, 6, &random);
  rig.overwrite(4);
  (void)rig.save(2, 21, 5, &random);
  rig.overwrite(2);
  ASSERT_NE(rig.source.stash(17), nullptr);
  EXPECT_EQ(rig.source.stash(17)->group, 4u);
  EXPECT_EQ(rig.source.stash(17)->last_step, 6u);
  EXPECT_EQ(rig.source.stash(18), nullptr);
  rig.source.drop_stashes(6);
  EXPECT_EQ(rig.source.stash(21), nullptr);
  EXPECT_NE(rig.source.stash(17), nullptr);
  EXPECT_EQ(rig.read(2048, 1024), Bytes(1024, 0));
  rig.source.drop_stashes(7);
  EXPECT_EQ(rig.source.stash(17), nullptr);
}

TEST(InPlaceSource, HoldsOneStashMoreThanThePlanSays) {
  SourceRig rig(make_image(8000, 1), {});
  std::vector<std::uint32_t> words(1, 1);
  const GrainSet grains(words, rig.source.grains_around());
  for (std::uint32_t i = 0; i < 6; ++i) rig.source.add_stash(5 - i, i, 9, grains);
  EXPECT_EQ(rig.source.stash_count(), 6u);
  for (std::uint32_t i = 0; i < 6; ++i) {
    ASSERT_NE(rig.source.stash(i), nullptr);
    EXPECT_EQ(rig.source.stash(i)->group, 5 - i);
  }
}

TEST(InPlaceSource, GivesTheFailureOfTheSpill) {
  Random random(3);
  SourceRig rig(make_image(8000, 1), {});
  const std::set<std::uint64_t> saved = rig.save(4, 17, 6, &random);
  rig.overwrite(4);
  rig.rig().faults.fail_at = rig.rig().faults.total();
  Bytes out(64);
  EXPECT_EQ(rig.source.read(*saved.begin() * 64, out), Status::flash_read_failed);
  EXPECT_EQ(rig.source.read(4096 - 64, out), Status::ok);
}

TEST(InPlaceSource, NeedsItsTables) {
  SourceRig rig(code(), thumb_map());
  AlignedMemory memory(64 * 1024);
  std::size_t needed = 0;
  for (; needed < 64 * 1024; needed += 64) {
    Arena arena(memory.span().first(needed));
    InPlaceSource source;
    const Status status = source.begin(rig.rig().manifest, &*rig.rig().spill, &arena);
    if (status == Status::ok) break;
    ASSERT_EQ(status, Status::arena_too_small);
  }
  const std::uint64_t steps = rig.rig().manifest.map.step_count;
  EXPECT_EQ(needed, 64u + 128 + 64 + (steps * 8 + 63) / 64 * 64 + 4416);
}

TEST(InPlaceSource, IsOnlyRead) {
  Bytes memory(2048);
  RamFlash flash(memory, {1024, 16, true});
  HoledFlash holed({&flash, 0, 2048}, {}, 1024);
  EXPECT_EQ(holed.size_bytes(), 2048u);
  EXPECT_EQ(holed.geometry().erase_block_bytes, 1024u);
  EXPECT_EQ(holed.erase(0, 1024), Status::flash_erase_failed);
  EXPECT_EQ(holed.program(0, Bytes(16)), Status::flash_program_failed);
  EXPECT_EQ(holed.sync(), Status::ok);
}

// Steps at random: what can be read is what is fresh or saved, the rest is zero.
TEST(InPlaceSource, ReadsWhatIsFreshOrSavedAndNothingElse) {
  Random random = seeded_random();
  for (int round = 0; round < 60; ++round) {
    std::optional<ReferenceMap> map;
    if (round % 2 == 1) map = thumb_map();
    std::vector<Hole> holes;
    if (round % 3 == 0) holes = {{5, 0x11}};
    Bytes image = code();
    image.resize(pick(&random, 7000, 8000));
    SourceRig rig(image, map, holes);
    struct Saved {
      std::set<std::uint64_t> grains;
      std::uint32_t last_step;
    };
    std::vector<Saved> stashes;
    std::vector<std::uint32_t> groups = {0, 1, 2, 3, 4, 5, 6, 7};
    if (!holes.empty()) std::erase(groups, 5u);
    std::ranges::shuffle(groups, random);
    for (std::uint32_t step = 0; step < groups.size(); ++step) {
      rig.source.drop_stashes(step);
      std::erase_if(stashes, [&](const Saved& s) { return s.last_step < step; });
      if (stashes.size() < 5) {
        const auto last = step + static_cast<std::uint32_t>(pick(&random, 0, 4));
        stashes.push_back({rig.save(groups[step], 100 + step, last, &random), last});
      }
      rig.overwrite(groups[step]);
      Bytes expected(rig.raw.size());
      for (std::uint64_t at = 0; at < expected.size(); ++at) {
        const std::uint64_t grain = at / 64;
        const bool is_saved =
            std::ranges::any_of(stashes, [&](const Saved& s) { return s.grains.contains(grain); });
        const bool is_fresh = rig.is_fresh(grain);
        ASSERT_EQ(rig.source.is_fresh(grain), is_fresh) << grain;
        expected[at] = is_saved || is_fresh ? rig.rebased[at] : std::uint8_t{0};
      }
      for (int i = 0; i < 30; ++i) {
        const std::uint64_t begin = pick(&random, 0, expected.size() - 1);
        const std::size_t count =
            pick(&random, 0, std::min<std::uint64_t>(expected.size() - begin, 4112));
        ASSERT_EQ(rig.read(begin, count), to_bytes(ByteSpan(expected).subspan(begin, count)))
            << begin << ' ' << count << " after step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace romdelta::test
