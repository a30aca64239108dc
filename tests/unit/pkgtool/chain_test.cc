// Random graphs against a search through everything: tests/property/selection_test.cc.
#include "pkgtool/chain.h"

#include <gtest/gtest.h>

namespace romdelta::pkgtool {
namespace {

using Steps = std::vector<std::size_t>;

Digest digest(std::uint8_t number) {
  Digest result;
  result.value[0] = number;
  return result;
}
ImageLabel image(std::uint8_t release) { return {std::to_string(release), digest(release)}; }
ChainEdge delta(std::uint8_t source, std::uint8_t target, std::uint64_t bytes,
                std::uint64_t counter = 0) {
  return {image(source), image(target), bytes, {counter, 0, 0}};
}
ChainEdge full(std::uint8_t target, std::uint64_t bytes, std::uint64_t counter = 0) {
  return {std::nullopt, image(target), bytes, {counter, 0, 0}};
}
ChainStart at(std::uint8_t release, std::uint64_t counter = 0) {
  return {std::to_string(release), digest(release), counter, 0, {counter, 0, 0}};
}

ChainGoal to(int release) { return {{std::to_string(release)}, std::nullopt}; }

TEST(Chain, IsEmptyWhereTheWantedVersionIs) {
  EXPECT_EQ(find_chain({}, at(3), to(3)), Steps());
  EXPECT_EQ(find_chain({}, at(3), to(4)), std::nullopt);
}

TEST(Chain, TakesSeveralStepsWhereNoPackageLeadsThereDirectly) {
  const std::vector<ChainEdge> edges = {delta(2, 3, 10), delta(1, 2, 10)};
  EXPECT_EQ(find_chain(edges, at(1), to(3)), Steps({1, 0}));
}

TEST(Chain, TakesSeveralStepsWhereTheyAreFewerBytes) {
  std::vector<ChainEdge> edges = {delta(1, 3, 21), delta(1, 2, 10), delta(2, 3, 10)};
  EXPECT_EQ(find_chain(edges, at(1), to(3)), Steps({1, 2}));
  edges[0].file_bytes = 20;
  EXPECT_EQ(find_chain(edges, at(1), to(3)), Steps({0})) << "of equal bytes the fewer steps";
}

TEST(Chain, OfEqualCostIsTheOneWhosePackagesComeFirst) {
  const std::vector<ChainEdge> edges = {delta(1, 3, 10), delta(2, 4, 10), delta(1, 2, 10),
                                        delta(3, 4, 10), delta(1, 2, 10)};
  EXPECT_EQ(find_chain(edges, at(1), to(4)), Steps({0, 3}));
}

TEST(Chain, TakesAFullPackageFromAnywhere) {
  const std::vector<ChainEdge> edges = {full(3, 500), delta(2, 3, 10)};
  EXPECT_EQ(find_chain(edges, at(1), to(3)), Steps({0}));
  EXPECT_EQ(find_chain(edges, at(2), to(3)), Steps({1}));
}

TEST(Chain, GoesOnFromAFullPackage) {
  const std::vector<ChainEdge> edges = {full(2, 100), delta(2, 3, 10), full(3, 200)};
  EXPECT_EQ(find_chain(edges, at(1), to(3)), Steps({0, 1}));
}

TEST(Chain, NeverFallsBelowASecurityCounter) {
  const std::vector<ChainEdge> edges = {delta(1, 2, 10, 5), delta(2, 3, 10, 4), delta(1, 3, 90, 5)};
  EXPECT_EQ(find_chain(edges, at(1, 4), to(3)), Steps({2})) << "package 0 raises it to 5";
  EXPECT_EQ(find_chain(edges, at(2, 4), to(3)), Steps({1}));
  EXPECT_EQ(find_chain(edges, at(2, 5), to(3)), std::nullopt);
}

TEST(Chain, TakesADearerWayThatKeepsTheCounterLow) {
  const std::vector<ChainEdge> edges = {delta(1, 2, 10, 5), delta(1, 2, 20, 1), delta(2, 3, 10, 1)};
  EXPECT_EQ(find_chain(edges, at(1, 1), to(3)), Steps({1, 2}));
}

TEST(Chain, GoesBackOnlyWhereThePackageSaysSo) {
  ChainStart start = at(3);
  start.active.number = 30;
  ChainEdge back = delta(3, 2, 10);
  back.order.number = 20;
  EXPECT_EQ(check_order(start, back), Status::downgrade);
  EXPECT_EQ(find_chain({&back, 1}, start, to(2)), std::nullopt);
  back.may_downgrade = true;
  EXPECT_EQ(find_chain({&back, 1}, start, to(2)), Steps({0}));
  start.package_floor = 1;
  EXPECT_EQ(check_order(start, back), Status::rollback) << "no permission lowers a counter";
}

TEST(Chain, RaisesCountersInStepsThatTheDeviceTakes) {
  const std::vector<ChainEdge> edges = {full(3, 10, 100'000), delta(1, 2, 500, 60'000)};
  EXPECT_EQ(check_order(at(1), edges[0]), Status::counter_jump);
  EXPECT_EQ(find_chain(edges, at(1), to(3)), Steps({1, 0}));
}

TEST(Chain, KeepsToTheCounterOfTheDevice) {
  ChainStart start = at(1);
  start.device_floor = 5;
  ChainEdge edge = delta(1, 2, 10);
  edge.order.device_counter = 4;
  EXPECT_EQ(check_order(start, edge), Status::rollback);
  edge.order.device_counter = 5;
  EXPECT_EQ(check_order(start, edge), Status::ok);
  EXPECT_EQ(after(start, edge).device_floor, 5u);
}

TEST(Chain, KnowsTwoImagesOfOneVersionApart) {
  ChainEdge other = delta(1, 2, 10);
  other.source->digest = digest(99);
  EXPECT_EQ(find_chain({&other, 1}, at(1), to(2)), std::nullopt);
  ChainStart unknown = at(1);
  unknown.digest = std::nullopt;
  EXPECT_EQ(find_chain({&other, 1}, unknown, to(2)), Steps({0})) << "the version has to do";
}

TEST(Chain, MayEndAtSeveralVersionsOrHasToAtOneDigest) {
  const std::vector<ChainEdge> edges = {delta(1, 2, 10), delta(2, 3, 10), delta(1, 4, 15)};
  EXPECT_EQ(find_chain(edges, at(1), {{"3", "4"}, {}}), Steps({2}));
  EXPECT_EQ(find_chain(edges, at(1), {{"1", "3"}, {}}), Steps());
  EXPECT_EQ(find_chain(edges, at(1), {{"3"}, digest(3)}), Steps({0, 1}));
  EXPECT_EQ(find_chain(edges, at(1), {{"3"}, digest(4)}), std::nullopt);
  ChainStart unknown = at(1);
  unknown.digest = std::nullopt;
  EXPECT_EQ(find_chain({}, unknown, {{"1"}, digest(1)}), std::nullopt) << "nobody knows";
}

TEST(Chain, EndsInACircle) {
  const std::vector<ChainEdge> edges = {delta(1, 2, 10), delta(2, 1, 10)};
  EXPECT_EQ(find_chain(edges, at(1), to(3)), std::nullopt);
  EXPECT_EQ(reachable(edges, at(1)), std::vector({image(1), image(2)}));
}

}  // namespace
}  // namespace romdelta::pkgtool
