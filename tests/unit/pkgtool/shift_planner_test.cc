#include "pkgtool/shift_planner.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

std::vector<MapStep> planned(std::int64_t step_bits, const std::vector<Evidence>& evidence) {
  ShiftPlanner planner(step_bits);
  for (const Evidence& one : evidence) planner.add(one);
  return planner.steps();
}

// What the steps cost, and the evidence that they contradict.
std::int64_t cost_of(std::int64_t step_bits, const std::vector<Evidence>& evidence,
                     const std::vector<MapStep>& steps) {
  std::int64_t cost = step_bits * static_cast<std::int64_t>(steps.size());
  for (const Evidence& one : evidence) {
    const MapStep* found = nullptr;
    for (const MapStep& step : steps) {
      if (step.begin <= one.address) found = &step;
    }
    if (found == nullptr || found->value != one.shift) cost += one.weight;
  }
  return cost;
}

TEST(ShiftPlanner, OfNoEvidenceMakesNoSteps) { EXPECT_TRUE(planned(20, {}).empty()); }

TEST(ShiftPlanner, MakesNoStepThatCostsMoreThanItSaves) {
  EXPECT_TRUE(planned(20, {{100, 8, 10}}).empty());
  EXPECT_TRUE(planned(20, {{100, 8, 10}, {200, 12, 10}}).empty());
  EXPECT_EQ(planned(20, {{100, 8, 10}, {104, 8, 10}, {200, 8, 10}}).size(), 1u);
}

TEST(ShiftPlanner, MakesOneStepForEachShift) {
  std::vector<Evidence> evidence;
  for (std::uint32_t i = 0; i < 20; ++i) evidence.push_back({1000 + 4 * i, 8, 10});
  for (std::uint32_t i = 0; i < 20; ++i) evidence.push_back({2000 + 4 * i, 0u - 16, 10});
  const std::vector<MapStep> steps = planned(20, evidence);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].value, 8u);
  EXPECT_LE(steps[0].begin, 1000u);
  EXPECT_EQ(steps[1].value, 0u - 16);
  // Between the two pieces of evidence, at the roundest address.
  EXPECT_EQ(steps[1].begin, 1536u);
}

TEST(ShiftPlanner, OverlooksAnAccident) {
  std::vector<Evidence> evidence;
  for (std::uint32_t i = 0; i < 20; ++i) evidence.push_back({1000 + 4 * i, i == 9 ? 77u : 8u, 10});
  EXPECT_EQ(planned(20, evidence).size(), 1u);
}

TEST(ShiftPlanner, MakesStepsInStrictlyAscendingOrder) {
  Random random = test::seeded_random();
  for (unsigned run = 0; run < 200; ++run) {
    std::vector<Evidence> evidence;
    std::uint64_t address = 0;
    for (std::size_t i = test::pick(&random, 1, 300); i != 0; --i) {
      address += test::pick(&random, run % 2, 5);
      evidence.push_back({static_cast<std::uint32_t>(address),
                          static_cast<std::uint32_t>(test::pick(&random, 0, 3)),
                          static_cast<std::int32_t>(test::pick(&random, 1, 20))});
    }
    const std::vector<MapStep> steps = planned(25, evidence);
    for (std::size_t i = 1; i < steps.size(); ++i) {
      ASSERT_LT(steps[i - 1].begin, steps[i].begin) << "run " << run;
    }
    // Not more than one step for everything, or none; but where evidence of one address contradicts
    // itself, that is not known beforehand.
    if (run % 2 == 0) continue;
    const std::int64_t cost = cost_of(25, evidence, steps);
    EXPECT_LE(cost, cost_of(25, evidence, {})) << "run " << run;
    for (std::uint32_t shift = 0; shift < 4; ++shift) {
      EXPECT_LE(cost, cost_of(25, evidence, {{0, shift}})) << "run " << run;
    }
  }
}

// The best of all functions, found by trying every shift at every piece of evidence.
std::int64_t least_cost(std::int64_t step_bits, const std::vector<Evidence>& evidence,
                        std::size_t shift_count) {
  std::vector<std::int64_t> ways(shift_count, 1 << 30);
  std::int64_t none = 0;
  for (const Evidence& one : evidence) {
    std::int64_t best = none;
    for (const std::int64_t way : ways) best = std::min(best, way);
    for (std::size_t shift = 0; shift < shift_count; ++shift) {
      ways[shift] = std::min(ways[shift], best + step_bits);
      if (shift != one.shift) ways[shift] += one.weight;
    }
    none += one.weight;
  }
  return std::min(none, *std::ranges::min_element(ways));
}

TEST(ShiftPlanner, FindsTheCheapestFunction) {
  Random random = test::seeded_random();
  for (int run = 0; run < 300; ++run) {
    std::vector<Evidence> evidence;
    for (std::uint32_t i = 0; i < 60; ++i) {
      evidence.push_back({16 * i, static_cast<std::uint32_t>(test::pick(&random, 0, 2)),
                          static_cast<std::int32_t>(test::pick(&random, 1, 30))});
    }
    EXPECT_EQ(cost_of(40, evidence, planned(40, evidence)), least_cost(40, evidence, 3))
        << "run " << run;
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
