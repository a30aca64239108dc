// The field `plan` of a manifest, and what it means to be in place: docs/format.md sections 4.2 to
// 4.4.
#include <gtest/gtest.h>

#include "format/manifest.h"
#include "tests/support/manifest_maker.h"

namespace romdelta::test {
namespace {

constexpr std::uint16_t kPlan = 0x0010;
constexpr std::uint64_t kTree = 2 * 48;
constexpr Status kBad = Status::malformed_manifest;

Status parse(ByteSpan bytes) {
  Manifest manifest;
  return parse_manifest(bytes, &manifest);
}

// The status after `change`; the RAM budget fits, so that it cannot be what is refused.
template <typename Change>
Status parse_changed(Change change) {
  Manifest m = sample_in_place_manifest();
  change(&m);
  m.budgets.ram_bytes = arena_bytes_needed(m);
  return parse(encoded(m));
}

// The same for one number of the plan.
Status parse_with(std::uint32_t PlanIdentity::*number, std::uint32_t value) {
  return parse_changed([&](Manifest* m) { m->plan.*number = value; });
}

// The status after `edit` has changed the value of the field.
template <typename Edit>
Status parse_edited(Edit edit) {
  std::vector<ManifestField> fields = split_fields(encoded(sample_in_place_manifest()));
  for (ManifestField& field : fields) {
    if (field.tag == kPlan) edit(&field.value);
  }
  return parse(join_fields(fields));
}

TEST(ManifestPlan, IsReadBack) {
  const Manifest written = sample_in_place_manifest();
  Manifest m;
  ASSERT_EQ(parse_manifest(encoded(written), &m), Status::ok);
  EXPECT_EQ(m.layout, Layout::in_place);
  EXPECT_TRUE(m.plan.present());
  EXPECT_EQ(m.plan.bytes, 90u);
  EXPECT_EQ(m.plan.step_count, 2u);
  EXPECT_EQ(m.plan.chunk_steps_max, 1u);
  EXPECT_EQ(m.plan.hole_count, 1u);
  EXPECT_EQ(m.plan.kept_count_max, 3u);
  EXPECT_EQ(m.plan.fragment_count_max, 20u);
  EXPECT_EQ(m.plan.reserve_blocks, 1u);
  EXPECT_EQ(m.plan.program_unit_bytes, 16u);
  EXPECT_EQ(m.plan.block_erase_count, 4u);
  EXPECT_EQ(m.plan.rewritten_bytes, 3952u);
  EXPECT_EQ(m.plan.digest, written.plan.digest);
  EXPECT_EQ(m.output_bytes(), 3952u);
  EXPECT_EQ(m.group_count(), 3u);
  EXPECT_EQ(m.spill_block_count(), 4u + 2u);
  EXPECT_EQ(encoded(m), encoded(written));
}

TEST(ManifestPlan, HasOneSize) {
  EXPECT_EQ(parse_edited([](Bytes*) {}), Status::ok);
  EXPECT_EQ(parse_edited([](Bytes* value) { value->pop_back(); }), kBad);
  EXPECT_EQ(parse_edited([](Bytes* value) { value->push_back(0); }), kBad);
  EXPECT_EQ(parse_edited([](Bytes* value) { value->clear(); }), kBad);
}

TEST(ManifestPlan, OfNoBytesHasToBeLeftOut) {
  EXPECT_EQ(parse_edited([](Bytes* value) { value->at(0) = 0; }), kBad);
}

TEST(ManifestPlan, IsNeededByADeltaInPlace) {
  EXPECT_EQ(parse_changed([](Manifest* m) {
              m->payload_bytes -= m->plan.bytes;
              m->plan = {};
              m->budgets.scratch_bytes = 0;
            }),
            kBad);
}

TEST(ManifestPlan, IsForDeltasInPlaceOnly) {
  EXPECT_EQ(parse_changed([](Manifest* m) { m->layout = Layout::ab; }), kBad);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->source_count = 0; }), kBad);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->codec = Codec::zstd; }), kBad);
  EXPECT_EQ(parse_changed([](Manifest* m) {
              m->source_count = 2;
              m->sources[1] = m->sources[0];
              m->sources[1].digest.value.fill(0x23);
            }),
            kBad);
}

