#include "pkgtool/in_place_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint32_t kGroup = 256;

struct Case {
  Bytes source;
  Bytes target;
  Cover cover;
  InPlaceOptions options{.group_bytes = kGroup,
                         .erase_block_bytes = kGroup,
                         .program_unit_bytes = 32,
                         .scratch_bytes = 1 << 16};

  InPlacePlan plan() const {
    return plan_in_place(source, source, target, cover, options, no_progress);
  }
};

// Does a plan as a device would, and knows nothing of how it was made: which bytes were
// overwritten, and what was saved of them until when.
class Checker {
 public:
  Checker(const Case& the_case, const InPlacePlan& plan)
      : case_(the_case),
        plan_(plan),
        is_overwritten_(the_case.source.size() + the_case.target.size() + 2 * group()) {}

  void check() {
    check_groups();
    check_cover();
    for (std::uint32_t step = 0; step < plan_.steps.size(); ++step) do_step(step);
    EXPECT_EQ(lost_bytes_, 0u);
  }

 private:
  std::uint64_t group() const { return case_.options.group_bytes; }

  bool is_equal(std::uint64_t index) const {
    const std::uint64_t begin = index * group();
    for (std::uint64_t i = begin; i < std::min(begin + group(), case_.target.size()); ++i) {
      if (i >= case_.source.size() || case_.source[i] != case_.target[i]) return false;
    }
    return true;
  }

  bool is_written(std::uint64_t index) const {
    return std::ranges::any_of(plan_.steps,
                               [&](const InPlaceStep& step) { return step.group == index; });
  }

  // All that changed is written once, nothing else is, and holes are holes.
  void check_groups() const {
    std::set<std::uint32_t> expected;
    for (std::uint64_t i = 0; i * group() < case_.target.size(); ++i) {
      if (!is_equal(i)) expected.insert(static_cast<std::uint32_t>(i));
    }
    // A plan has a step.
    if (expected.empty() && !case_.target.empty()) expected.insert(0);
    std::set<std::uint32_t> written;
    for (const InPlaceStep& step : plan_.steps) EXPECT_TRUE(written.insert(step.group).second);
    EXPECT_EQ(written, expected);
    for (std::size_t i = 0; i < plan_.holes.size(); ++i) {
      const InPlaceHole& hole = plan_.holes[i];
      EXPECT_TRUE(i == 0 || plan_.holes[i - 1].group < hole.group);
      EXPECT_FALSE(written.contains(hole.group));
      const std::uint64_t begin = hole.group * group();
      ASSERT_LE(begin + group(), std::min(case_.source.size(), case_.target.size()));
      for (std::uint64_t j = begin; j < begin + group(); ++j) {
        EXPECT_EQ(case_.source[j], hole.fill);
        EXPECT_EQ(case_.target[j], hole.fill);
      }
    }
  }

  // Each byte that is copied comes from where it came from before; the others are counted.
  void check_cover() const {
    ASSERT_TRUE(is_valid_cover(plan_.cover, case_.source.size(), case_.target.size()));
    std::map<std::uint64_t, std::uint64_t> from;
    for (const Match& match : case_.cover) {
      for (std::uint64_t i = 0; i < match.bytes; ++i) {
        if (!is_written((match.target_offset + i) / group())) continue;
        from[match.target_offset + i] = match.source_offset + i;
      }
    }
    const std::size_t all = from.size();
    for (const Match& match : plan_.cover) {
      for (std::uint64_t i = 0; i < match.bytes; ++i) {
        const auto byte = from.find(match.target_offset + i);
        ASSERT_NE(byte, from.end());
        EXPECT_EQ(byte->second, match.source_offset + i);
        from.erase(byte);
      }
    }
    EXPECT_EQ(plan_.cost.lost_bytes, from.size());
    EXPECT_LE(plan_.cost.lost_bytes, all);
  }

  bool is_fresh(std::uint32_t grain) const {
    const std::uint64_t margin = case_.options.margin_bytes;
    const std::uint64_t begin = std::uint64_t{grain} * 64;
    for (std::uint64_t i = begin - std::min(begin, margin); i < begin + 64 + margin; ++i) {
      if (i < is_overwritten_.size() && is_overwritten_[i]) return false;
    }
    return true;
  }

