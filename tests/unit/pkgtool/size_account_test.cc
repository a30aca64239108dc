#include "pkgtool/size_account.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

TEST(SizeAccount, SharesBecomeTheBytesThatWereStored) {
  SizeAccount account({10, 20});
  account.charge(Stream::literals, 3);
  account.made_new(10);
  account.charge(Stream::word_flags, 1);
  account.copied(10, 2);
  account.settle(100);
  const std::vector<Spending> regions = account.rounded();
  EXPECT_EQ(regions[0].of(Stream::literals), 75u);
  EXPECT_EQ(regions[0].new_bytes, 10u);
  EXPECT_EQ(regions[1].of(Stream::word_flags), 25u);
  EXPECT_EQ(regions[1].changed_bytes, 2u);
  EXPECT_EQ(regions[1].of(Purpose::changes), 25u);
}

TEST(SizeAccount, ChunksAreSettledEachForItself) {
  SizeAccount account({10});
  account.charge(Stream::literals, 1);
  account.made_new(5);
  account.settle(10);
  account.charge(Stream::source_seeks, 1000);
  account.made_new(5);
  account.settle(30);
  EXPECT_EQ(account.rounded()[0].of(Stream::literals), 10u);
  EXPECT_EQ(account.rounded()[0].of(Stream::source_seeks), 30u);
}

TEST(SizeAccount, FractionsAreCarriedOn) {
  std::vector<std::uint64_t> ends;
  for (std::uint64_t i = 1; i <= 1000; ++i) ends.push_back(i);
  SizeAccount account(ends);
  for (int i = 0; i < 1000; ++i) {
    account.charge(Stream::literals, 2);
    account.charge(Stream::block_flags, 1);
    account.made_new(1);
  }
  account.settle(301);
  Spending all;
  for (const Spending& region : account.rounded()) {
    EXPECT_LE(region.of(Stream::literals), 1u);
    all += region;
  }
  EXPECT_EQ(all.payload_bytes(), 301u);
  EXPECT_NEAR(static_cast<double>(all.of(Stream::literals)), 200.7, 1);
  EXPECT_NEAR(static_cast<double>(all.of(Stream::block_flags)), 100.3, 1);
  EXPECT_EQ(all.new_bytes, 1000u);
}

TEST(SizeAccount, LongRunsOfNewBytesAreDivided) {
  SizeAccount account({10, 15, 40});
  account.made_new(30);
  EXPECT_EQ(account.rounded()[0].new_bytes, 10u);
  EXPECT_EQ(account.rounded()[1].new_bytes, 5u);
  EXPECT_EQ(account.rounded()[2].new_bytes, 15u);
}

TEST(SizeAccount, MovesFromGroupToGroupAndBack) {
  SizeAccount account({100, 200, 300});
  account.move_to(200);
  account.charge(Stream::literals, 3);
  account.made_new(100);
  account.settle(30);
  account.move_to(0);
  account.charge(Stream::literals, 1);
  account.made_new(50);
  account.move_to(150);
  account.charge(Stream::literals, 1);
  account.made_new(50);
  account.settle(10);
  const std::vector<Spending> spent = account.rounded();
  EXPECT_EQ(spent[0].of(Stream::literals), 5u);
  EXPECT_EQ(spent[1].of(Stream::literals), 5u);
  EXPECT_EQ(spent[2].of(Stream::literals), 30u);
  EXPECT_EQ(spent[0].new_bytes, 50u);
  EXPECT_EQ(spent[1].new_bytes, 50u);
  EXPECT_EQ(spent[2].new_bytes, 100u);
}

TEST(SizeAccount, RandomSharesAddUp) {
  Random random = test::seeded_random();
  for (int round = 0; round < 200; ++round) {
    SizeAccount account({50, 51, 300, 1000});
    std::uint64_t stored = 0;
    for (std::uint64_t at = 0; at < 1000;) {
      const std::uint64_t step = test::pick(&random, 1, std::min<std::uint64_t>(90, 1000 - at));
      account.charge(static_cast<Stream>(test::pick(&random, 4, stream_count - 1)),
                     static_cast<double>(test::pick(&random, 1, 1'000'000)) / 7919);
      account.copied(step, 0);
      at += step;
      if (test::pick(&random, 0, 4) != 0 && at < 1000) continue;
      const std::uint64_t bytes = test::pick(&random, 0, 5000);
      account.settle(bytes);
      stored += bytes;
    }
    Spending all = account.structure();
    for (const Spending& region : account.rounded()) all += region;
    ASSERT_EQ(all.payload_bytes(), stored);
  }
}

TEST(SizeAccount, WhatNobodyAskedForIsStructure) {
  SizeAccount account({0});
  account.charge_structure(Stream::tree_nodes, 48);
  account.settle(4);
  EXPECT_EQ(account.structure().of(Stream::chunk_headers), 4u);
  EXPECT_EQ(account.structure().of(Purpose::structure), 52u);
}

TEST(SizeAccount, EveryStreamHasANameAndAPurpose) {
  Spending one_each;
  for (std::size_t i = 0; i < stream_count; ++i) {
    EXPECT_STRNE(to_string(static_cast<Stream>(i)), "");
    one_each[static_cast<Stream>(i)] = 1;
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < purpose_count; ++i) {
    EXPECT_STRNE(to_string(static_cast<Purpose>(i)), "");
    sum += one_each.of(static_cast<Purpose>(i));
  }
  EXPECT_EQ(sum, stream_count);
}

}  // namespace
}  // namespace romdelta::pkgtool
