// Authentic parts in the wrong place: chunks, nodes, manifests and payloads of two good packages.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <utility>

#include "format/hash_tree.h"
#include "tests/hostile/attack_table.h"
#include "tests/hostile/forgery.h"
#include "tests/hostile/victim.h"

namespace romdelta::test {
namespace {

ByteSpan chunk_bytes(const Victim& victim, std::size_t index) {
  const ChunkPlace& place = victim.chunks()[index];
  return ByteSpan(victim.package()).subspan(place.begin, place.end - place.begin);
}

ByteSpan head_of(const Victim& victim) {
  return ByteSpan(victim.package()).first(victim.head().head_bytes);
}

ByteSpan payload_of(const Victim& victim) {
  return ByteSpan(victim.package()).subspan(victim.head().head_bytes);
}

// Head and root node of the package, then these chunks.
Bytes with_chunks(const Victim& victim, const std::vector<ByteSpan>& chunks) {
  Bytes file = to_bytes(ByteSpan(victim.package()).first(victim.chunks().front().begin));
  for (const ByteSpan chunk : chunks) append(&file, chunk);
  return file;
}

std::vector<ByteSpan> chunks_of(const Victim& victim) {
  std::vector<ByteSpan> chunks;
  for (std::size_t i = 0; i < victim.chunks().size(); ++i) {
    chunks.push_back(chunk_bytes(victim, i));
  }
  return chunks;
}

class Mixture : public ::testing::TestWithParam<Victim& (*)()> {
 protected:
  Victim& victim() { return GetParam()(); }
  // Chunks before `index` are authentic; that one is not.
  Verdict wrong_from(std::size_t index) {
    return {{Status::corrupt_chunk}, victim().chunks()[index].target_begin};
  }
};

INSTANTIATE_TEST_SUITE_P(Package, Mixture,
                         ::testing::Values(&delta_victim, &full_victim, &grouped_victim,
                                           &context_victim));

TEST_P(Mixture, OfSwappedChunksIsRefused) {
  const Attack attack_row("swapped chunks", "two chunks of one package");
  const std::size_t count = victim().chunks().size();
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      std::vector<ByteSpan> chunks = chunks_of(victim());
      std::swap(chunks[i], chunks[j]);
      EXPECT_EQ(victim().attack(with_chunks(victim(), chunks), wrong_from(i)), "")
          << i << " and " << j;
    }
  }
}

TEST_P(Mixture, OfADuplicatedChunkIsRefused) {
  const std::size_t count = victim().chunks().size();
  for (std::size_t i = 0; i + 1 < count; ++i) {
    std::vector<ByteSpan> chunks = chunks_of(victim());
    chunks.insert(chunks.begin() + static_cast<std::ptrdiff_t>(i), chunks[i]);
    EXPECT_EQ(victim().attack(with_chunks(victim(), chunks), wrong_from(i + 1)), "") << i;
    chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(i) + 2);
    Verdict verdict = wrong_from(i + 1);
    verdict.refused_with.push_back(Status::truncated);
    EXPECT_EQ(victim().attack(with_chunks(victim(), chunks), verdict), "") << i;
  }
}

TEST_P(Mixture, WithAChunkLeftOutIsRefused) {
  const std::size_t count = victim().chunks().size();
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<ByteSpan> chunks = chunks_of(victim());
    chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(i));
    Verdict verdict = wrong_from(i);
    verdict.refused_with.push_back(Status::truncated);
    EXPECT_EQ(victim().attack(with_chunks(victim(), chunks), verdict), "") << i;
  }
}

TEST_P(Mixture, WithAChunkOfAnotherPackageIsRefused) {
  const Attack attack_row("swapped chunks", "a chunk of another package");
  for (Victim* other : {&delta_victim(), &full_victim(), &grouped_victim()}) {
    if (other == &victim()) continue;
    for (std::size_t i = 0; i < std::min(victim().chunks().size(), other->chunks().size()); ++i) {
      std::vector<ByteSpan> chunks = chunks_of(victim());
      chunks[i] = chunk_bytes(*other, i);
      Verdict verdict = wrong_from(i);
      verdict.refused_with.push_back(Status::truncated);
      EXPECT_EQ(victim().attack(with_chunks(victim(), chunks), verdict), "") << i;
    }
  }
}