  bool is_zero(std::uint32_t grain) const {
    const std::size_t begin = std::size_t{grain} * 64;
    const std::size_t end = std::min(begin + 64, case_.source.size());
    return std::all_of(case_.source.begin() + static_cast<std::ptrdiff_t>(begin),
                       case_.source.begin() + static_cast<std::ptrdiff_t>(end),
                       [](std::uint8_t byte) { return byte == 0; });
  }

  void do_step(std::uint32_t step) {
    const InPlaceStep& it = plan_.steps[step];
    const auto save = [&](const std::vector<std::uint32_t>& grains,
                          const std::vector<std::uint32_t>& until) {
      EXPECT_TRUE(std::ranges::is_sorted(grains, std::less_equal()));
      ASSERT_EQ(grains.size(), until.size());
      for (std::size_t i = 0; i < grains.size(); ++i) {
        EXPECT_TRUE(is_fresh(grains[i])) << "step " << step << " saves what is gone";
        EXPECT_LT(std::uint64_t{grains[i]} * 64, case_.source.size());
        EXPECT_LT(until[i], plan_.steps.size());
        EXPECT_TRUE(saved_until_.emplace(grains[i], until[i]).second);
      }
    };
    save(it.own, std::vector<std::uint32_t>(it.own.size(), step));
    save(it.kept, it.kept_until);
    for (const std::uint32_t until : it.kept_until) {
      EXPECT_GT(until, step);
      EXPECT_LE(until, it.kept_last_use);
    }
    const std::set<std::uint32_t> parts(it.kept_until.begin(), it.kept_until.end());
    EXPECT_LE(parts.size(), case_.options.kept_parts_max);
    check_room(step);
    const std::uint64_t begin = it.group * group();
    for (std::uint64_t i = begin; i < begin + group(); ++i) is_overwritten_[i] = true;
    // Nothing is saved that its step does not take away.
    for (const std::uint32_t grain : it.own) EXPECT_FALSE(is_fresh(grain));
    for (const std::uint32_t grain : it.kept) EXPECT_FALSE(is_fresh(grain));
    for (const Match& match : plan_.cover) check_read(step, match, begin, begin + group());
  }

  // The part of `match` that this step reads.
  void check_read(std::uint32_t step, const Match& match, std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t from = std::max(begin, match.target_offset);
    const std::uint64_t to = std::min(end, match.target_offset + match.bytes);
    for (std::uint64_t i = from; i < to; ++i) {
      const auto grain =
          static_cast<std::uint32_t>((match.source_offset + (i - match.target_offset)) / 64);
      const auto saved = saved_until_.find(grain);
      const bool is_saved = saved != saved_until_.end() && saved->second >= step;
      if (!is_fresh(grain) && !is_saved && !is_zero(grain)) ++lost_bytes_;
    }
  }

  // A lower bound of what is needed: without headers, and as if blocks could be shared.
  void check_room(std::uint32_t step) const {
    const InPlaceOptions& options = case_.options;
    const std::uint64_t block = options.erase_block_bytes;
    const std::uint64_t script = round_up(options.script_bytes, block);
    const std::uint64_t scratch = options.scratch_bytes / block * block;
    const std::uint64_t room = scratch - std::min(scratch, script) + plan_.holes.size() * group();
    std::uint64_t live = 0;
    for (const auto& [grain, until] : saved_until_) {
      if (until + 1 >= step) live += 64;
    }
    EXPECT_LE(live, room);
  }

  const Case& case_;
  const InPlacePlan& plan_;
  std::vector<bool> is_overwritten_;  // Bytes of the slot.
  std::map<std::uint32_t, std::uint32_t> saved_until_;
  std::uint64_t lost_bytes_ = 0;
};

// What is not the same in both, at the same place.
Case case_of(Bytes source, Bytes target, Cover cover) {
  Case result;
  result.source = std::move(source);
  result.target = std::move(target);
  result.cover = std::move(cover);
  return result;
}

