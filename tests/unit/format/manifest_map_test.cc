// The field `map` of a manifest: docs/format.md sections 4.2 to 4.4.
#include <gtest/gtest.h>

#include "format/manifest.h"
#include "tests/support/manifest_maker.h"

namespace romdelta::test {
namespace {

constexpr std::uint16_t kMap = 0x000d;
constexpr std::uint64_t kTree = 3 * 48;

Manifest sample_with_map() {
  Manifest m = sample_manifest();
  m.codec = Codec::context;
  m.chunk_decoded_bytes_max = 0;
  m.map = {100, 20, {}};
  m.map.digest.value.fill(0x44);
  m.payload_bytes += 100;
  m.budgets.ram_bytes = arena_bytes_needed(m);
  return m;
}

Status parse(ByteSpan bytes) {
  Manifest manifest;
  return parse_manifest(bytes, &manifest);
}

// The status after `change`; the RAM budget fits, so that it cannot be what is refused.
template <typename Change>
Status parse_changed(Change change) {
  Manifest m = sample_with_map();
  change(&m);
  m.budgets.ram_bytes = arena_bytes_needed(m);
  return parse(encoded(m));
}

// The status after `edit` has changed the value of the field.
template <typename Edit>
Status parse_edited(Edit edit) {
  std::vector<ManifestField> fields = split_fields(encoded(sample_with_map()));
  for (ManifestField& field : fields) {
    if (field.tag == kMap) edit(&field.value);
  }
  return parse(join_fields(fields));
}

constexpr Status kBad = Status::malformed_manifest;

TEST(ManifestMap, IsReadBack) {
  const Manifest written = sample_with_map();
  Manifest m;
  ASSERT_EQ(parse_manifest(encoded(written), &m), Status::ok);
  EXPECT_TRUE(m.map.present());
  EXPECT_EQ(m.map.bytes, 100u);
  EXPECT_EQ(m.map.step_count, 20u);
  EXPECT_EQ(m.map.digest, written.map.digest);
  EXPECT_EQ(encoded(m), encoded(written));
}

TEST(ManifestMap, MayBeAbsent) {
  Manifest m;
  ASSERT_EQ(parse_manifest(encoded(sample_manifest()), &m), Status::ok);
  EXPECT_FALSE(m.map.present());
  EXPECT_EQ(parse_changed([](Manifest* manifest) { manifest->map = {}; }), Status::ok);
}

TEST(ManifestMap, HasOneSize) {
  EXPECT_EQ(parse_edited([](Bytes*) {}), Status::ok);
  EXPECT_EQ(parse_edited([](Bytes* value) { value->pop_back(); }), kBad);
  EXPECT_EQ(parse_edited([](Bytes* value) { value->push_back(0); }), kBad);
  EXPECT_EQ(parse_edited([](Bytes* value) { value->clear(); }), kBad);
}

TEST(ManifestMap, OfNoBytesHasToBeLeftOut) {
  EXPECT_EQ(parse_edited([](Bytes* value) { value->at(0) = 0; }), kBad);
}

TEST(ManifestMap, IsOnlyForCodecContext) {
  EXPECT_EQ(parse_changed([](Manifest* m) { m->codec = Codec::zstd; }), kBad);
}

TEST(ManifestMap, IsAboutOneSource) {
  EXPECT_EQ(parse_changed([](Manifest* m) { m->source_count = 0; }), kBad);
  EXPECT_EQ(parse_changed([](Manifest* m) {
              m->source_count = 2;
              m->sources[1] = m->sources[0];
              m->sources[1].digest.value.fill(0x23);
            }),
            kBad);
}

TEST(ManifestMap, IsNotBeforeAnEmptyTarget) {
  const auto empty = [](Manifest* m) {
    m->target.bytes = 0;
    m->chunk_count = 0;
    m->tree_root = {};
    m->chunk_stored_bytes_max = 0;
  };
  for (const std::uint64_t payload_bytes : {0u, 100u}) {
    EXPECT_EQ(parse_changed([&](Manifest* m) {
                empty(m);
                m->payload_bytes = payload_bytes;
              }),
              kBad);
  }
}

TEST(ManifestMap, HasABoundedSize) {
  const auto with_bytes = [](std::uint32_t bytes) {
    return parse_changed([&](Manifest* m) {
      m->map.bytes = bytes;
      m->payload_bytes = kTree + bytes + 1000;
    });
  };
  EXPECT_EQ(with_bytes(1), Status::ok);
  EXPECT_EQ(with_bytes(524'288), Status::ok);
  EXPECT_EQ(with_bytes(524'289), kBad);
  EXPECT_EQ(with_bytes(0xffffffff), kBad);
}

TEST(ManifestMap, HasABoundedNumberOfSteps) {
  const auto with_steps = [](std::uint32_t step_count) {
    return parse_changed([&](Manifest* m) { m->map.step_count = step_count; });
  };
  EXPECT_EQ(with_steps(0), kBad);
  EXPECT_EQ(with_steps(1), Status::ok);
  EXPECT_EQ(with_steps(32'768), Status::ok);
  EXPECT_EQ(with_steps(32'769), kBad);
  EXPECT_EQ(with_steps(0x20000001), kBad);
  EXPECT_EQ(with_steps(0xffffffff), kBad);
}

TEST(ManifestMap, IsPartOfThePayload) {
  const auto with_payload = [](std::uint64_t payload_bytes) {
    return parse_changed([&](Manifest* m) { m->payload_bytes = payload_bytes; });
  };
  EXPECT_EQ(with_payload(kTree + 100), kBad);
  EXPECT_EQ(with_payload(kTree + 101), Status::ok);
  EXPECT_EQ(with_payload(kTree + 100 + 3000), Status::ok);
  EXPECT_EQ(with_payload(kTree + 100 + 3001), kBad);
  EXPECT_EQ(with_payload(99), kBad);
}

// docs/format.md section 4.3, written down again.
TEST(ManifestMap, CountsInTheArena) {
  const auto up = [](std::uint64_t count) { return (count + 63) / 64 * 64; };
  for (const std::uint32_t map_bytes : {1u, 1000u, 1001u, 524'288u}) {
    for (const std::uint32_t step_count : {1u, 8u, 9u, 32'768u}) {
      Manifest m = sample_with_map();
      m.map.bytes = map_bytes;
      m.map.step_count = step_count;
      const std::uint64_t expected = 4096 + 4096 + 69'696 + up(m.group_bytes) +
                                     up(std::max(m.chunk_stored_bytes_max, map_bytes)) +
                                     up(std::uint64_t{8} * step_count) + 4416 + 48 * 3;
      EXPECT_EQ(arena_bytes_needed(m), expected) << map_bytes << ' ' << step_count;
    }
  }
  Manifest m = sample_with_map();
  --m.budgets.ram_bytes;
  EXPECT_EQ(parse(encoded(m)), kBad);
}

}  // namespace
}  // namespace romdelta::test
