// Address maps that mean harm, signed by the key that the device trusts: refused, or used exactly
// as docs/format.md says, which the reference knows.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/hostile/forgery.h"
#include "tests/hostile/victim.h"
#include "tests/support/map_stream.h"
#include "tests/support/random_map.h"
#include "tests/support/reference_context.h"

namespace romdelta::test {
namespace {

class HostileMap : public ::testing::Test {
 protected:
  Victim& victim() { return map_victim(); }

  // What the reference makes of the victim's chunks, or false when it refuses one.
  bool made_by_reference(const Forgery& forgery, ByteSpan rewritten, Bytes* target) {
    target->clear();
    for (const Chunk& chunk : forgery.chunks) {
      Bytes made;
      if (!reference_context_patch(chunk.bytes, rewritten, chunk.target_bytes, &made)) return false;
      append(target, made);
    }
    return true;
  }

  // The victim's package with another map before its chunks. Where the reference can apply them,
  // the manifest names what comes out.
  void expect_what_the_reference_says(ByteSpan map_bytes, std::size_t step_count) {
    Forgery forgery(victim().package());
    forgery.map = to_bytes(map_bytes);
    forgery.manifest.map.step_count = static_cast<std::uint32_t>(step_count);
    ReferenceMap map;
    Bytes target;
    const bool is_good =
        reference_decode_map(map_bytes, step_count, &map) &&
        made_by_reference(forgery, reference_rebase(victim().source(), map), &target);
    if (!is_good) {
      ++refused_;
      const Verdict verdict{{Status::malformed_chunk}, 0, true};
      ASSERT_EQ(victim().attack(forgery.seal(), verdict), "");
      return;
    }
    forgery.manifest.target = identity_of(target, "2.0");
    forgery.manifest.target_checksum = checksum_of(target);
    Status status = Status::internal;
    ASSERT_EQ(victim().install(forgery.seal(), &status), target);
    ASSERT_EQ(status, Status::ok);
  }
  void expect_what_the_reference_says(const ReferenceMap& map) {
    expect_what_the_reference_says(coded_map(map), map.step_count());
  }

  // A package whose chunks were made for the source as `map` rewrites it.
  void expect_to_install(const ReferenceMap& map) {
    PackagePlan plan;
    plan.source = victim().source();
    plan.map = map;
    plan.target = reference_rebase(plan.source, map);
    for (std::size_t i = 0; i < plan.target.size(); i += 700) plan.target[i] ^= 1;
    plan.chunk_bytes = 2048;
    plan.coding = Coding::context;
    plan.order.security_counter = 7;
    Status status = Status::internal;
    ASSERT_EQ(victim().install(make_package(plan).file, &status), plan.target);
    ASSERT_EQ(status, Status::ok);
  }

  ReferenceMap good_map() {
    ReferenceMap map;
    const std::size_t head_bytes = victim().head().head_bytes;
    const MapIdentity& identity = victim().head().manifest.map;
    EXPECT_TRUE(
        reference_decode_map(ByteSpan(victim().package()).subspan(head_bytes, identity.bytes),
                             identity.step_count, &map));
    return map;
  }

  int refused_ = 0;
};

// A stream whose table of regions is what `write` writes.
Bytes stream_with(const std::function<void(MapStream*)>& write) {
  MapStream stream;
  stream.begin(0x08000000);
  stream.segments({{0, 0}});
  write(&stream);
  stream.anchors({});
  stream.shifts({{0, 4}});
  return stream.finish();
}

TEST_F(HostileMap, OfAnyBytesIsRefusedOrUsedAsItSays) {
  Random random(61);
  for (int run = 0; run < 300; ++run) {
    expect_what_the_reference_says(random_bytes(&random, pick(&random, 1, 60)),
                                   pick(&random, 1, 20));
  }
  EXPECT_GT(refused_, 200);
}

TEST_F(HostileMap, OfWhichAnyByteWasChangedIsRefusedOrUsedAsItSays) {
  const Bytes good = coded_map(good_map());
  const std::size_t step_count = good_map().step_count();
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const unsigned by : {0x01u, 0x80u, 0xffu}) {
      Bytes map = good;
      map[i] ^= static_cast<std::uint8_t>(by);
      expect_what_the_reference_says(map, step_count);
    }
  }
}

TEST_F(HostileMap, WithAnotherCountOfStepsIsRefused) {
  const Bytes good = coded_map(good_map());
  const std::size_t step_count = good_map().step_count();
  for (const std::size_t other : {std::size_t{1}, step_count - 1, step_count + 1, 2 * step_count,
                                  std::size_t{limits::map_step_count_max}}) {
    expect_what_the_reference_says(good, other);
  }
  EXPECT_EQ(refused_, 5);
}