TEST(ManifestPlan, IsNotBeforeAnEmptyTarget) {
  for (const std::uint64_t payload_bytes : {0u, 90u}) {
    EXPECT_EQ(parse_changed([&](Manifest* m) {
                m->target.bytes = m->payload_bytes = payload_bytes;
                m->target.bytes = 0;
                m->chunk_count = m->chunk_stored_bytes_max = 0;
                m->tree_root = {};
              }),
              kBad);
  }
}

TEST(ManifestPlan, IsAbsentFromAFullPackageInPlace) {
  const auto full = [](Manifest* m) {
    m->source_count = 0;
    m->payload_bytes -= m->plan.bytes;
    m->plan = {};
    m->budgets.scratch_bytes = 0;
  };
  EXPECT_EQ(parse_changed(full), Status::ok);
  EXPECT_EQ(parse_changed([&](Manifest* m) {
              full(m);
              m->budgets.scratch_bytes = 1024;
            }),
            kBad);
}

TEST(ManifestPlan, IsWhatScratchIsFor) {
  Manifest m = sample_manifest();
  m.budgets.scratch_bytes = 1024;
  EXPECT_EQ(parse(encoded(m)), kBad);
}

TEST(ManifestPlan, HasABoundedSize) {
  const auto with_bytes = [](std::uint32_t bytes) {
    return parse_changed([&](Manifest* m) {
      m->plan.bytes = bytes;
      m->payload_bytes = kTree + bytes + 1000;
    });
  };
  EXPECT_EQ(with_bytes(1), Status::ok);
  EXPECT_EQ(with_bytes(1'048'576), Status::ok);
  EXPECT_EQ(with_bytes(1'048'577), kBad);
  EXPECT_EQ(with_bytes(0xffffffff), kBad);
}

TEST(ManifestPlan, IsPartOfThePayload) {
  const auto with_payload = [](std::uint64_t payload_bytes) {
    return parse_changed([&](Manifest* m) { m->payload_bytes = payload_bytes; });
  };
  EXPECT_EQ(with_payload(kTree + 90), kBad);
  EXPECT_EQ(with_payload(kTree + 91), Status::ok);
  EXPECT_EQ(with_payload(kTree + 90 + 2000), Status::ok);
  EXPECT_EQ(with_payload(kTree + 90 + 2001), kBad);
  EXPECT_EQ(with_payload(89), kBad);
}

TEST(ManifestPlan, HasGroupsOfWholeGrains) {
  const auto with_group = [](std::uint32_t block_bytes, std::uint32_t group_bytes) {
    return parse_changed([&](Manifest* m) {
      m->erase_block_bytes = block_bytes;
      m->group_bytes = group_bytes;
      m->plan.program_unit_bytes = 1;
      m->plan.hole_count = 0;
      m->budgets.scratch_bytes = 4 * block_bytes;
    });
  };
  EXPECT_EQ(with_group(1000, 2000), kBad);
  EXPECT_EQ(with_group(64, 2048 + 64), Status::ok);
  EXPECT_EQ(with_group(96, 2016), kBad);
}

TEST(ManifestPlan, HasBlocksWithRoomForAFragment) {
  const auto with_block = [](std::uint32_t block_bytes) {
    return parse_changed([&](Manifest* m) {
      m->erase_block_bytes = block_bytes;
      m->plan.hole_count = 0;
    });
  };
  EXPECT_EQ(with_block(64), Status::ok);
  EXPECT_EQ(with_block(32), kBad);
}

TEST(ManifestPlan, CountsABoundedNumberOfGroups) {
  const auto with_bytes = [](std::uint64_t target_bytes, std::uint64_t source_bytes) {
    return parse_changed([&](Manifest* m) {
      m->target.bytes = target_bytes;
      m->sources[0].bytes = source_bytes;
    });
  };
  const std::uint64_t most = std::uint64_t{1 << 20} * 2048;
  EXPECT_EQ(with_bytes(most, most), Status::ok);
  EXPECT_EQ(with_bytes(most + 1, most), kBad);
  EXPECT_EQ(with_bytes(most, most + 1), kBad);
}

