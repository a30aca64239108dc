#include "format/manifest.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/support/manifest_maker.h"

namespace romdelta::test {
namespace {

using Fields = std::vector<ManifestField>;

constexpr std::uint16_t kSource = 0x0005;
constexpr std::uint16_t kBudgets = 0x0008;
constexpr std::uint16_t kHardware = 0x000b;
constexpr std::uint16_t kCounter = 0x000c;
constexpr std::uint16_t kEncoder = 0x8001;

Status parse(const Bytes& bytes) {
  Manifest manifest;
  return parse_manifest(bytes, &manifest);
}

// The status after `edit` has changed the fields of the sample.
Status parse_edited(const std::function<void(Fields*)>& edit) {
  Fields fields = split_fields(encoded(sample_manifest()));
  edit(&fields);
  return parse(join_fields(fields));
}

ManifestField& field(Fields* fields, std::uint16_t tag) {
  for (ManifestField& candidate : *fields) {
    if (candidate.tag == tag) return candidate;
  }
  ADD_FAILURE() << "no field " << tag;
  return fields->front();
}

// The status after `change` has changed the sample's values, encoded as they are.
Status parse_changed(const std::function<void(Manifest*)>& change) {
  Manifest manifest = sample_manifest();
  change(&manifest);
  return parse(encoded(manifest));
}

// As above, with the RAM budget computed again so that it cannot be what is refused.
Status parse_refit(const std::function<void(Manifest*)>& change) {
  return parse_changed([&](Manifest* m) {
    change(m);
    m->budgets.ram_bytes = arena_bytes_needed(*m);
  });
}

TEST(Manifest, ReadsBackEveryValue) {
  const Manifest written = sample_manifest();
  Manifest m;
  ASSERT_EQ(parse_manifest(encoded(written), &m), Status::ok);
  EXPECT_EQ(m.package_id.view(), "com.example.app");
  EXPECT_EQ(m.layout, Layout::ab);
  EXPECT_EQ(m.codec, Codec::zstd);
  EXPECT_EQ(m.target.bytes, 6000u);
  EXPECT_EQ(m.target.digest, written.target.digest);
  EXPECT_EQ(m.target.version.view(), "2.0");
  EXPECT_EQ(m.target_checksum, written.target_checksum);
  ASSERT_EQ(m.source_count, 1u);
  EXPECT_FALSE(m.is_full());
  EXPECT_EQ(m.sources[0].version.view(), "1.0");
  EXPECT_EQ(m.payload_bytes, 2000u);
  EXPECT_EQ(m.tree_root, written.tree_root);
  EXPECT_EQ(m.group_bytes, 2048u);
  EXPECT_EQ(m.budgets.flash_write_bytes, 6000u);
  EXPECT_EQ(m.device.vendor.view(), "example");
  EXPECT_EQ(m.device.hardware_max, 4u);
  EXPECT_EQ(m.order.security_counter, 7u);
  EXPECT_EQ(m.encoder.view(), "by hand");
}

TEST(Manifest, ReadsBackRoleAndOrder) {
  Manifest written = sample_manifest();
  written.role = KeyRole::development;
  written.order.device_counter = 3;
  written.order.number = 40;
  written.may_downgrade = true;
  Manifest m;
  ASSERT_EQ(parse_manifest(encoded(written), &m), Status::ok);
  EXPECT_EQ(m.role, KeyRole::development);
  EXPECT_EQ(m.order.security_counter, 7u);
  EXPECT_EQ(m.order.device_counter, 3u);
  EXPECT_EQ(m.order.number, 40u);
  EXPECT_TRUE(m.may_downgrade);
  EXPECT_EQ(encoded(m), encoded(written));
}

TEST(Manifest, IsOfAReleaseThatMayNotDowngradeUnlessItSaysSo) {
  Manifest m;
  ASSERT_EQ(parse_manifest(encoded(sample_manifest()), &m), Status::ok);
  EXPECT_EQ(m.role, KeyRole::release);
  EXPECT_FALSE(m.may_downgrade);
  EXPECT_EQ(m.order.device_counter, 0u);
  EXPECT_EQ(m.order.number, 0u);
}

TEST(Manifest, HasOneEncodingOnly) {
  Random random = seeded_random();
  for (int round = 0; round < 2000; ++round) {
    const Bytes bytes = encoded(random_manifest(&random));
    Manifest parsed;
    ASSERT_EQ(parse_manifest(bytes, &parsed), Status::ok) << to_hex(bytes);
    ASSERT_EQ(to_hex(encoded(parsed)), to_hex(bytes));
  }
}

TEST(Manifest, ReencodesWhateverItAcceptsAfterDamage) {
  Random random = seeded_random();
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = encoded(random_manifest(&random));
    bytes[pick(&random, 0, bytes.size() - 1)] ^= static_cast<std::uint8_t>(pick(&random, 1, 255));
    Manifest parsed;
    if (parse_manifest(bytes, &parsed) != Status::ok) continue;
    // A field that became an unknown, ignorable one is the only thing that may be lost.
    const std::uint16_t last_tag = split_fields(bytes).back().tag;
    if (last_tag >= 0x8000 && last_tag != kEncoder) continue;
    ASSERT_EQ(to_hex(encoded(parsed)), to_hex(bytes));
  }
}

TEST(Manifest, StaysUnchangedWhenParsingFails) {
  Manifest manifest = sample_manifest();
  EXPECT_EQ(parse_manifest(Bytes{1}, &manifest), Status::malformed_manifest);
  EXPECT_EQ(encoded(manifest), encoded(sample_manifest()));
}

TEST(Manifest, NeedsEveryRequiredField) {
  const Fields fields = split_fields(encoded(sample_manifest()));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    Fields without = fields;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    const std::uint16_t tag = fields[i].tag;
    const bool optional = tag == kSource || tag > kBudgets;
    EXPECT_EQ(parse(join_fields(without)), optional ? Status::ok : Status::malformed_manifest)
        << tag;
  }
  EXPECT_EQ(parse({}), Status::malformed_manifest);
}

