#include "pkgtool/plan_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "installer/plan_reader.h"
#include "tests/support/manifest_maker.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

using test::pick;
using test::seeded_random;

struct MadePlan {
  InPlaceOptions options;
  InPlacePlan plan;
  std::vector<ChunkPlan> chunks;
  Manifest manifest;
};

// Steps in any order that keep any grains around them, as no planner would.
MadePlan random_plan(Random* random) {
  MadePlan made;
  made.options.group_bytes = static_cast<std::uint32_t>(64 * pick(random, 1, 40));
  made.options.erase_block_bytes = made.options.group_bytes;
  made.options.margin_bytes = pick(random, 0, 1) == 1 ? 128 : 0;
  const auto groups = static_cast<std::uint32_t>(pick(random, 1, 60));
  std::vector<std::uint32_t> order(groups);
  for (std::uint32_t i = 0; i < groups; ++i) order[i] = i;
  if (pick(random, 0, 2) != 0) std::ranges::shuffle(order, *random);
  const std::uint32_t holes = static_cast<std::uint32_t>(pick(random, 0, groups - 1));
  for (std::uint32_t i = 0; i < holes; ++i) {
    made.plan.holes.push_back({order.back(), static_cast<std::uint8_t>((*random)())});
    order.pop_back();
  }
  std::ranges::sort(made.plan.holes, {}, &InPlaceHole::group);
  const std::uint64_t grain_count = std::uint64_t{groups} * made.options.group_bytes / 64;
  const std::uint64_t margin = made.options.margin_bytes / 64;
  const auto steps = static_cast<std::uint32_t>(order.size());
  for (std::uint32_t i = 0; i < steps; ++i) {
    InPlaceStep step;
    step.group = order[i];
    const std::uint64_t first = std::uint64_t{step.group} * (made.options.group_bytes / 64);
    const std::uint64_t begin = first - std::min(first, margin);
    const std::uint64_t end = std::min(first + made.options.group_bytes / 64 + margin, grain_count);
    for (std::uint64_t grain = begin; i + 1 < steps && grain < end; ++grain) {
      if (pick(random, 0, 2) == 0) step.kept.push_back(static_cast<std::uint32_t>(grain));
    }
    if (!step.kept.empty()) {
      step.kept_last_use = static_cast<std::uint32_t>(pick(random, i + 1, steps - 1));
    }
    made.plan.steps.push_back(step);
  }
  Manifest& m = made.manifest;
  m = test::sample_in_place_manifest();
  m.group_bytes = made.options.group_bytes;
  m.target.bytes = m.sources[0].bytes = std::uint64_t{groups} * m.group_bytes;
  if (margin != 0) m.map = {1, 1, {}};
  for (std::uint32_t left = steps; left != 0;) {
    ChunkPlan chunk;
    chunk.step_count = static_cast<std::uint32_t>(pick(random, 1, left));
    chunk.script_bytes = static_cast<std::uint32_t>(pick(random, 1, 0xfffffffe));
    chunk.checksum = static_cast<std::uint32_t>((*random)());
    made.chunks.push_back(chunk);
    left -= chunk.step_count;
    m.plan.chunk_steps_max = std::max(m.plan.chunk_steps_max, chunk.step_count);
  }
  m.chunk_count = static_cast<std::uint32_t>(made.chunks.size());
  m.plan.step_count = steps;
  m.plan.hole_count = holes;
  return made;
}

TEST(PlanEncoder, WritesWhatTheDeviceReads) {
  Random random = seeded_random();
  for (int round = 0; round < 300; ++round) {
    const MadePlan made = random_plan(&random);
    const Manifest& m = made.manifest;
    const Bytes bytes = encode_plan(made.plan, made.chunks, made.options);
    PlanModel model;
    PlanReader reader(m, bytes, &model);
    std::vector<Hole> holes(m.plan.hole_count);
    ASSERT_EQ(reader.holes(holes), Status::ok);
    for (std::size_t i = 0; i < holes.size(); ++i) {
      ASSERT_EQ(holes[i].group, made.plan.holes[i].group);
      ASSERT_EQ(holes[i].fill, made.plan.holes[i].fill);
    }
    std::vector<std::uint32_t> groups(m.plan.chunk_steps_max);
    std::vector<std::uint32_t> words((grains_of_group(m) + 31) / 32);
    GrainSet kept(words, static_cast<std::uint32_t>(grains_of_group(m)));
    std::size_t at = 0;
    for (const ChunkPlan& expected : made.chunks) {
      ChunkPlan chunk;
      ASSERT_EQ(reader.chunk(&chunk, groups), Status::ok);
      ASSERT_EQ(chunk.step_count, expected.step_count);
      ASSERT_EQ(chunk.script_bytes, expected.script_bytes);
      ASSERT_EQ(chunk.checksum, expected.checksum);
      for (std::uint32_t i = 0; i < chunk.step_count; ++i, ++at) {
        const InPlaceStep& step = made.plan.steps[at];
        ASSERT_EQ(groups[i], step.group);
        std::uint32_t until = 0;
        ASSERT_EQ(reader.step(&kept, &until), Status::ok);
        ASSERT_EQ(kept.count(), step.kept.size());
        const std::uint64_t first = std::uint64_t{step.group} * (m.group_bytes / 64);
        for (const std::uint32_t grain : step.kept) {
          const std::uint64_t index = grain + made.options.margin_bytes / 64 - first;
          ASSERT_TRUE(kept.contains(static_cast<std::uint32_t>(index)));
        }
        if (!step.kept.empty()) {
          ASSERT_EQ(until, step.kept_last_use);
        }
      }
    }
    ASSERT_TRUE(reader.done());
  }
}

// Neighbours in a row are what most plans are made of.
TEST(PlanEncoder, TakesLittleForStepsInARow) {
  MadePlan made;
  made.options.group_bytes = 4096;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    InPlaceStep step;
    step.group = 1000 - i;
    made.plan.steps.push_back(step);
  }
  made.chunks = {{1000, 5000, 1}};
  EXPECT_LT(encode_plan(made.plan, made.chunks, made.options).size(), 60u);
}

}  // namespace
}  // namespace romdelta::pkgtool