TEST(ManifestPlan, StepsAreGroupsOfTheTarget) {
  EXPECT_EQ(parse_changed([](Manifest* m) { m->plan.step_count = 0; }), kBad);
  EXPECT_EQ(parse_changed([](Manifest* m) { m->plan.step_count = 3; }), kBad) << "with the hole";
  EXPECT_EQ(parse_changed([](Manifest* m) {
              m->plan.step_count = 3;
              m->plan.hole_count = 0;
            }),
            Status::ok);
  EXPECT_EQ(parse_changed([](Manifest* m) {
              m->plan.step_count = 4;
              m->plan.hole_count = 0;
            }),
            kBad);
  EXPECT_EQ(parse_with(&PlanIdentity::step_count, 0xffffffff), kBad);
  EXPECT_EQ(parse_with(&PlanIdentity::hole_count, 2), kBad);
  EXPECT_EQ(parse_with(&PlanIdentity::hole_count, 0xffffffff), kBad);
}

TEST(ManifestPlan, ChunksHaveStepsOfTheirOwn) {
  EXPECT_EQ(parse_with(&PlanIdentity::chunk_steps_max, 0), kBad);
  EXPECT_EQ(parse_with(&PlanIdentity::chunk_steps_max, 2), Status::ok);
  EXPECT_EQ(parse_with(&PlanIdentity::chunk_steps_max, 3), kBad);
  EXPECT_EQ(parse_changed([](Manifest* m) {
              m->chunk_count = 3;
              m->payload_bytes += 48;
            }),
            kBad);
}

TEST(ManifestPlan, WritesAsMuchAsItsStepsCan) {
  const auto with_rewritten = [](std::uint64_t bytes) {
    return parse_changed([&](Manifest* m) { m->plan.rewritten_bytes = bytes; });
  };
  EXPECT_EQ(with_rewritten(0), kBad);
  EXPECT_EQ(with_rewritten(1), kBad) << "two chunks make one byte";
  EXPECT_EQ(with_rewritten(2), Status::ok);
  EXPECT_EQ(with_rewritten(4096), Status::ok);
  EXPECT_EQ(with_rewritten(4097), kBad);
  EXPECT_EQ(parse_changed([](Manifest* m) {
              m->target.bytes = 4097;
              m->plan.step_count = 3;
              m->plan.hole_count = 0;
              m->plan.rewritten_bytes = 4098;
            }),
            kBad);
}