TEST(Manifest, RefusesAnyTwoFieldsSwapped) {
  const Fields fields = split_fields(encoded(sample_manifest()));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (std::size_t j = i + 1; j < fields.size(); ++j) {
      Fields swapped = fields;
      std::swap(swapped[i], swapped[j]);
      EXPECT_EQ(parse(join_fields(swapped)), Status::malformed_manifest) << i << " " << j;
    }
  }
}

TEST(Manifest, RefusesEveryFieldTwice) {
  const Fields fields = split_fields(encoded(sample_manifest()));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    Fields twice = fields;
    twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(i), fields[i]);
    EXPECT_EQ(parse(join_fields(twice)), Status::malformed_manifest) << fields[i].tag;
  }
}

TEST(Manifest, RefusesEveryTruncationButBetweenOptionalFields) {
  const Bytes bytes = encoded(sample_manifest());
  std::set<std::size_t> wholes;
  std::size_t end = 0;
  for (const ManifestField& each : split_fields(bytes)) {
    end += 4 + each.value.size();
    if (each.tag >= kBudgets) wholes.insert(end);
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const bool whole = wholes.contains(size);
    EXPECT_EQ(parse(cut), whole ? Status::ok : Status::malformed_manifest) << size;
  }
}

TEST(Manifest, RefusesFieldsOfAnyOtherLength) {
  const Fields fields = split_fields(encoded(sample_manifest()));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::uint16_t tag = fields[i].tag;
    const bool ends_in_text =
        tag == 1 || tag == 4 || tag == kSource || tag == 9 || tag == 10 || tag == kEncoder;
    Fields longer = fields;
    longer[i].value.push_back('x');
    EXPECT_EQ(parse(join_fields(longer)), ends_in_text ? Status::ok : Status::malformed_manifest);
    Fields empty = fields;
    empty[i].value.clear();
    EXPECT_EQ(parse(join_fields(empty)), Status::malformed_manifest) << tag;
    if (ends_in_text) continue;
    Fields shorter = fields;
    shorter[i].value.pop_back();
    EXPECT_EQ(parse(join_fields(shorter)), Status::malformed_manifest) << tag;
  }
}

TEST(Manifest, RefusesUnknownCriticalFieldsAndIgnoresOthers) {
  for (const std::uint16_t tag : std::initializer_list<std::uint16_t>{0x001f, 0x0100, 0x7fff}) {
    const auto add = [&](Fields* fields) {
      fields->insert(fields->end() - 1, ManifestField{tag, {1}});
    };
    EXPECT_EQ(parse_edited(add), Status::unsupported_field) << tag;
  }
  EXPECT_EQ(parse_edited([](Fields* f) {
              f->insert(f->begin(), ManifestField{0, {}});
            }),
            Status::malformed_manifest);
  EXPECT_EQ(parse_edited([](Fields* f) {
              f->insert(f->end() - 1, ManifestField{0x8000, {}});
            }),
            Status::ok);
  EXPECT_EQ(parse_edited([](Fields* f) { f->push_back({0xffff, {1, 2}}); }), Status::ok);
}

