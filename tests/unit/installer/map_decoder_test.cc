#include "installer/map_decoder.h"

#include <gtest/gtest.h>

#include "format/limits.h"
#include "tests/support/map_stream.h"
#include "tests/support/random_map.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

struct Decoded {
  Status status = Status::internal;
  ReferenceMap map;
};

Decoded decode(ByteSpan bytes, std::size_t step_count) {
  AlignedMemory scratch(limits::context_model_bytes);
  std::vector<MapStep> steps(step_count);
  AddressMap map;
  Decoded result;
  result.status = decode_map(bytes, scratch.span(), steps, &map);
  if (result.status == Status::ok) {
    const auto copy = [](std::span<const MapStep> table) {
      return std::vector<MapStep>(table.begin(), table.end());
    };
    result.map = {map.base, copy(map.segments), copy(map.regions), copy(map.anchors),
                  copy(map.shifts)};
  }
  return result;
}

// What the rules of docs/format.md say about tables that were accepted.
void expect_valid(const ReferenceMap& map) {
  for (const auto* table : {&map.segments, &map.regions, &map.anchors, &map.shifts}) {
    for (std::size_t i = 1; i < table->size(); ++i) {
      EXPECT_LT((*table)[i - 1].begin, (*table)[i].begin);
    }
  }
  for (const MapStep& region : map.regions) {
    EXPECT_LE(region.value, rules::all_mask);
    EXPECT_LT(region.value & rules::code_mask, rules::code_end);
  }
}

// The engine and the reference say the same.
void expect_agreement(ByteSpan bytes, std::size_t step_count, bool* good) {
  const Decoded decoded = decode(bytes, step_count);
  ReferenceMap expected;
  *good = reference_decode_map(bytes, step_count, &expected);
  ASSERT_EQ(decoded.status, *good ? Status::ok : Status::malformed_chunk);
  if (!*good) return;
  ASSERT_EQ(decoded.map, expected);
  expect_valid(decoded.map);
}

ReferenceMap sample_map() {
  return {0x08000000,
          {{0, 0}, {0x1000, 0x20000000}, {0x1800, AddressMap::no_address}},
          {{0, rules::absolute32}, {0x40, rules::thumb}, {0xfff, rules::anchored32}},
          {{0x800, 0x800}},
          {{0, 0}, {0x123, 0x10}, {0x400, 0u - 0x20}, {0x800, 0x10}, {0x2000, 0x80000000}}};
}

TEST(MapDecoder, ReadsWhatWasWritten) {
  Random random = seeded_random();
  for (int run = 0; run < 300; ++run) {
    const ReferenceMap map = random_map(&random, pick(&random, 0, 100'000));
    const Bytes bytes = coded_map(map);
    const Decoded decoded = decode(bytes, map.step_count());
    ASSERT_EQ(decoded.status, Status::ok) << "run " << run;
    ASSERT_EQ(decoded.map, map) << "run " << run;
    ReferenceMap expected;
    ASSERT_TRUE(reference_decode_map(bytes, map.step_count(), &expected)) << "run " << run;
    ASSERT_EQ(expected, map) << "run " << run;
  }
}

TEST(MapDecoder, ReadsTheEdgesOfNumbers) {
  const std::vector<MapStep> ends = {{0, 0}, {1, 0xffffffff}, {0x80000000, 1}, {0xffffffff, 0}};
  const std::vector<MapStep> shifts = {{0, 0x80000000}, {1, 0x7fffffff}, {2, 1},
                                       {3, 0xffffffff}, {4, 0x80000000}, {0xffffffff, 0x40000000}};
  for (const std::uint64_t base : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    const ReferenceMap map = {base, ends, {{0, 0xf6}, {0xffffffff, 0}}, ends, shifts};
    EXPECT_EQ(decode(coded_map(map), map.step_count()).map, map);
  }
}

TEST(MapDecoder, RefusesEveryTruncation) {
  const Bytes bytes = coded_map(sample_map());
  for (std::size_t count = 0; count < bytes.size(); ++count) {
    bool good = true;
    expect_agreement(ByteSpan(bytes).first(count), sample_map().step_count(), &good);
    EXPECT_FALSE(good) << count;
  }
}

TEST(MapDecoder, RefusesATrailingByte) {
  Bytes bytes = coded_map(sample_map());
  bytes.push_back(0);
  EXPECT_EQ(decode(bytes, sample_map().step_count()).status, Status::malformed_chunk);
}

TEST(MapDecoder, RefusesEveryChangeOrReadsTablesThatKeepTheRules) {
  const Bytes bytes = coded_map(sample_map());
  int refused = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned by = 1; by < 256; ++by) {
      Bytes changed = bytes;
      changed[i] ^= static_cast<std::uint8_t>(by);
      bool good = true;
      ASSERT_NO_FATAL_FAILURE(expect_agreement(changed, sample_map().step_count(), &good)) << i;
      refused += good ? 0 : 1;
    }
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size()) * 200);
}

TEST(MapDecoder, RefusesAnotherNumberOfSteps) {
  const Bytes bytes = coded_map(sample_map());
  const std::size_t count = sample_map().step_count();
  for (std::size_t other = 0; other < 2 * count; ++other) {
    EXPECT_EQ(decode(bytes, other).status, other == count ? Status::ok : Status::malformed_chunk)
        << other;
  }
  EXPECT_EQ(decode(bytes, limits::map_step_count_max).status, Status::malformed_chunk);
}