TEST(ManifestPlan, HasBoundedTables) {
  EXPECT_EQ(parse_with(&PlanIdentity::kept_count_max, 65'536), Status::ok);
  EXPECT_EQ(parse_with(&PlanIdentity::kept_count_max, 65'537), kBad);
  EXPECT_EQ(parse_with(&PlanIdentity::fragment_count_max, 65'536), Status::ok);
  EXPECT_EQ(parse_with(&PlanIdentity::fragment_count_max, 65'537), kBad);
  EXPECT_EQ(parse_with(&PlanIdentity::reserve_blocks, 6), Status::ok);
  EXPECT_EQ(parse_with(&PlanIdentity::reserve_blocks, 7), kBad);
  const auto with_scratch = [](std::uint64_t bytes) {
    return parse_changed([&](Manifest* m) { m->budgets.scratch_bytes = bytes; });
  };
  EXPECT_EQ(with_scratch((16 * 1024 - 2) * 1024), Status::ok);
  EXPECT_EQ(with_scratch((16 * 1024 - 1) * 1024), kBad);
  EXPECT_EQ(with_scratch(std::uint64_t{1} << 40), kBad);
  EXPECT_EQ(with_scratch(~std::uint64_t{0} / 1024 * 1024), kBad);
}

TEST(ManifestPlan, HasScratchOfWholeBlocks) {
  for (const std::uint64_t bytes : {1u, 512u, 1023u, 1025u}) {
    EXPECT_EQ(parse_changed([&](Manifest* m) { m->budgets.scratch_bytes = bytes; }), kBad) << bytes;
  }
  EXPECT_EQ(parse_changed([](Manifest* m) { m->budgets.scratch_bytes = 0; }), Status::ok);
}

TEST(ManifestPlan, HasProgramUnitsThatDivideTheBlock) {
  EXPECT_EQ(parse_with(&PlanIdentity::program_unit_bytes, 0), kBad);
  EXPECT_EQ(parse_with(&PlanIdentity::program_unit_bytes, 1), Status::ok);
  EXPECT_EQ(parse_with(&PlanIdentity::program_unit_bytes, 24), kBad);
  EXPECT_EQ(parse_with(&PlanIdentity::program_unit_bytes, 1024), Status::ok);
  EXPECT_EQ(parse_with(&PlanIdentity::program_unit_bytes, 2048), kBad);
  const auto in_large_blocks = [](std::uint32_t unit_bytes) {
    return parse_changed([&](Manifest* m) {
      m->erase_block_bytes = m->group_bytes = 8192;
      m->plan.program_unit_bytes = unit_bytes;
      m->plan.step_count = m->chunk_count = 1;
      m->plan.hole_count = 0;
      m->payload_bytes = 48 + 90 + 1000;
      m->budgets.scratch_bytes = 8192;
    });
  };
  EXPECT_EQ(in_large_blocks(4096), Status::ok);
  EXPECT_EQ(in_large_blocks(8192), kBad);
}

// docs/format.md section 4.3, written down again.
TEST(ManifestPlan, CountsInTheArena) {
  const auto up = [](std::uint64_t count) { return (count + 63) / 64 * 64; };
  Random random = seeded_random();
  for (int round = 0; round < 300; ++round) {
    Manifest m = sample_in_place_manifest();
    const auto number = [&](std::uint32_t most) {
      return static_cast<std::uint32_t>(pick(&random, 1, most));
    };
    m.plan.bytes = number(5000);
    m.plan.chunk_steps_max = number(300);
    m.plan.hole_count = number(50);
    m.plan.kept_count_max = number(500);
    m.plan.fragment_count_max = number(1000);
    m.chunk_stored_bytes_max = number(200'000);
    m.target.bytes = number(10'000'000);
    m.group_bytes = 1024 * number(200);
    m.budgets.scratch_bytes = std::uint64_t{1024} * number(64);
    if (pick(&random, 0, 1) == 1) m.map = {number(3000), number(1000), {}};
    const std::uint64_t groups = (m.target.bytes + m.group_bytes - 1) / m.group_bytes;
    const std::uint64_t grains = m.group_bytes / 64 + (m.map.present() ? 4 : 0);
    const std::uint64_t grain_words = (grains + 31) / 32;
    const std::uint64_t kept = m.plan.kept_count_max + 1;
    const std::uint64_t blocks =
        m.budgets.scratch_bytes / 1024 + std::uint64_t{m.plan.hole_count} * (m.group_bytes / 1024);
    const std::uint64_t map = m.map.present() ? up(std::uint64_t{8} * m.map.step_count) + 4416 : 0;
    const std::uint64_t work = std::max<std::uint64_t>(
        65'536 + up(std::max(m.chunk_stored_bytes_max, m.map.bytes)), m.group_bytes);
    const std::uint64_t expected =
        4096 + 4096 + 48 * 2 + 4160 + map + work + up(m.plan.bytes) + 12'288 +
        up((groups + 31) / 32 * 4) + 2 * up(std::uint64_t{4} * m.plan.chunk_steps_max) +
        up(std::uint64_t{8} * m.plan.chunk_steps_max) + up(std::uint64_t{8} * m.plan.hole_count) +
        up(16 * kept) + up(4 * grain_words * kept) + 2 * up(4 * grain_words) +
        up(std::uint64_t{24} * m.plan.fragment_count_max) + up(16 * blocks) + 4096 + 512;
    ASSERT_EQ(arena_bytes_needed(m), expected);
  }
  Manifest m = sample_in_place_manifest();
  --m.budgets.ram_bytes;
  EXPECT_EQ(parse(encoded(m)), kBad);
}

}  // namespace
}  // namespace romdelta::test