TEST(Manifest, RefusesLayoutsAndCodecsOfTheFuture) {
  EXPECT_EQ(parse_edited([](Fields* f) { field(f, 2).value = {2}; }), Status::unsupported_layout);
  EXPECT_EQ(parse_edited([](Fields* f) { field(f, 2).value = {9}; }), Status::unsupported_layout);
  EXPECT_EQ(parse_edited([](Fields* f) { field(f, 3).value = {0}; }), Status::unsupported_codec);
  EXPECT_EQ(parse_edited([](Fields* f) { field(f, 3).value = {3}; }), Status::unsupported_codec);
  EXPECT_EQ(parse_edited([](Fields* f) { field(f, 3).value = {9}; }), Status::unsupported_codec);
}

TEST(Manifest, RefusesNamesOutsideTheirAlphabets) {
  EXPECT_EQ(parse_edited([](Fields* f) { field(f, 1).value = to_bytes("../x"); }),
            Status::malformed_manifest);
  for (const std::uint16_t tag : std::initializer_list<std::uint16_t>{1, 4, 5, 9, 10, 0x8001}) {
    EXPECT_EQ(parse_edited([&](Fields* f) { field(f, tag).value.back() = '\n'; }),
              Status::malformed_manifest);
    EXPECT_EQ(parse_edited([&](Fields* f) {
                Bytes& value = field(f, tag).value;
                value.insert(value.end(), 65, 'x');
              }),
              Status::malformed_manifest);
  }
}

TEST(Manifest, RefusesImagesAboveTheLimit) {
  EXPECT_EQ(parse_changed([](Manifest* m) { m->sources[0].bytes = limits::image_bytes_max; }),
            Status::ok);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->sources[0].bytes = limits::image_bytes_max + 1; }),
            Status::malformed_manifest);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->target.bytes = limits::image_bytes_max + 1; }),
            Status::malformed_manifest);
}

TEST(Manifest, ListsSourcesInStrictOrderUpToSixteen) {
  const auto add_source = [](Fields* fields, std::uint8_t first_digest_byte) {
    ManifestField source = field(fields, kSource);
    source.value[8] = first_digest_byte;
    fields->insert(fields->begin() + 5, source);
  };
  EXPECT_EQ(parse_edited([&](Fields* f) { add_source(f, 0x22); }), Status::malformed_manifest);
  EXPECT_EQ(parse_edited([&](Fields* f) { add_source(f, 0x21); }), Status::malformed_manifest);
  EXPECT_EQ(parse_edited([&](Fields* f) { add_source(f, 0x23); }), Status::ok);
  const auto fill_up_to = [&](Fields* f, unsigned count) {
    for (unsigned i = count; i > 1; --i) add_source(f, static_cast<std::uint8_t>(0x22 + i));
  };
  EXPECT_EQ(parse_edited([&](Fields* f) { fill_up_to(f, 16); }), Status::ok);
  EXPECT_EQ(parse_edited([&](Fields* f) { fill_up_to(f, 17); }), Status::malformed_manifest);
}

TEST(Manifest, RefusesAHardwareRangeUpsideDownAndACounterOfZero) {
  EXPECT_EQ(parse_changed([](Manifest* m) { m->device.hardware_min = 5; }),
            Status::malformed_manifest);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->device.hardware_min = 4; }), Status::ok);
  EXPECT_EQ(parse_edited([](Fields* f) { field(f, kCounter).value = Bytes(8); }),
            Status::malformed_manifest);
  EXPECT_EQ(parse_edited([](Fields* f) { field(f, kHardware).value = Bytes(8); }), Status::ok);
}

TEST(Manifest, KeepsTheChunkRules) {
  const Status bad = Status::malformed_manifest;
  EXPECT_EQ(parse_refit([](Manifest* m) { m->chunk_count = 0; }), bad);
  EXPECT_EQ(parse_refit([](Manifest* m) { m->chunk_count = limits::chunk_count_max + 1; }), bad);
  EXPECT_EQ(parse_refit([](Manifest* m) { m->target.bytes = 2; }), bad);
  EXPECT_EQ(parse_refit([](Manifest* m) { m->target.bytes = 3; }), Status::ok);
  EXPECT_EQ(parse_refit([](Manifest* m) { m->chunk_stored_bytes_max = 0; }), bad);
  EXPECT_EQ(parse_refit([](Manifest* m) {
              m->chunk_stored_bytes_max = limits::chunk_stored_bytes_max + 1;
            }),
            bad);
  EXPECT_EQ(parse_refit([](Manifest* m) {
              m->chunk_decoded_bytes_max = limits::chunk_decoded_bytes_max + 1;
            }),
            bad);
}