Case random_case(Random* random) {
  Case result;
  InPlaceOptions& options = result.options;
  options.erase_block_bytes = 64u << test::pick(random, 0, 3);
  options.group_bytes =
      options.erase_block_bytes * static_cast<std::uint32_t>(test::pick(random, 1, 3));
  options.program_unit_bytes = 16u << test::pick(random, 0, 2);
  options.margin_bytes = test::pick(random, 0, 1) == 0 ? 0 : 128;
  options.scratch_bytes = options.erase_block_bytes * test::pick(random, 0, 20);
  options.script_bytes = test::pick(random, 0, options.scratch_bytes);
  options.kept_parts_max = static_cast<std::uint32_t>(test::pick(random, 1, 2));
  result.source = random_bytes(random, test::pick(random, 0, 6000));
  result.target = random_bytes(random, test::pick(random, 0, 6000));
  const std::size_t common = std::min(result.source.size(), result.target.size());
  for (std::size_t at = 0; at < common;) {
    const std::size_t end = std::min(common, at + test::pick(random, 1, 900));
    const std::uint64_t kind = test::pick(random, 0, 4);
    for (; at < end; ++at) {
      if (kind == 0) result.target[at] = result.source[at];
      if (kind == 1) result.target[at] = result.source[at] = 0xff;
      if (kind == 2) result.source[at] = 0;
    }
  }
  std::uint64_t at = test::pick(random, 0, 100);
  const std::uint64_t reach = test::pick(random, 0, 1) == 0 ? 400 : 6000;
  while (at < result.target.size() && !result.source.empty()) {
    const std::uint64_t low = at - std::min(at, reach);
    if (low >= result.source.size()) break;
    const std::uint64_t from =
        test::pick(random, low, std::min(at + reach, result.source.size() - 1));
    const std::uint64_t bytes = std::min(
        {test::pick(random, 1, 700), result.target.size() - at, result.source.size() - from});
    result.cover.push_back({at, from, bytes});
    at += bytes + test::pick(random, 0, 50);
  }
  return result;
}

std::size_t kept_grains(const InPlacePlan& plan) {
  std::size_t count = 0;
  for (const InPlaceStep& step : plan.steps) count += step.kept.size();
  return count;
}

std::vector<std::uint32_t> order_of(const InPlacePlan& plan) {
  std::vector<std::uint32_t> order;
  for (const InPlaceStep& step : plan.steps) order.push_back(step.group);
  return order;
}

// The halves of an image of 64 groups, each made of the other one.
Case swapped_halves() {
  Random random(11);
  const Bytes source = random_bytes(&random, 64 * kGroup);
  Bytes target = source;
  std::rotate(target.begin(), target.begin() + 32 * kGroup, target.end());
  return case_of(source, target, {{0, 32 * kGroup, 32 * kGroup}, {32 * kGroup, 0, 32 * kGroup}});
}

TEST(InPlacePlanner, DoesWhatItSaysInRandomCases) {
  Random random = test::seeded_random();
  for (int round = 0; round < 150 && !::testing::Test::HasFailure(); ++round) {
    const Case the_case = random_case(&random);
    Checker(the_case, the_case.plan()).check();
  }
}

TEST(InPlacePlanner, LosesNothingThatThereIsRoomFor) {
  Random random = test::seeded_random();
  for (int round = 0; round < 100; ++round) {
    Case the_case = random_case(&random);
    the_case.options.scratch_bytes = 1 << 20;
    the_case.options.script_bytes = 0;
    const InPlacePlan plan = the_case.plan();
    EXPECT_EQ(plan.cost.lost_bytes, 0u);
    EXPECT_TRUE(plan.holes.empty());
  }
}

TEST(InPlacePlanner, PlansTheSameEveryTime) {
  Random random(5);
  for (int round = 0; round < 10; ++round) {
    const Case the_case = random_case(&random);
    const InPlacePlan once = the_case.plan();
    const InPlacePlan again = the_case.plan();
    EXPECT_EQ(once.steps, again.steps);
    EXPECT_EQ(once.holes, again.holes);
    EXPECT_EQ(once.cover, again.cover);
  }
}

TEST(InPlacePlanner, WritesTheFirstGroupOfAnEqualImageAgain) {
  const Bytes image = make_image(5000, 1);
  const InPlacePlan plan = case_of(image, image, {{0, 0, 5000}}).plan();
  EXPECT_EQ(order_of(plan), (std::vector<std::uint32_t>{0}));
  EXPECT_TRUE(plan.holes.empty());
}

TEST(InPlacePlanner, PlansForEmptyImages) {
  EXPECT_TRUE(case_of({}, {}, {}).plan().steps.empty());
  EXPECT_TRUE(case_of(make_image(1000, 1), {}, {}).plan().steps.empty());
  const InPlacePlan plan = case_of({}, make_image(1000, 1), {}).plan();
  EXPECT_EQ(order_of(plan), (std::vector<std::uint32_t>{0, 1, 2, 3}));
}

