#include "pkgtool/size_breakdown.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/made_elf.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

SizeBreakdown break_package(ByteSpan package, ByteSpan source,
                            std::optional<ByteSpan> target = std::nullopt, std::size_t top = 20) {
  return break_down(package, verify_package(package, std::nullopt), source, target, {top});
}

void expect_exact(const SizeBreakdown& breakdown) {
  Spending all = breakdown.structure;
  std::uint64_t target_bytes = 0;
  for (const RegionCost& region : breakdown.regions) {
    all += region.spent;
    target_bytes += region.bytes;
    if (region.symbols.empty()) continue;
    RegionCost symbols;
    for (const RegionCost& symbol : region.symbols) symbols.absorb(symbol);
    EXPECT_EQ(symbols.spent.stream_bytes, region.spent.stream_bytes) << region.name;
    EXPECT_EQ(symbols.bytes, region.bytes) << region.name;
  }
  EXPECT_EQ(all.payload_bytes(), breakdown.manifest.payload_bytes);
  EXPECT_EQ(all.stream_bytes, breakdown.total.stream_bytes);
  EXPECT_EQ(target_bytes, breakdown.manifest.target.bytes);
}

// A library whose function `changed` is other than before.
class ElfPair {
 public:
  ElfPair() {
    MadeElf elf;
    elf.text = make_image(40'000, 1);
    for (std::uint64_t i = 0; i < 40; ++i) {
      elf.symbols.push_back({i == 12 ? "changed" : "f" + std::to_string(i),
                             MadeElf::text_address + 1000 * i, i % 2 == 0 ? 1000u : 900u});
    }
    source = elf.make();
    Random random(3);
    const Bytes fresh = test::random_bytes(&random, 1000);
    std::copy(fresh.begin(), fresh.end(), elf.text.begin() + 12'000);
    for (std::size_t at = 0; at < elf.text.size(); at += 1700) elf.text[at] ^= 1;
    target = elf.make();
    package = package_of(request_of(source, target));
  }

  Bytes source;
  Bytes target;
  Bytes package;
};

TEST(SizeBreakdown, NamesTheSymbolThatTookMost) {
  const ElfPair pair;
  const SizeBreakdown breakdown = break_package(pair.package, pair.source);
  expect_exact(breakdown);
  EXPECT_TRUE(breakdown.are_sections);
  const RegionCost& text = *by_payload(breakdown).front();
  EXPECT_EQ(text.name, ".text");
  ASSERT_FALSE(text.symbols.empty());
  EXPECT_EQ(text.symbols[0].name, "changed");
  EXPECT_EQ(text.symbols[0].bytes, 1000u);
  EXPECT_GT(text.symbols[0].spent.new_bytes, 950u);
}

TEST(SizeBreakdown, TheTargetChangesNothing) {
  const ElfPair pair;
  const SizeBreakdown without = break_package(pair.package, pair.source);
  const SizeBreakdown with = break_package(pair.package, pair.source, ByteSpan(pair.target));
  EXPECT_EQ(with.total.stream_bytes, without.total.stream_bytes);
  EXPECT_EQ(with.regions.size(), without.regions.size());
}

TEST(SizeBreakdown, ListsAsManySymbolsAsAsked) {
  const ElfPair pair;
  for (const std::size_t top : {0u, 1u, 5u, 1000u}) {
    const SizeBreakdown breakdown = break_package(pair.package, pair.source, std::nullopt, top);
    expect_exact(breakdown);
    const RegionCost& text = *by_payload(breakdown).front();
    EXPECT_EQ(text.symbols.size(), std::min<std::size_t>(top + 1, 60));
    if (top != 5) continue;
    EXPECT_EQ(text.symbols.back().name, "(55 others)");
  }
}

TEST(SizeBreakdown, RefusesImagesThatAreNotThoseOfThePackage) {
  const ElfPair pair;
  const auto error = error_of([&] { (void)break_package(pair.package, pair.target); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->exit(), Exit::bad_input);
  EXPECT_EQ(error->where(), "--source");
  const auto other =
      error_of([&] { (void)break_package(pair.package, pair.source, ByteSpan(pair.source)); });
  ASSERT_TRUE(other);
  EXPECT_EQ(other->exit(), Exit::bad_input);
  EXPECT_EQ(other->where(), "--target");
}

TEST(SizeBreakdown, FullPackagesAndEmptyTargetsAddUp) {
  const Bytes image = make_image(50'000, 4);
  const SizeBreakdown full = break_package(package_of(request_of({}, image)), {});
  expect_exact(full);
  EXPECT_EQ(full.total.new_bytes, image.size());
  EXPECT_NE(main_reasons(full)[0].find("full package"), std::string::npos);
  const SizeBreakdown empty = break_package(package_of(request_of(image, {})), image);
  expect_exact(empty);
  EXPECT_EQ(main_reasons(empty).size(), 1u);
}

// A breakdown of made-up numbers.
class Reasons : public ::testing::Test {
 protected:
  void spend(std::size_t region, Stream stream, std::uint64_t bytes) {
    made_.regions[region].spent[stream] += bytes;
    made_.total[stream] += bytes;
    made_.manifest.payload_bytes += bytes;
  }
  std::string all() const {
    std::string text;
    for (const std::string& reason : main_reasons(made_)) text += reason + "\n";
    return text;
  }
  bool says(const std::string& text) const { return all().find(text) != std::string::npos; }

  Reasons() {
    made_.manifest.source_count = 1;
    made_.manifest.target.bytes = 1000;
    for (std::uint64_t i = 0; i < 10; ++i) {
      RegionCost region;
      region.name = "r" + std::to_string(i);
      region.begin = 100 * i;
      region.bytes = 100;
      made_.regions.push_back(region);
    }
  }

  SizeBreakdown made_;
};

TEST_F(Reasons, AreTheLargestPurpose) {
  spend(0, Stream::literals, 61);
  spend(0, Stream::word_flags, 39);
  EXPECT_TRUE(says("61 % of the payload are literals")) << all();
  spend(0, Stream::spelled_changes, 100);
  EXPECT_TRUE(says("70 % of the payload are changes")) << all();
  EXPECT_TRUE(says("no pattern")) << all();
  spend(0, Stream::block_flags, 100);
  EXPECT_FALSE(says("no pattern")) << all();
  spend(0, Stream::source_seeks, 900);
  EXPECT_TRUE(says("75 % of the payload say where to copy from")) << all();
  spend(0, Stream::address_map, 9000);
  EXPECT_TRUE(says("are the address map")) << all();
  spend(0, Stream::tree_nodes, 90'000);
  EXPECT_TRUE(says("hardly anything")) << all();
}

TEST_F(Reasons, NameOneRegionThatTakesMuch) {
  made_.are_sections = true;
  spend(3, Stream::literals, 70);
  spend(4, Stream::literals, 30);
  EXPECT_TRUE(says("Section r3 takes 70 % of the payload and is 10 % of the target")) << all();
}

TEST_F(Reasons, NameAStretchOfNeighbours) {
  for (const std::size_t i : {4u, 5u, 6u}) spend(i, Stream::literals, 30);
  spend(9, Stream::literals, 10);
  EXPECT_TRUE(says("90 % of the payload goes to one stretch of the target, from r4 to 0x000002bc"))
      << all();
}

TEST_F(Reasons, CountRegionsThatLieApart) {
  for (std::size_t i = 0; i < 10; i += 3) spend(i, Stream::literals, 25);
  EXPECT_TRUE(says("50 % of the payload goes to 2 of 10 ranges")) << all();
}

TEST_F(Reasons, SayWhenNothingStandsOut) {
  for (std::size_t i = 0; i < 10; ++i) spend(i, Stream::literals, 25);
  EXPECT_TRUE(says("no part of it stands out")) << all();
}

}  // namespace
}  // namespace romdelta::pkgtool