// Chunks and nodes know their place: the same bytes have another digest elsewhere.
TEST_P(Mixture, OfChunksThatClaimEachOthersPlaceIsRefusedEvenWhenSigned) {
  const Attack attack_row("swapped chunks", "chunks and their entries, signed");
  const Forgery good(victim().package());
  std::vector<TreeEntry> entries = good.entries();
  Forgery forgery = good;
  std::swap(forgery.chunks[0], forgery.chunks[1]);
  std::swap(entries[0], entries[1]);
  EXPECT_EQ(victim().attack(forgery.seal_with_entries(entries), {{Status::corrupt_chunk}}), "");
}

TEST_P(Mixture, OfDomainsIsRefusedEvenWhenSigned) {
  const Forgery forgery(victim().package());
  for (const DigestDomain domain :
       {DigestDomain::image, DigestDomain::manifest, DigestDomain::tree_node}) {
    std::vector<TreeEntry> entries = forgery.entries();
    entries[0].digest = digest_of(domain, forgery.chunks[0].bytes);
    EXPECT_EQ(victim().attack(forgery.seal_with_entries(entries), {{Status::corrupt_chunk}}), "");
  }
  // The same for the root node.
  const std::size_t node_bytes = tree_node_bytes(victim().head().manifest.chunk_count, 0, 0);
  const ByteSpan node = payload_of(victim()).first(node_bytes);
  for (const DigestDomain domain :
       {DigestDomain::image, DigestDomain::manifest, DigestDomain::chunk}) {
    Forgery lie = forgery;
    lie.manifest.tree_root = digest_of(domain, node);
    EXPECT_EQ(victim().attack(lie.seal_manifest_only(), {{Status::corrupt_chunk}}), "");
  }
  for (const std::uint64_t place : {1u, 2u}) {
    Forgery lie = forgery;
    lie.manifest.tree_root = tree_node_digest(node, static_cast<unsigned>(place), 0);
    EXPECT_EQ(victim().attack(lie.seal_manifest_only(), {{Status::corrupt_chunk}}), "");
    lie.manifest.tree_root = tree_node_digest(node, 0, place);
    EXPECT_EQ(victim().attack(lie.seal_manifest_only(), {{Status::corrupt_chunk}}), "");
  }
}

// Uptane's mix-and-match: every part is authentic, the whole never existed.
TEST_P(Mixture, OfOneManifestWithThePayloadOfAnotherIsRefused) {
  const Attack attack_row("mix-and-match", "the payload of another package");
  for (Victim* other : {&delta_victim(), &full_victim(), &grouped_victim()}) {
    if (other == &victim()) continue;
    const Verdict verdict{{Status::corrupt_chunk}};
    EXPECT_EQ(victim().attack(concat({head_of(victim()), payload_of(*other)}), verdict), "");
  }
}

TEST_P(Mixture, OfOneManifestWithTheSignatureOfAnotherIsRefused) {
  const Attack attack_row("mix-and-match", "the signature of another package");
  for (Victim* other : {&delta_victim(), &full_victim(), &grouped_victim()}) {
    if (other == &victim()) continue;
    const std::size_t list_bytes = victim().head().signatures.encoded_bytes();
    const ByteSpan signed_part = head_of(victim()).first(head_of(victim()).size() - list_bytes);
    const ByteSpan list = head_of(*other).last(list_bytes);
    EXPECT_EQ(victim().attack(concat({signed_part, list, payload_of(victim())}),
                              {{Status::bad_signature}}),
              "");
  }
}

// A root of three nodes, 64 + 64 + 2 chunks.
class MixedNodes : public ::testing::Test {
 protected:
  static constexpr std::size_t kRootBytes = 3 * TreeEntry::bytes;
  static constexpr std::size_t kNodeBytes = 64 * TreeEntry::bytes;

  MixedNodes() : payload_(payload_of(victim_)) {
    std::size_t at = kRootBytes;
    for (std::size_t i = 0; i < subtrees_.size(); ++i) {
      entries_[i] = tree_entry(payload_, i);
      subtrees_[i] = payload_.subspan(at, entries_[i].payload_bytes);
      at += subtrees_[i].size();
    }
  }

  Bytes with_subtrees(ByteSpan a, ByteSpan b, ByteSpan c) const {
    return concat({head_of(victim_), payload_.first(kRootBytes), a, b, c});
  }