TEST(InPlacePlanner, WritesWhatMovedDownFromTheFront) {
  const Bytes source = make_image(8192, 2);
  const Bytes target(source.begin() + 100, source.end());
  const Case the_case = case_of(source, target, {{0, 100, target.size()}});
  const InPlacePlan plan = the_case.plan();
  EXPECT_TRUE(std::ranges::is_sorted(order_of(plan)));
  EXPECT_EQ(kept_grains(plan), 0u);
  Checker(the_case, plan).check();
}

TEST(InPlacePlanner, WritesWhatMovedUpFromTheBack) {
  Random random(3);
  const Bytes source = random_bytes(&random, 32 * kGroup);
  Bytes target(2 * kGroup, 0x55);
  target.insert(target.end(), source.begin(), source.end());
  const Case the_case = case_of(source, target, {{2 * kGroup, 0, source.size()}});
  const InPlacePlan plan = the_case.plan();
  EXPECT_EQ(plan.cost.stash_bytes, 0u);
  Checker(the_case, plan).check();
}

TEST(InPlacePlanner, GoesUpAndDownWhereNeeded) {
  Random random(4);
  const Bytes source = random_bytes(&random, 64 * kGroup);
  Bytes target(200, 0x55);
  const std::uint64_t half = source.size() / 2;
  target.insert(target.end(), source.begin(), source.begin() + 32 * kGroup - 400);
  target.insert(target.end(), source.begin() + 32 * kGroup, source.end());
  const Case the_case = case_of(source, target, {{200, 0, half - 400}, {half - 200, half, half}});
  const InPlacePlan plan = the_case.plan();
  EXPECT_EQ(kept_grains(plan), 0u);
  Checker(the_case, plan).check();
}

TEST(InPlacePlanner, KeepsWhatIsReadInCycles) {
  const Case the_case = swapped_halves();
  const InPlacePlan plan = the_case.plan();
  EXPECT_EQ(plan.cost.lost_bytes, 0u);
  // One of each two groups is kept for the other one.
  EXPECT_EQ(kept_grains(plan), 32 * kGroup / 64);
  Checker(the_case, plan).check();
}

TEST(InPlacePlanner, SendsCyclesAsLiteralsWithoutRoom) {
  Case the_case = swapped_halves();
  the_case.options.scratch_bytes = 0;
  const InPlacePlan plan = the_case.plan();
  EXPECT_EQ(plan.cost.lost_bytes, 32 * kGroup);
  EXPECT_EQ(plan.cost.stash_bytes, 0u);
  Checker(the_case, plan).check();
}

TEST(InPlacePlanner, LendsHolesOnlyWhenNeeded) {
  Case the_case = swapped_halves();
  for (Bytes* image : {&the_case.source, &the_case.target}) {
    image->insert(image->end(), 20 * kGroup, 0xff);
  }
  EXPECT_TRUE(the_case.plan().holes.empty());
  the_case.options.scratch_bytes = 0;
  const InPlacePlan plan = the_case.plan();
  EXPECT_EQ(plan.cost.lost_bytes, 0u);
  EXPECT_FALSE(plan.holes.empty());
  EXPECT_LE(plan.holes.size(), 8u);
  Checker(the_case, plan).check();
}

TEST(InPlacePlanner, KeepsNoRoomFromTheScript) {
  Case the_case = swapped_halves();
  the_case.options.scratch_bytes = 8 * kGroup;
  EXPECT_EQ(the_case.plan().cost.lost_bytes, 0u);
  the_case.options.script_bytes = 8 * kGroup;
  EXPECT_EQ(the_case.plan().cost.lost_bytes, 32 * kGroup);
}

TEST(InPlacePlanner, SavesNoZeros) {
  Case the_case = swapped_halves();
  std::fill(the_case.source.begin(), the_case.source.begin() + 32 * kGroup, std::uint8_t{0});
  const InPlacePlan plan = the_case.plan();
  EXPECT_EQ(plan.cost.lost_bytes, 0u);
  EXPECT_EQ(plan.cost.stash_bytes, 0u);
  Checker(the_case, plan).check();
}

TEST(InPlacePlanner, RefusesGroupsThatDoNotFitTheFlash) {
  Case the_case = swapped_halves();
  the_case.options.erase_block_bytes = 100;
  EXPECT_EQ(exit_of([&] { (void)the_case.plan(); }), Exit::internal);
}

}  // namespace
}  // namespace romdelta::pkgtool
