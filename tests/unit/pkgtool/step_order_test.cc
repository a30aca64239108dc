#include "pkgtool/step_order.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint32_t kGroup = 1024;

// All groups differ.
InPlaceReads reads_of(std::size_t bytes, const Cover& cover, std::uint32_t margin = 0) {
  Random random(1);
  const Bytes source = random_bytes(&random, bytes);
  const Bytes target = random_bytes(&random, bytes);
  return {source, source, target, cover, kGroup, margin};
}

// How many grains are overwritten before they are read.
std::uint64_t kept(const StepGraph& graph, const StepOrder& order) {
  std::vector<std::size_t> places(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) places[order[i]] = i;
  std::uint64_t grains = 0;
  for (std::size_t step = 0; step < order.size(); ++step) {
    for (const StepGraph::Edge& edge : graph.sources(step)) {
      if (places[edge.other] < places[step]) grains += edge.grains;
    }
  }
  return grains;
}

std::vector<StepOrder> all_orders(const StepGraph& graph) {
  std::vector<StepOrder> orders = {ascending_order(graph.step_count()), feedback_order(graph),
                                   frugal_order(graph)};
  for (std::size_t i = 0; i < 3; ++i) {
    for (const std::uint32_t patience : {1u, 1000u}) {
      orders.push_back(improved_order(graph, orders[i], patience));
    }
  }
  return orders;
}

Cover random_cover(Random* random, std::uint64_t bytes) {
  Cover cover;
  for (std::uint64_t at = 0; at + 2000 < bytes;) {
    const std::uint64_t count = test::pick(random, 1, 2000);
    cover.push_back({at, test::pick(random, 0, bytes - count), count});
    at += count;
  }
  return cover;
}

TEST(StepGraph, SaysWhoReadsFromWhom) {
  const StepGraph graph(reads_of(4 * kGroup, {{kGroup, 0, 100}, {2 * kGroup, kGroup - 64, 128}}));
  ASSERT_EQ(graph.step_count(), 4u);
  EXPECT_TRUE(graph.sources(0).empty());
  ASSERT_EQ(graph.sources(1).size(), 1u);
  EXPECT_EQ(graph.sources(1)[0].other, 0u);
  EXPECT_EQ(graph.sources(1)[0].grains, 2u);
  ASSERT_EQ(graph.sources(2).size(), 2u);
  EXPECT_EQ(graph.sources(2)[1].other, 1u);
  EXPECT_EQ(graph.sources(2)[1].grains, 1u);
  ASSERT_EQ(graph.readers(0).size(), 2u);
  EXPECT_EQ(graph.readers(0)[0].other, 1u);
  EXPECT_EQ(graph.readers(0)[1].other, 2u);
  EXPECT_TRUE(graph.readers(3).empty());
}

TEST(StepGraph, CountsWhatLiesCloseToAGroup) {
  const Cover cover = {{3 * kGroup, kGroup - 64, 64}};
  EXPECT_EQ(StepGraph(reads_of(4 * kGroup, cover)).sources(3).size(), 1u);
  EXPECT_EQ(StepGraph(reads_of(4 * kGroup, cover, 128)).sources(3).size(), 2u);
}

TEST(StepOrder, HoldsEachStepOnce) {
  Random random = test::seeded_random();
  for (int round = 0; round < 20; ++round) {
    const std::size_t bytes = test::pick(&random, 0, 40) * kGroup;
    const StepGraph graph(reads_of(bytes, random_cover(&random, bytes), 128));
    for (StepOrder order : all_orders(graph)) {
      std::ranges::sort(order);
      EXPECT_EQ(order, ascending_order(graph.step_count()));
    }
  }
}

TEST(StepOrder, KeepsNothingWhereNothingReadsInCycles) {
  // Each group reads the one before it.
  const StepGraph graph(reads_of(40 * kGroup, {{kGroup, 0, 39 * kGroup}}));
  EXPECT_EQ(kept(graph, feedback_order(graph)), 0u);
  EXPECT_EQ(kept(graph, frugal_order(graph)), 0u);
}

TEST(StepOrder, IsImproved) {
  Random random = test::seeded_random();
  for (int round = 0; round < 20; ++round) {
    const std::size_t bytes = 40 * kGroup;
    const StepGraph graph(reads_of(bytes, random_cover(&random, bytes)));
    const StepOrder order = ascending_order(graph.step_count());
    // As good as forever.
    EXPECT_LE(kept(graph, improved_order(graph, order, 1 << 30)), kept(graph, order));
  }
}

}  // namespace
}  // namespace romdelta::pkgtool