  Victim& victim_ = deep_victim();
  ByteSpan payload_;
  std::array<TreeEntry, 3> entries_;
  std::array<ByteSpan, 3> subtrees_;
};

TEST_F(MixedNodes, AreTheOnlyReasonToRefuseThePackage) {
  EXPECT_EQ(victim_.chunks().size(), 130u);
  Status status = Status::internal;
  EXPECT_EQ(victim_.install(with_subtrees(subtrees_[0], subtrees_[1], subtrees_[2]), &status),
            victim_.target());
}

TEST_F(MixedNodes, AreRefusedWhenSwappedWithTheirChunks) {
  const Bytes file = with_subtrees(subtrees_[1], subtrees_[0], subtrees_[2]);
  EXPECT_EQ(victim_.attack(file, {{Status::corrupt_chunk}}), "");
}

TEST_F(MixedNodes, AreRefusedWhenSwappedWithoutTheirChunks) {
  const Bytes first = concat({subtrees_[1].first(kNodeBytes), subtrees_[0].subspan(kNodeBytes)});
  const Bytes second = concat({subtrees_[0].first(kNodeBytes), subtrees_[1].subspan(kNodeBytes)});
  EXPECT_EQ(victim_.attack(with_subtrees(first, second, subtrees_[2]), {{Status::corrupt_chunk}}),
            "");
}

TEST_F(MixedNodes, AreRefusedWhenOneStandsForTheNext) {
  const Verdict verdict{{Status::corrupt_chunk}, entries_[0].target_bytes};
  EXPECT_EQ(victim_.attack(with_subtrees(subtrees_[0], subtrees_[0], subtrees_[2]), verdict), "");
}

// The node knows its index: the root may say what it likes.
TEST_F(MixedNodes, AreRefusedWhenSwappedEvenWhenSigned) {
  Bytes root = to_bytes(payload_.first(kRootBytes));
  std::swap_ranges(root.begin(), root.begin() + TreeEntry::bytes, root.begin() + TreeEntry::bytes);
  Manifest manifest = victim_.head().manifest;
  manifest.tree_root = tree_node_digest(root, 1, 0);
  const Bytes signed_part =
      written_by([&](ByteWriter* writer) { encode_signed_part(manifest, writer); });
  const Bytes payload = concat({root, subtrees_[1], subtrees_[0], subtrees_[2]});
  EXPECT_EQ(victim_.attack(sign_parts(signed_part, payload), {{Status::corrupt_chunk}}), "");
}

// A leaf may not pass for a node, nor a node for the root.
TEST_F(MixedNodes, AreRefusedAtAnotherLevelEvenWhenSigned) {
  Manifest manifest = victim_.head().manifest;
  manifest.chunk_count = 64;
  manifest.payload_bytes = subtrees_[0].size();
  manifest.target.bytes = entries_[0].target_bytes;
  manifest.tree_root = tree_node_digest(subtrees_[0].first(kNodeBytes), 1, 0);
  const Bytes signed_part =
      written_by([&](ByteWriter* writer) { encode_signed_part(manifest, writer); });
  EXPECT_EQ(victim_.attack(sign_parts(signed_part, subtrees_[0]), {{Status::corrupt_chunk}}), "");
}

TEST_F(MixedNodes, AreRefusedWhereverABitWasFlipped) {
  Bytes file = victim_.package();
  const std::size_t root_at = victim_.head().head_bytes;
  const std::size_t first_at = root_at + kRootBytes;
  const std::size_t second_at = first_at + subtrees_[0].size();
  const std::size_t last_at = second_at + subtrees_[1].size();
  const std::pair<std::size_t, std::size_t> nodes[] = {{root_at, kRootBytes},
                                                       {first_at, kNodeBytes},
                                                       {second_at, kNodeBytes},
                                                       {last_at, 2 * TreeEntry::bytes}};
  for (const auto& [begin, bytes] : nodes) {
    for (std::size_t at = begin; at < begin + bytes; ++at) {
      const auto bit = static_cast<std::uint8_t>(1u << (at % 8));
      file[at] ^= bit;
      ASSERT_EQ(victim_.attack(file, victim_.verdict_at(at)), "") << at;
      file[at] ^= bit;
    }
  }
}

