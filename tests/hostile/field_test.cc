// Lengths, offsets and counts that lie: written over a signed package, and signed themselves.
//
// RAUC CVE-2026-34155: a payload above 2 GiB made a length overflow, so that the signature covered
// its first bytes only. Hence the values.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/hostile/attack_table.h"
#include "tests/hostile/forgery.h"
#include "tests/hostile/victim.h"
#include "tests/support/manifest_maker.h"

namespace romdelta::test {
namespace {

constexpr std::uint64_t kExtremes[] = {
    0x7fff'ffff,           0x8000'0000,           0xffff'ffff,           0x1'0000'0000,
    0x100'0000'0000,       0x7fff'ffff'ffff'ffff, 0x8000'0000'0000'0000, 0xffff'ffff'ffff'ffff,
    0xffff'ffff'ffff'fff0, 0x100'0000'0001};

struct Field {
  std::string name;
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

// Numbers inside a manifest field's value, by tag.
std::vector<Field> numbers_of(std::uint16_t tag) {
  switch (tag) {
    case 0x0004: return {{"target.image_bytes", 8, 8}};
    case 0x0005: return {{"source.image_bytes", 0, 8}};
    case 0x0006: return {{"payload_bytes", 0, 8}, {"chunk_count", 8, 4}};
    case 0x0007:
      return {{"chunk_stored_bytes_max", 0, 4},
              {"chunk_decoded_bytes_max", 4, 4},
              {"group_bytes", 8, 4},
              {"erase_block_bytes", 12, 4}};
    case 0x0008:
      return {{"ram_bytes", 0, 8},          {"scratch_bytes", 8, 8}, {"journal_bytes", 16, 8},
              {"flash_write_bytes", 24, 8}, {"erase_count", 32, 8},  {"redo_bytes", 40, 8}};
    case 0x000b: return {{"hardware_min", 0, 4}, {"hardware_max", 4, 4}};
    case 0x000c: return {{"security_counter", 0, 8}};
    default: return {};
  }
}

// Every length, offset and count of header, manifest, signature list and root node.
std::vector<Field> fields_of(const Victim& victim) {
  const ByteSpan file = victim.package();
  const std::size_t list_at = victim.head().head_bytes - victim.head().signatures.encoded_bytes();
  std::vector<Field> fields = {{"manifest_bytes", 12, 4}, {"signature count", list_at, 2}};
  std::size_t at = package_header_bytes;
  for (const ManifestField& field : split_fields(file.subspan(at, list_at - at))) {
    fields.push_back({"value_bytes of tag " + std::to_string(field.tag), at + 2, 2});
    for (Field number : numbers_of(field.tag)) {
      number.offset += at + 4;
      fields.push_back(number);
    }
    at += 4 + field.value.size();
  }
  for (std::size_t i = 0; i < victim.chunks().size(); ++i) {
    const std::size_t entry = victim.head().head_bytes + i * TreeEntry::bytes;
    fields.push_back({"entry payload_bytes", entry, 8});
    fields.push_back({"entry target_bytes", entry + 8, 8});
  }
  return fields;
}

// The low bytes of `value` at the field's place; false when they are there already.
bool overwrite(Bytes* file, const Field& field, std::uint64_t value) {
  bool changed = false;
  for (std::size_t i = 0; i < field.bytes; ++i) {
    std::uint8_t& byte = (*file)[field.offset + i];
    const auto wanted = static_cast<std::uint8_t>(value >> (8 * i));
    changed = changed || byte != wanted;
    byte = wanted;
  }
  return changed;
}

class FieldLie : public ::testing::TestWithParam<Victim& (*)()> {
 protected:
  Victim& victim() { return GetParam()(); }
  // The package with `change` made to its manifest, signed.
  template <typename Change>
  Bytes with_manifest(Change change) {
    Forgery forgery(victim().package());
    change(&forgery.manifest);
    return forgery.seal_manifest_only();
  }
};

INSTANTIATE_TEST_SUITE_P(Package, FieldLie,
                         ::testing::Values(&delta_victim, &full_victim, &grouped_victim));

TEST_P(FieldLie, IsRefusedByTheSignatureOrTheDigestOverIt) {
  const Attack attack_row("RAUC CVE-2026-34155",
                          "lengths of 2^31, 2^32, 2^40 and more, not signed");
  for (const Field& field : fields_of(victim())) {
    for (const std::uint64_t value : kExtremes) {
      Bytes file = victim().package();
      if (!overwrite(&file, field, value)) continue;
      Verdict verdict = victim().verdict_at(field.offset);
      EXPECT_EQ(victim().attack(file, verdict), "") << field.name << " = " << value;
    }
  }
}

struct ManifestLie {
  const char* name;
  void (*change)(Manifest*, std::uint64_t);
  unsigned bits;  // Of the field.
  std::vector<Status> refused_with;
};

const ManifestLie kManifestLies[] = {
    {"target.image_bytes",
     [](Manifest* m, std::uint64_t v) { m->target.bytes = v; },
     64,
     {Status::malformed_manifest, Status::slot_too_small}},
    {"payload_bytes",
     [](Manifest* m, std::uint64_t v) { m->payload_bytes = v; },
     64,
     {Status::malformed_manifest}},
    {"chunk_count",
     [](Manifest* m, std::uint64_t v) { m->chunk_count = static_cast<std::uint32_t>(v); },
     32,
     {Status::malformed_manifest}},
    {"chunk_stored_bytes_max",
     [](Manifest* m, std::uint64_t v) {
       m->chunk_stored_bytes_max = static_cast<std::uint32_t>(v);
     },
     32,
     {Status::malformed_manifest}},
    {"chunk_decoded_bytes_max",
     [](Manifest* m, std::uint64_t v) {
       m->chunk_decoded_bytes_max = static_cast<std::uint32_t>(v);
     },
     32,
     {Status::malformed_manifest}},
    {"group_bytes",
     [](Manifest* m, std::uint64_t v) { m->group_bytes = static_cast<std::uint32_t>(v); },
     32,
     {Status::malformed_manifest}},
    {"erase_block_bytes",
     [](Manifest* m, std::uint64_t v) { m->erase_block_bytes = static_cast<std::uint32_t>(v); },
     32,
     {Status::malformed_manifest}},
    {"ram_bytes",
     [](Manifest* m, std::uint64_t v) { m->budgets.ram_bytes = v; },
     64,
     {Status::arena_too_small}},
    {"scratch_bytes",
     [](Manifest* m, std::uint64_t v) { m->budgets.scratch_bytes = v; },
     64,
     {Status::malformed_manifest}},
    {"hardware_min",
     [](Manifest* m, std::uint64_t v) {
       m->device.has_hardware_range = true;
       m->device.hardware_min = static_cast<std::uint32_t>(v);
       m->device.hardware_max = 0xffff'ffff;
     },
     32,
     {Status::wrong_device}},
};

TEST_P(FieldLie, ThatIsSignedIsRefusedByTheManifestsRules) {
  const Attack attack_row("RAUC CVE-2026-34155", "lengths of 2^31, 2^32, 2^40 and more, signed");
  for (const ManifestLie& lie : kManifestLies) {
    for (const std::uint64_t value : kExtremes) {
      if (lie.bits == 32 && value > 0xffff'ffff) continue;
      const Bytes file = with_manifest([&](Manifest* m) { lie.change(m, value); });
      EXPECT_EQ(victim().attack(file, {lie.refused_with}), "") << lie.name << " = " << value;
    }
  }
}

TEST_P(FieldLie, AboutTheSourceThatIsSignedIsRefused) {
  for (const std::uint64_t value : kExtremes) {
    const Bytes file = with_manifest([&](Manifest* m) {
      m->sources[0].bytes = value;
      m->source_count = 1;
      if (m->sources[0].version.empty()) (void)m->sources[0].version.assign("1.0");
    });
    EXPECT_EQ(victim().attack(file, {{Status::malformed_manifest, Status::wrong_source}}), "")
        << value;
  }
}

// Close to the truth: the numbers pass every limit and contradict the payload only.
TEST_P(FieldLie, ByOneThatIsSignedIsRefused) {
  const auto lies = {
      +[](Manifest* m) { ++m->target.bytes; },
      +[](Manifest* m) { --m->target.bytes; },
      +[](Manifest* m) { ++m->payload_bytes; },
      +[](Manifest* m) { --m->payload_bytes; },
      +[](Manifest* m) {
        ++m->chunk_count;
        m->budgets.ram_bytes = arena_bytes_needed(*m);
      },
      +[](Manifest* m) { --m->chunk_count; },
      +[](Manifest* m) { --m->chunk_stored_bytes_max; },
      +[](Manifest* m) { --m->budgets.ram_bytes; },
  };
  const Verdict verdict{{Status::malformed_manifest, Status::malformed_chunk, Status::corrupt_chunk,
                         Status::arena_too_small},
                        victim().target().size(),
                        true};
  int number = 0;
  for (const auto& lie : lies) {
    EXPECT_EQ(victim().attack(with_manifest(lie), verdict), "") << "lie " << number;
    ++number;
  }
}

// The four budgets for planning promise nothing about memory: lies about them are harmless, and
// docs/format.md section 4.3 lets a reader ignore them.
TEST_P(FieldLie, AboutAPlanningBudgetThatIsSignedChangesNothingThatIsWritten) {
  for (const std::uint64_t value : kExtremes) {
    const Bytes file = with_manifest([&](Manifest* m) {
      m->budgets.journal_bytes = value;
      m->budgets.flash_write_bytes = value;
      m->budgets.erase_count = value;
      m->budgets.redo_bytes = value;
    });
    Status status = Status::internal;
    EXPECT_EQ(victim().install(file, &status), victim().target()) << value;
    EXPECT_EQ(status, Status::ok);
  }
}

TEST_P(FieldLie, InATreeEntryThatIsSignedIsRefused) {
  const Attack attack_row("oversize declaration", "in tree entries, signed");
  const Forgery forgery(victim().package());
  const std::vector<TreeEntry> truth = forgery.entries();
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const auto attack = [&](std::uint64_t payload_bytes, std::uint64_t target_bytes) {
      std::vector<TreeEntry> lies = truth;
      lies[i].payload_bytes = payload_bytes;
      lies[i].target_bytes = target_bytes;
      EXPECT_EQ(victim().attack(forgery.seal_with_entries(lies), {{Status::malformed_chunk}}), "")
          << "entry " << i << ": " << payload_bytes << ", " << target_bytes;
    };
    for (const std::uint64_t value : kExtremes) {
      attack(value, truth[i].target_bytes);
      attack(truth[i].payload_bytes, value);
      attack(value, value);
    }
    attack(0, truth[i].target_bytes);
    attack(truth[i].payload_bytes, 0);
    attack(truth[i].payload_bytes + 1, truth[i].target_bytes);
    attack(truth[i].payload_bytes, truth[i].target_bytes - 1);
  }
}

TEST_P(FieldLie, InTwoTreeEntriesWhoseSumWrapsIsRefused) {
  const Forgery forgery(victim().package());
  const std::vector<TreeEntry> truth = forgery.entries();
  for (const std::uint64_t value : kExtremes) {
    // Close below 2^64 the first entry would not grow but shrink, and no sum would wrap.
    if (value > std::uint64_t{1} << 63) continue;
    std::vector<TreeEntry> lies = truth;
    lies[0].payload_bytes += value;
    lies[1].payload_bytes -= value;
    EXPECT_EQ(victim().attack(forgery.seal_with_entries(lies), {{Status::malformed_chunk}}), "")
        << value;
    lies = truth;
    lies[0].target_bytes += value;
    lies[1].target_bytes -= value;
    EXPECT_EQ(victim().attack(forgery.seal_with_entries(lies), {{Status::malformed_chunk}}), "")
        << value;
  }
}

// The sums are right, the parts are not.
TEST_P(FieldLie, ThatMovesBytesFromOneTreeEntryToTheNextIsRefused) {
  const Forgery forgery(victim().package());
  std::vector<TreeEntry> lies = forgery.entries();
  --lies[0].target_bytes;
  ++lies[1].target_bytes;
  const Verdict verdict{{Status::malformed_chunk}, 0, true};
  EXPECT_EQ(victim().attack(forgery.seal_with_entries(lies), verdict), "");
  lies = forgery.entries();
  --lies[0].payload_bytes;
  ++lies[1].payload_bytes;
  EXPECT_EQ(victim().attack(forgery.seal_with_entries(lies), {{Status::corrupt_chunk}}), "");
}

TEST_P(FieldLie, InAChunkHeaderThatIsSignedIsRefused) {
  const Attack attack_row("oversize declaration", "in chunk headers, signed");
  const Forgery good(victim().package());
  for (std::size_t i = 0; i < good.chunks.size(); ++i) {
    ChunkHeader header;
    std::size_t header_bytes = 0;
    const Bytes& chunk = good.chunks[i].bytes;
    ASSERT_EQ(parse_chunk_header(chunk, good.manifest, &header, &header_bytes), Status::ok);
    const ByteSpan body = ByteSpan(chunk).subspan(header_bytes);
    std::array<ForgedColumn, column_count> truth;
    for (std::size_t c = 0; c < column_count; ++c) {
      const ColumnSize& size = header.columns[c];
      truth[c] = {size.raw_bytes, size.coded() ? size.stored_bytes : 0};
    }
    ASSERT_EQ(forged_chunk(header.source_position, truth, body), chunk);
    const auto attack = [&](const Bytes& forged, std::uint64_t value, std::size_t column) {
      Forgery forgery = good;
      forgery.chunks[i].bytes = forged;
      const Verdict verdict{{Status::malformed_chunk}, victim().chunks()[i].target_begin, true};
      EXPECT_EQ(victim().attack(forgery.seal(), verdict), "")
          << "chunk " << i << ", column " << column << ", " << value;
    };
    for (const std::uint64_t value : kExtremes) {
      for (std::size_t c = 0; c < column_count; ++c) {
        auto lie = truth;
        lie[c].raw_bytes = value;
        attack(forged_chunk(header.source_position, lie, body), value, c);
        lie = truth;
        lie[c] = {value, value};
        attack(forged_chunk(header.source_position, lie, body), value, c);
        lie = truth;
        lie[c] = {std::max<std::uint64_t>(truth[c].raw_bytes, 1), value};
        attack(forged_chunk(header.source_position, lie, body), value, c);
      }
      if (!victim().source().empty()) attack(forged_chunk(value, truth, body), value, column_count);
    }
  }
}

// Bytes of a chunk that no column claims: Mender CVE-2025-67903 one level down.
TEST_P(FieldLie, ThatHidesBytesBehindTheColumnsIsRefusedWhenSigned) {
  const Attack attack_row("Mender CVE-2025-67903",
                          "bytes of a chunk that no column claims, signed");
  const Forgery good(victim().package());
  for (std::size_t i = 0; i < good.chunks.size(); ++i) {
    for (const std::size_t count : {1u, 2u, 100u}) {
      Forgery forgery = good;
      forgery.chunks[i].bytes.resize(good.chunks[i].bytes.size() + count);
      const Verdict verdict{{Status::malformed_chunk}, victim().chunks()[i].target_begin, true};
      EXPECT_EQ(victim().attack(forgery.seal(), verdict), "") << "chunk " << i << ", " << count;
    }
  }
}

// A tree that is as large as the format allows, above a payload that is not.
TEST_P(FieldLie, AboutAGiantTreeThatIsSignedIsRefused) {
  const Attack attack_row("oversize declaration", "a tree larger than its payload, signed");
  for (const std::uint32_t count : {65u, 4096u, 4097u, limits::chunk_count_max}) {
    const Bytes file = with_manifest([&](Manifest* m) {
      m->target.bytes = count;
      m->chunk_count = count;
      m->payload_bytes = tree_bytes_total(count) + count;
      m->budgets.ram_bytes = arena_bytes_needed(*m);
    });
    const Verdict verdict{{Status::corrupt_chunk, Status::slot_too_small, Status::truncated}};
    EXPECT_EQ(victim().attack(file, verdict), "") << count;
  }
}

}  // namespace
}  // namespace romdelta::test