// A stream that begins well and goes on with what `write` writes into the table of regions.
template <typename Write>
Decoded decode_forged(std::size_t step_count, Write write) {
  MapStream stream;
  stream.begin(0);
  stream.segments({{0, 0}});
  write(&stream);
  stream.anchors({});
  stream.shifts({{0, 0}});
  const Bytes bytes = stream.finish();
  bool good = true;
  expect_agreement(bytes, step_count, &good);
  return decode(bytes, step_count);
}

TEST(MapDecoder, RefusesCountsThatAreTooLarge) {
  const auto with_count = [](std::uint64_t count) {
    return decode_forged(2, [&](MapStream* stream) { stream->number(MapStream::count, count); });
  };
  EXPECT_EQ(with_count(0).status, Status::ok);
  for (const std::uint64_t count : {std::uint64_t{2}, std::uint64_t{1} << 32, ~std::uint64_t{0} - 1,
                                    (std::uint64_t{1} << 63) - 2}) {
    EXPECT_EQ(with_count(count).status, Status::malformed_chunk) << count;
  }
}

TEST(MapDecoder, RefusesBeginsOf2To32AndMore) {
  const auto with_begin = [](std::uint64_t zeros, std::uint64_t past) {
    return decode_forged(3, [&](MapStream* stream) {
      stream->number(MapStream::count, 1);
      stream->number(MapStream::place_zeros, zeros);
      stream->number(MapStream::place, past);
      stream->number(MapStream::rules, rules::a64);
    });
  };
  EXPECT_EQ(with_begin(0, 0xffffffff).map.regions, (std::vector<MapStep>{{0xffffffff, 1}}));
  EXPECT_EQ(with_begin(12, 0xfffff).map.regions, (std::vector<MapStep>{{0xfffff000, 1}}));
  EXPECT_EQ(with_begin(0, 0x100000000).status, Status::malformed_chunk);
  EXPECT_EQ(with_begin(12, 0x100000).status, Status::malformed_chunk);
  EXPECT_EQ(with_begin(12, 0xffffffff).status, Status::malformed_chunk);
  EXPECT_EQ(with_begin(1, std::uint64_t{1} << 62).status, Status::malformed_chunk);
  EXPECT_EQ(with_begin(13, 0).status, Status::malformed_chunk);
  EXPECT_EQ(with_begin(64, 0).status, Status::malformed_chunk);
}

TEST(MapDecoder, RefusesAStepAfterTheLastPlace) {
  const Decoded decoded = decode_forged(4, [&](MapStream* stream) {
    stream->number(MapStream::count, 2);
    stream->step_begin(0, 0xffffffff);
    stream->number(MapStream::rules, 0);
    stream->number(MapStream::place_zeros, 0);
    stream->number(MapStream::place, 0);
    stream->number(MapStream::rules, 0);
  });
  EXPECT_EQ(decoded.status, Status::malformed_chunk);
}

TEST(MapDecoder, RefusesRulesThatAreReserved) {
  const auto with_rules = [](std::uint64_t value) {
    return decode_forged(3, [&](MapStream* stream) {
      stream->number(MapStream::count, 1);
      stream->step_begin(0, 0);
      stream->number(MapStream::rules, value);
    });
  };
  for (std::uint64_t value = 0; value < 512; ++value) {
    const bool is_valid = value < 256 && value % 16 <= 6;
    EXPECT_EQ(with_rules(value).status, is_valid ? Status::ok : Status::malformed_chunk) << value;
  }
  EXPECT_EQ(with_rules(0x80000000).status, Status::malformed_chunk);
  // Of larger numbers only 32 bits count.
  EXPECT_EQ(with_rules(0x100000001).map.regions, (std::vector<MapStep>{{0, 1}}));
}

TEST(MapDecoder, ReadsAnyRankAndMoveOfAShift) {
  MapStream stream;
  stream.begin(0);
  stream.segments({});
  stream.regions({});
  stream.anchors({});
  stream.number(MapStream::count, 3);
  stream.step_begin(0, 0);
  stream.number(MapStream::recent, std::uint64_t{1} << 40);
  stream.number(MapStream::move_zeros, 33);
  stream.number(MapStream::move, (std::uint64_t{1} << 35) + 6);
  stream.step_begin(1, 1);
  stream.number(MapStream::recent, 5);
  stream.step_begin(2, 2);
  stream.number(MapStream::recent, 1);
  const Bytes bytes = stream.finish();
  bool good = false;
  expect_agreement(bytes, 3, &good);
  EXPECT_EQ(decode(bytes, 3).map.shifts, (std::vector<MapStep>{{0, 14}, {1, 0}, {2, 14}}));
}

TEST(MapDecoder, AgreesWithTheReferenceAboutNoise) {
  Random random = seeded_random();
  int accepted = 0;
  for (int run = 0; run < 20'000; ++run) {
    const Bytes bytes = random_bytes(&random, pick(&random, 0, 40));
    bool good = false;
    ASSERT_NO_FATAL_FAILURE(expect_agreement(bytes, pick(&random, 0, 8), &good)) << run;
    accepted += good ? 1 : 0;
  }
  RecordProperty("accepted", accepted);
}

TEST(MapDecoder, ReadsAsManyStepsAsThereMayBe) {
  ReferenceMap map = {0, {{0, 0}}, {{0, 1}}, {}, {}};
  for (std::uint32_t i = 0; i < limits::map_step_count_max - 2; ++i) {
    map.shifts.push_back({16 * i, i % 7 * 4});
  }
  const Bytes bytes = coded_map(map);
  EXPECT_LE(bytes.size(), limits::map_bytes_max);
  EXPECT_EQ(decode(bytes, map.step_count()).map, map);
}

}  // namespace
}  // namespace romdelta::test
