#include "tests/property/round_trip.h"

#include <gtest/gtest.h>

#include "tests/property/images.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

struct Limits {
  std::uint64_t ram_bytes;
  std::uint32_t erase_block_bytes;
};
// From a microcontroller to a board with an SSD; odd ones in between.
constexpr Limits kLimits[] = {
    {160 * kKiB, 512},        {168'123, 4096},  {200 * kKiB, 3000},    {256 * kKiB, 16 * kKiB},
    {512 * kKiB, 128 * kKiB}, {1 * kMiB, 4096}, {4 * kMiB, 64 * kKiB}, {64 * kMiB, 1}};

void choose_limits(RoundTrip* trip, Random* random) {
  const Limits& limits = kLimits[pick(random, 0, std::size(kLimits) - 1)];
  trip->ram_bytes = limits.ram_bytes;
  trip->erase_block_bytes = limits.erase_block_bytes;
  trip->piece_bytes = pick(random, 1, 70'000);
  trip->thread_count = static_cast<unsigned>(pick(random, 1, 3));
}

std::string describe(const RoundTrip& trip) {
  return "source " + (trip.source ? std::to_string(trip.source->size()) : "none") + ", target " +
         std::to_string(trip.target.size()) + ", --ram " + std::to_string(trip.ram_bytes) +
         ", --erase-block " + std::to_string(trip.erase_block_bytes) + ", pieces of " +
         std::to_string(trip.piece_bytes) + ", codec " +
         (trip.codec ? to_string(*trip.codec) : "auto");
}

void run_mutations(std::size_t rounds, std::size_t bytes_max, bool other_devices) {
  Random random = seeded_random();
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const Family family : all_families) {
      RoundTrip trip;
      std::string story = to_string(family);
      trip.source = make_family(family, pick(&random, 0, bytes_max), &random);
      trip.target = mutated(*trip.source, &random, &story);
      choose_limits(&trip, &random);
      ASSERT_EQ(fault_of(trip), "") << story << "; " << describe(trip);
      if (!other_devices) continue;
      ASSERT_EQ(fault_on_other_devices(trip, &random), "") << story << "; " << describe(trip);
    }
  }
}

TEST(RoundTrip, KeepsTinyImages) { run_mutations(100, 40, true); }

TEST(RoundTrip, KeepsSmallImages) { run_mutations(40, 20 * kKiB, true); }

TEST(RoundTrip, KeepsMiddlingImages) { run_mutations(6, 300 * kKiB, true); }

TEST(RoundTrip, KeepsImagesOfAMebibyteOrTwo) { run_mutations(1, 2 * kMiB, false); }

TEST(RoundTrip, KeepsImagesThatHaveNothingInCommon) {
  Random random = seeded_random();
  for (const Family from : all_families) {
    for (const Family to : all_families) {
      RoundTrip trip;
      trip.source = make_family(from, pick(&random, 0, 30 * kKiB), &random);
      trip.target = make_family(to, pick(&random, 0, 30 * kKiB), &random);
      choose_limits(&trip, &random);
      ASSERT_EQ(fault_of(trip), "")
          << to_string(from) << " to " << to_string(to) << "; " << describe(trip);
    }
  }
}

TEST(RoundTrip, KeepsEmptyAndIdenticalImagesUnderEveryLimit) {
  Random random = seeded_random();
  const Bytes image = make_family(Family::firmware, 10 * kKiB, &random);
  for (const Limits& limits : kLimits) {
    RoundTrip trip;
    trip.ram_bytes = limits.ram_bytes;
    trip.erase_block_bytes = limits.erase_block_bytes;
    const auto check = [&](std::optional<Bytes> source, const Bytes& target) {
      trip.source = std::move(source);
      trip.target = target;
      EXPECT_EQ(fault_of(trip), "") << describe(trip);
      EXPECT_EQ(fault_on_other_devices(trip, &random), "") << describe(trip);
    };
    check(image, image);
    check(image, {});
    check(Bytes(), image);
    check(Bytes(), {});
    check(std::nullopt, image);
    check(std::nullopt, {});
    check(Bytes(1, 0), Bytes(1, 0));
    check(Bytes(1, 0), Bytes(1, 1));
  }
}

TEST(RoundTrip, KeepsImagesAroundEveryBoundaryOfGroupAndChunk) {
  Random random = seeded_random();
  const Bytes image = make_family(Family::firmware, 140 * kKiB, &random);
  for (const std::size_t boundary :
       {512u, 4096u, 8192u, 10u * 1024u, 16u * 1024u, 65'536u, 128u * 1024u}) {
    for (const int step : {-1, 0, 1}) {
      RoundTrip trip;
      trip.ram_bytes = 160 * kKiB;
      trip.erase_block_bytes = 512;
      trip.source = image;
      const auto count = static_cast<std::ptrdiff_t>(boundary) + step;
      trip.target = Bytes(image.begin(), image.begin() + count);
      mutate(Mutation::flip_bits, 20, &trip.target, &random);
      ASSERT_EQ(fault_of(trip), "") << describe(trip);
      std::swap(*trip.source, trip.target);
      ASSERT_EQ(fault_of(trip), "") << describe(trip);
    }
  }
}

TEST(RoundTrip, MakesLinkedFirmwareMuchSmallerThanItIs) {
  for (const std::size_t count : {100 * kKiB, 1 * kMiB}) {
    RoundTrip trip;
    trip.source = link_firmware(count, 5, 1);
    trip.target = link_firmware(count, 5, 2);
    std::uint64_t package_bytes = 0;
    EXPECT_EQ(fault_of(trip, &package_bytes), "");
    EXPECT_LT(package_bytes * 3, trip.target.size()) << count;
  }
}

TEST(RoundTrip, KeepsEightMebibytes) {
  Random random = seeded_random();
  RoundTrip trip;
  trip.source = link_firmware(7 * kMiB, random(), 1);
  trip.source->resize(8 * kMiB, 0xff);
  trip.target = *trip.source;
  for (const Mutation mutation : all_mutations) mutate(mutation, 512, &trip.target, &random);
  trip.ram_bytes = 2 * kMiB;
  trip.thread_count = 2;
  EXPECT_EQ(fault_of(trip), "") << describe(trip);
}

}  // namespace
}  // namespace romdelta::test