TEST(Manifest, HasAPayloadBetweenItsTreeAndAllChunksFull) {
  const std::uint64_t tree = 3 * 48;
  EXPECT_EQ(parse_changed([](Manifest* m) { m->payload_bytes = tree; }),
            Status::malformed_manifest);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->payload_bytes = tree + 1; }), Status::ok);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->payload_bytes = tree + 3000; }), Status::ok);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->payload_bytes = tree + 3001; }),
            Status::malformed_manifest);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->payload_bytes = ~std::uint64_t{0}; }),
            Status::malformed_manifest);
}

TEST(Manifest, OfAnEmptyTargetHasNoChunks) {
  const auto empty = [](Manifest* m) {
    m->target.bytes = 0;
    m->chunk_count = 0;
    m->payload_bytes = 0;
    m->tree_root = {};
    m->chunk_stored_bytes_max = 0;
    m->chunk_decoded_bytes_max = 0;
  };
  EXPECT_EQ(parse_refit(empty), Status::ok);
  const std::function<void(Manifest*)> wrongs[] = {
      [](Manifest* m) { m->chunk_count = 1; },
      [](Manifest* m) { m->payload_bytes = 1; },
      [](Manifest* m) { m->tree_root.value[31] = 1; },
      [](Manifest* m) { m->chunk_stored_bytes_max = 1; },
      [](Manifest* m) { m->chunk_decoded_bytes_max = 1; },
  };
  for (const auto& wrong : wrongs) {
    EXPECT_EQ(parse_refit([&](Manifest* m) {
                empty(m);
                wrong(m);
              }),
              Status::malformed_manifest);
  }
}

TEST(Manifest, KeepsTheGeometryRules) {
  const Status bad = Status::malformed_manifest;
  EXPECT_EQ(parse_refit([](Manifest* m) { m->erase_block_bytes = 0; }), bad);
  EXPECT_EQ(parse_refit([](Manifest* m) { m->group_bytes = 0; }), bad);
  EXPECT_EQ(parse_refit([](Manifest* m) { m->group_bytes = 1536; }), bad);
  EXPECT_EQ(parse_refit([](Manifest* m) { m->group_bytes = 16u << 20; }), bad);
  EXPECT_EQ(parse_refit([](Manifest* m) {
              m->erase_block_bytes = m->group_bytes = limits::erase_block_bytes_max;
            }),
            Status::ok);
  EXPECT_EQ(parse_refit([](Manifest* m) {
              m->erase_block_bytes = m->group_bytes = limits::erase_block_bytes_max + 1;
            }),
            bad);
}

TEST(Manifest, DeclaresAtLeastTheRamThatItsChunksNeed) {
  EXPECT_EQ(parse_changed([](Manifest* m) { --m->budgets.ram_bytes; }), Status::malformed_manifest);
  EXPECT_EQ(parse_changed([](Manifest* m) { ++m->budgets.ram_bytes; }), Status::ok);
}

TEST(Manifest, IsNeverLongerThanTheHeadAllows) {
  Fields fields = split_fields(encoded(sample_manifest()));
  const std::size_t now = join_fields(fields).size();
  fields.push_back({0xffff, Bytes(limits::manifest_bytes_max - now - 4)});
  EXPECT_EQ(parse(join_fields(fields)), Status::ok);
  fields.back().value.push_back(0);
  EXPECT_EQ(parse(join_fields(fields)), Status::malformed_manifest);
}

TEST(Manifest, NamesItsLayoutsAndCodecs) {
  EXPECT_STREQ(to_string(Layout::ab), "ab");
  EXPECT_STREQ(to_string(Layout::in_place), "in-place");
  EXPECT_STREQ(to_string(static_cast<Layout>(7)), "unknown");
  EXPECT_STREQ(to_string(Codec::zstd), "zstd");
  EXPECT_STREQ(to_string(static_cast<Codec>(7)), "unknown");
}

TEST(ArenaBytesNeeded, CountsWholeCacheLinesOfEveryBuffer) {
  Manifest m;
  EXPECT_EQ(arena_bytes_needed(m), 4096u + 4096);
  m.chunk_count = 1;
  m.group_bytes = 1000;
  m.chunk_stored_bytes_max = 1;
  m.chunk_decoded_bytes_max = 65;
  EXPECT_EQ(arena_bytes_needed(m), 8192u + 98304 + 1024 + 64 + 128 + 48);
  m.chunk_count = 65;
  EXPECT_EQ(arena_bytes_needed(m), 8192u + 98304 + 1024 + 64 + 128 + 2 * 3072);
  m.chunk_count = limits::chunk_count_max;
  EXPECT_EQ(arena_bytes_needed(m), 8192u + 98304 + 1024 + 64 + 128 + 3 * 3072);
}

}  // namespace
}  // namespace romdelta::test