TEST_F(HostileMap, OfHugeCountsIsRefused) {
  for (const std::uint64_t count :
       {std::uint64_t{3}, std::uint64_t{0x7fffffff}, std::uint64_t{0xffffffff},
        std::uint64_t{0x100000000}, std::uint64_t{1} << 62, ~std::uint64_t{0} - 1}) {
    const Bytes map = stream_with([&](MapStream* s) { s->number(MapStream::count, count); });
    expect_what_the_reference_says(map, 2);
    expect_what_the_reference_says(map, limits::map_step_count_max);
  }
  EXPECT_EQ(refused_, 12);
}

TEST_F(HostileMap, OfReservedRulesIsRefused) {
  for (const std::uint64_t rule : {0x07u, 0x0fu, 0x17u, 0x100u, 0xffffffffu, 0x80000001u}) {
    expect_what_the_reference_says(stream_with([&](MapStream* s) {
                                     s->number(MapStream::count, 1);
                                     s->step_begin(0, 0);
                                     s->number(MapStream::rules, rule);
                                   }),
                                   3);
  }
  EXPECT_EQ(refused_, 6);
}

// Steps in another order than the ascending one cannot be written; they would begin at 2^32.
TEST_F(HostileMap, OfStepsThatBeginTooFarIsRefused) {
  const auto with_step = [&](std::uint64_t zeros, std::uint64_t past) {
    expect_what_the_reference_says(stream_with([&](MapStream* s) {
                                     s->number(MapStream::count, 2);
                                     s->step_begin(0, 100);
                                     s->number(MapStream::rules, rules::thumb);
                                     s->number(MapStream::place_zeros, zeros);
                                     s->number(MapStream::place, past);
                                     s->number(MapStream::rules, 0);
                                   }),
                                   4);
  };
  with_step(0, 0xffffffff);
  with_step(0, 0x100000000);
  with_step(0, std::uint64_t{1} << 62);
  with_step(12, 0xfffff);
  with_step(13, 0);
  with_step(63, 0);
  EXPECT_EQ(refused_, 6);
}

TEST_F(HostileMap, WhoseShiftsSendReferencesAnywhereIsUsedAsItSays) {
  for (const std::uint32_t shift : {0x7fffffffu, 0x80000001u, 0xffffffffu, 1u, 3u, 0x40000000u}) {
    for (std::uint32_t rule = 1; rule < rules::code_end; ++rule) {
      ReferenceMap map = plain_map(rule | 0xf0, 0x08000000, {{0, shift}, {3000, 0u - shift}});
      expect_what_the_reference_says(map);
      expect_to_install(map);
      map.shifts[1].value = AddressMap::no_shift;
      expect_to_install(map);
    }
  }
}

TEST_F(HostileMap, WhoseTablesReachBeyondTheSourceIsUsedAsItSays) {
  const auto size = static_cast<std::uint32_t>(victim().source().size());
  for (const std::uint32_t begin : {size - 9, size - 3, size - 1, size, size + 1, 0xffffffffu}) {
    for (const std::uint32_t address : {0u, 0x7fffffffu, 0xfffffff0u, AddressMap::no_address}) {
      ReferenceMap map = good_map();
      map.segments.push_back({begin, address});
      map.regions.push_back({begin, 0xf0 | rules::x86});
      map.anchors.push_back({begin, address});
      map.shifts.push_back({0xfffffff0, 0x100});
      expect_what_the_reference_says(map);
      expect_to_install(map);
    }
  }
}

TEST_F(HostileMap, WithABaseNearTheLastAddressIsUsedAsItSays) {
  for (const std::uint64_t base : {~std::uint64_t{0}, std::uint64_t{0} - 4096,
                                   std::uint64_t{0} - 3500, std::uint64_t{1} << 63}) {
    for (std::uint32_t rule = 1; rule < rules::code_end; ++rule) {
      ReferenceMap map = good_map();
      map.base = base;
      map.regions = {{0, rule | 0xf0}};
      expect_what_the_reference_says(map);
      expect_to_install(map);
    }
  }
}

TEST_F(HostileMap, OfAnyTablesIsUsedAsItSays) {
  Random random(62);
  for (int run = 0; run < 60; ++run) {
    const ReferenceMap map = random_map(&random, victim().source().size());
    expect_what_the_reference_says(map);
    expect_to_install(map);
  }
}

TEST_F(HostileMap, BeforeOtherChunksIsRefusedOrUsedAsItSays) {
  Forgery forgery(victim().package());
  forgery.manifest.map.digest.value[0] ^= 1;
  EXPECT_EQ(victim().attack(forgery.seal_manifest_only(), {{Status::corrupt_chunk}, 0, true}), "");
}

}  // namespace
}  // namespace romdelta::test