// A delta for another source, a release below the device's counter, a package for another device.
TEST(MixedDevice, RefusesADeltaFromAnotherSource) {
  const Attack attack_row("wrong precursor", "a delta from another source");
  Victim& victim = delta_victim();
  Bytes other_source = victim.source();
  other_source[other_source.size() / 2] ^= 1;
  const Bytes file = build_signed(other_source, victim.target(), 116'000, 7);
  EXPECT_EQ(victim.attack(file, {{Status::wrong_source}}), "");
  Forgery forgery(victim.package());
  ASSERT_TRUE(forgery.manifest.sources[0].version.assign("1.1"));
  EXPECT_EQ(victim.attack(forgery.seal(), {{Status::wrong_source}}), "");
}

TEST(MixedDevice, RefusesAReplayedReleaseBelowItsSecurityCounter) {
  const Attack attack_row("replay", "a release below the security counter");
  for (Victim* victim : {&delta_victim(), &full_victim(), &grouped_victim()}) {
    Forgery forgery(victim->package());
    for (const std::uint64_t counter : {0u, 1u, 4u}) {
      forgery.manifest.order.security_counter = counter;
      EXPECT_EQ(victim->attack(forgery.seal(), {{Status::rollback}}), "") << counter;
    }
  }
}

// An older release whose counters nobody raised.
TEST(MixedDevice, RefusesAnOlderReleaseThatDoesNotSayThatItMayBe) {
  const Attack attack_row("replay", "an older release of the same counters");
  Victim& victim = full_victim();
  Forgery forgery(victim.package());
  forgery.manifest.order.number = 9;
  victim.restore();
  ASSERT_EQ(victim.run(forgery.seal()), Status::ok);
  const Status expected[] = {Status::downgrade};
  for (const std::uint64_t number : {0u, 1u, 8u}) {
    forgery.manifest.order.number = number;
    const Status status = victim.run(forgery.seal());
    note_attack(expected, status);
    EXPECT_EQ(status, Status::downgrade) << number;
  }
  forgery.manifest.may_downgrade = true;
  EXPECT_EQ(victim.run(forgery.seal()), Status::ok) << "one that says so is installed";
}

// TUF's fast-forward attack: one release uses up the numbers of all later ones.
TEST(MixedDevice, RefusesAReleaseThatUsesUpTheCounters) {
  const Attack attack_row("fast-forward", "counters that rise too far at once");
  for (Victim* victim : {&delta_victim(), &full_victim(), &grouped_victim()}) {
    for (const std::uint64_t step : {limits::counter_step_max + 1, std::uint64_t{1} << 31,
                                     std::uint64_t{1} << 32, ~std::uint64_t{0} - 5}) {
      Forgery forgery(victim->package());
      forgery.manifest.order.security_counter = 5 + step;
      EXPECT_EQ(victim->attack(forgery.seal(), {{Status::counter_jump}}), "") << step;
      forgery = Forgery(victim->package());
      forgery.manifest.order.device_counter = step;
      EXPECT_EQ(victim->attack(forgery.seal(), {{Status::counter_jump}}), "") << step;
    }
  }
}

// A member that was cut out of its super package.
TEST(MixedDevice, RefusesAMemberOnItsOwn) {
  const Attack attack_row("mix-and-match", "a member without its super package");
  for (Victim* victim : {&delta_victim(), &full_victim(), &grouped_victim()}) {
    Forgery forgery(victim->package());
    ASSERT_TRUE(forgery.manifest.member_of.assign("com.example.product"));
    EXPECT_EQ(victim->attack(forgery.seal(), {{Status::not_a_member}}), "");
  }
}

TEST(MixedDevice, RefusesAPackageForAnother) {
  const Attack attack_row("wrong device", "another id, vendor or hardware");
  Victim& victim = full_victim();
  Forgery forgery(victim.package());
  ASSERT_TRUE(forgery.manifest.package_id.assign("com.example.other"));
  EXPECT_EQ(victim.attack(forgery.seal(), {{Status::unknown_package}}), "");
  forgery = Forgery(victim.package());
  ASSERT_TRUE(forgery.manifest.device.vendor.assign("examplE"));
  EXPECT_EQ(victim.attack(forgery.seal(), {{Status::wrong_device}}), "");
  forgery = Forgery(victim.package());
  forgery.manifest.device.hardware_min = 4;
  EXPECT_EQ(victim.attack(forgery.seal(), {{Status::wrong_device}}), "");
}

}  // namespace
}  // namespace romdelta::test
