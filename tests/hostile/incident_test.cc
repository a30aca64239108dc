// Incidents of others that no single damaged byte stands for. Those that one does stand for are
// tested where such damage is: control_test.cc, damage_test.cc, field_test.cc, key_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "format/hash_tree.h"
#include "pkgtool/verifier.h"
#include "tests/hostile/attack_table.h"
#include "tests/hostile/forgery.h"
#include "tests/hostile/victim.h"

namespace romdelta::test {
namespace {

const std::vector<Victim*>& all_victims() {
  static const std::vector<Victim*> victims = {&delta_victim(),   &full_victim(), &grouped_victim(),
                                               &context_victim(), &map_victim(),  &deep_victim()};
  return victims;
}

// RAUC CVE-2026-34155: above 2 GiB a length overflowed, and the signature covered the first bytes
// only. A full package of more than 2^31 bytes, made while it is pushed: every chunk has the same
// literals, which the target repeats.
class GiantPackage {
 public:
  static constexpr std::uint32_t kChunkCount = 129;
  static constexpr std::uint64_t kChunkTarget = (16u << 20) - 4096;
  static constexpr std::uint64_t kTargetBytes = kChunkCount * kChunkTarget;
  static_assert(kTargetBytes > std::uint64_t{1} << 31);

  GiantPackage() {
    Random random(2026);
    literals_ = random_bytes(&random, kChunkTarget);
    const Bytes length = varint(kChunkTarget);
    std::array<ForgedColumn, column_count> columns;
    columns[0] = {1, 0};
    columns[1] = {length.size(), 0};
    columns[5] = {kChunkTarget, 0};
    chunk_ = forged_chunk(0, columns, concat({Bytes{0}, length, literals_}));
    make_tree();
    make_head();
  }

  std::uint64_t file_bytes() const { return head_.size() + payload_bytes(); }
  const Bytes& literals() const { return literals_; }
  std::size_t head_bytes() const { return head_.size(); }
  std::uint32_t arena_bytes() const { return arena_bytes_; }

  // Pushes everything. The byte at `changed_at`, if there is one, is another.
  Status push_to(Session* session, std::uint64_t changed_at) const {
    std::uint64_t at = 0;
    Status status = push(session, &at, head_, changed_at);
    if (status == Status::need_input) status = push(session, &at, root_, changed_at);
    for (std::uint32_t i = 0; i < kChunkCount && status == Status::need_input; ++i) {
      if (i % limits::tree_fanout == 0) {
        status = push(session, &at, nodes_[i / limits::tree_fanout], changed_at);
      }
      if (status == Status::need_input) status = push(session, &at, chunk_, changed_at);
    }
    return status;
  }

 private:
  std::uint64_t payload_bytes() const {
    std::uint64_t bytes = root_.size() + std::uint64_t{kChunkCount} * chunk_.size();
    for (const Bytes& node : nodes_) bytes += node.size();
    return bytes;
  }

  static Status push(Session* session, std::uint64_t* at, const Bytes& bytes,
                     std::uint64_t changed_at) {
    const std::uint64_t begin = *at;
    *at += bytes.size();
    if (changed_at < begin || changed_at >= *at) return session->push(begin, bytes);
    Bytes changed = bytes;
    changed[changed_at - begin] ^= 0x40;
    return session->push(begin, changed);
  }

  void make_tree() {
    for (std::uint32_t first = 0; first < kChunkCount; first += limits::tree_fanout) {
      const auto end = std::min<std::uint32_t>(first + limits::tree_fanout, kChunkCount);
      TreeEntry whole;
      Bytes node;
      for (std::uint32_t i = first; i < end; ++i) {
        const TreeEntry entry{chunk_.size(), kChunkTarget, chunk_digest(chunk_, i)};
        append(&node, written_by([&](ByteWriter* writer) { encode_tree_entry(entry, writer); }));
        whole.payload_bytes += entry.payload_bytes;
        whole.target_bytes += entry.target_bytes;
      }
      whole.payload_bytes += node.size();
      whole.digest = tree_node_digest(node, 0, nodes_.size());
      append(&root_, written_by([&](ByteWriter* writer) { encode_tree_entry(whole, writer); }));
      nodes_.push_back(std::move(node));
    }
  }

  void make_head() {
    Manifest manifest = full_victim().head().manifest;
    manifest.target.bytes = kTargetBytes;
    ChecksumStream checksum;
    for (std::uint32_t i = 0; i < kChunkCount; ++i) checksum.update(literals_);
    manifest.target_checksum = checksum.finish();
    manifest.payload_bytes = payload_bytes();
    manifest.chunk_count = kChunkCount;
    manifest.tree_root = tree_node_digest(root_, 1, 0);
    manifest.chunk_stored_bytes_max = static_cast<std::uint32_t>(chunk_.size());
    manifest.chunk_decoded_bytes_max = limits::chunk_decoded_bytes_max;
    manifest.budgets.ram_bytes = arena_bytes_needed(manifest);
    arena_bytes_ = static_cast<std::uint32_t>(manifest.budgets.ram_bytes);
    head_ = sign_parts(
        written_by([&](ByteWriter* writer) { encode_signed_part(manifest, writer); }), {});
  }

  Bytes literals_;
  Bytes chunk_;
  Bytes root_;
  std::vector<Bytes> nodes_;
  Bytes head_;
  std::uint32_t arena_bytes_ = 0;
};

// A slot that holds one pattern again and again, and nothing else can be written to it.
class PatternFlash final : public Flash {
 public:
  PatternFlash(const Bytes& pattern, std::uint64_t pattern_end)
      : pattern_(pattern), pattern_end_(pattern_end) {}

  FlashGeometry geometry() const override { return {1024, 16, true}; }
  std::uint64_t size_bytes() const override { return round_up(pattern_end_, 1024); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    each_part(offset, into.size(), [&](std::size_t at, ByteSpan part) {
      copy_bytes(into.data() + at, part);
      return true;
    });
    return Status::ok;
  }
  Status erase(std::uint64_t, std::uint64_t) override { return Status::ok; }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    programmed_until_ = std::max(programmed_until_, offset + bytes.size());
    const std::uint64_t true_bytes = std::min<std::uint64_t>(bytes.size(), pattern_end_ - offset);
    const bool is_true =
        each_part(offset, static_cast<std::size_t>(true_bytes), [&](std::size_t at, ByteSpan part) {
          return std::memcmp(bytes.data() + at, part.data(), part.size()) == 0;
        });
    return is_true ? Status::ok : Status::flash_program_failed;
  }
  Status sync() override { return Status::ok; }
  std::uint64_t programmed_until() const { return programmed_until_; }

 private:
  template <typename Visit>
  bool each_part(std::uint64_t offset, std::size_t count, Visit visit) const {
    for (std::size_t at = 0; at < count;) {
      const auto from = static_cast<std::size_t>((offset + at) % pattern_.size());
      const std::size_t step = std::min(count - at, pattern_.size() - from);
      if (!visit(at, ByteSpan(pattern_).subspan(from, step))) return false;
      at += step;
    }
    return true;
  }

  const Bytes& pattern_;
  std::uint64_t pattern_end_;
  std::uint64_t programmed_until_ = 0;
};

TEST(RaucCve202634155, PayloadAboveTwoGibibytesIsAuthenticToItsLastByte) {
  const Attack attack_row("RAUC CVE-2026-34155", "a byte changed beyond 2 GiB of payload");
  const GiantPackage package;
  ASSERT_GT(package.file_bytes(), std::uint64_t{1} << 31);
  TestDevice device;
  device.provision({}, "1.0");
  const auto install = [&](std::uint64_t changed_at, PatternFlash* flash) {
    std::ranges::fill(device.journal_memory(), std::uint8_t{0xff});
    device.region.slot_b = {flash, 0, flash->size_bytes()};
    AlignedMemory arena(package.arena_bytes());
    const auto session = std::make_unique<Session>();
    Status status = session->begin(device.device, arena.span(), {});
    if (status == Status::need_input) status = package.push_to(session.get(), changed_at);
    return status == Status::ok ? session->finish() : status;
  };
  const Status expected[] = {Status::corrupt_chunk};
  for (const std::uint64_t at : {std::uint64_t{1} << 31, package.file_bytes() - 1}) {
    PatternFlash flash(package.literals(), GiantPackage::kTargetBytes);
    const Status status = install(at, &flash);
    note_attack(expected, status);
    EXPECT_EQ(status, Status::corrupt_chunk) << at;
    EXPECT_LE(flash.programmed_until(), at);
    EXPECT_EQ(device.installed().version.view(), "1.0");
  }
  PatternFlash flash(package.literals(), GiantPackage::kTargetBytes);
  EXPECT_EQ(install(~std::uint64_t{0}, &flash), Status::ok) << "the untouched one is accepted";
  EXPECT_EQ(device.installed().image_bytes, GiantPackage::kTargetBytes);
}

// RAUC CVE-2020-25860: a bundle was checked, replaced, and then used.
TEST(RaucCve202025860, FileThatChangesWhileItIsInstalledIsRefusedAtTheFirstChunkThatChanged) {
  const Attack attack_row("RAUC CVE-2020-25860", "the file is replaced between check and use");
  for (Victim* victim : all_victims()) {
    const ByteSpan good = victim->package();
    const TestKey key = test_key(1);
    ASSERT_EQ(pkgtool::verify_package(good, TrustedKeys(&key.public_key, 1)).status, Status::ok);
    for (Victim* other : all_victims()) {
      if (other == victim) continue;
      for (const ChunkPlace& chunk : victim->chunks()) {
        // From this chunk on the file has what another authentic package has there.
        Bytes file = to_bytes(good);
        const ByteSpan theirs = other->package();
        for (std::size_t at = chunk.begin; at < file.size(); ++at) {
          file[at] = theirs[at % theirs.size()];
        }
        Verdict verdict{{Status::corrupt_chunk}, chunk.target_begin};
        EXPECT_EQ(victim->attack(file, verdict), "") << "from byte " << chunk.begin;
      }
    }
  }
}

// Mender CVE-2025-67903: parts of the payload that no list names were processed.
TEST(MenderCve202567903, PayloadThatNoNodeNamesIsRefusedEvenWhenSigned) {
  const Attack attack_row("Mender CVE-2025-67903", "payload bytes that no node names, signed");
  for (Victim* victim : {&delta_victim(), &full_victim(), &grouped_victim(), &context_victim()}) {
    for (const std::size_t count : {1u, 48u, 4096u}) {
      Manifest manifest = victim->head().manifest;
      manifest.payload_bytes += count;
      const Bytes signed_part =
          written_by([&](ByteWriter* writer) { encode_signed_part(manifest, writer); });
      const ByteSpan payload = ByteSpan(victim->package()).subspan(victim->head().head_bytes);
      const Bytes extra = make_image(count, count);
      const Bytes file = sign_parts(signed_part, concat({payload, extra}));
      const Verdict verdict{{Status::malformed_chunk, Status::malformed_manifest}};
      EXPECT_EQ(victim->attack(file, verdict), "") << count;
    }
  }
}

// SWUpdate CVE-2026-28525: a count underflowed in the front end that takes uploads apart. Here the
// front end is push(): no place and size of a piece may make it write or wrap.
TEST(SwupdateCve202628525, PieceAtAnyPlaceOfAnySizeIsRefusedUnlessItIsTheNext) {
  const Attack attack_row("SWUpdate CVE-2026-28525",
                          "upload pieces whose place wraps or leaves a gap");
  Victim& victim = grouped_victim();
  const ByteSpan file = victim.package();
  const Status expected[] = {Status::out_of_order};
  for (const std::size_t have : {std::size_t{0}, std::size_t{100}, victim.chunks()[1].begin + 7}) {
    for (const std::uint64_t place :
         {std::uint64_t{have} + 1, std::uint64_t{file.size()}, std::uint64_t{1} << 31,
          std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0} - 10,
          ~std::uint64_t{0}}) {
      victim.restore();
      AlignedMemory arena(256 * 1024);
      const auto session = std::make_unique<Session>();
      ASSERT_EQ(session->begin(victim.device().device, arena.span(), {}), Status::need_input);
      if (have != 0) {
        ASSERT_EQ(session->push(0, file.first(have)), Status::need_input);
      }
      const std::size_t writes = victim.target_flash().writes().size();
      const Status status = session->push(place, file);
      note_attack(expected, status);
      EXPECT_EQ(status, Status::out_of_order) << have << ", " << place;
      EXPECT_EQ(session->push(have, file.subspan(have)), status) << "the first failure is kept";
      EXPECT_EQ(session->finish(), status);
      EXPECT_EQ(victim.target_flash().writes().size(), writes);
      EXPECT_EQ(victim.device().installed().active_slot, Slot::a);
    }
  }
}

// AOSP verifyPackage (Quarkslab): what verified was not what was installed. One parser serves both
// here; that they agree is tried all the same.
TEST(AospVerifyPackage, VerifierAndInstallerSayTheSameOfEveryFile) {
  const Attack attack_row("AOSP verifyPackage",
                          "a file that verifier and installer read differently");
  const TestKey key = test_key(1);
  const Status refusals[] = {
      Status::bad_magic,     Status::bad_header,         Status::truncated,
      Status::unknown_key,   Status::bad_signature,      Status::trailing_bytes,
      Status::corrupt_chunk, Status::unsupported_format,
  };
  for (Victim* victim : all_victims()) {
    const auto compare = [&](ByteSpan file) {
      victim->restore();
      const Status installed = victim->run(file);
      const Status verified = pkgtool::verify_package(file, TrustedKeys(&key.public_key, 1)).status;
      EXPECT_EQ(installed == Status::ok, verified == Status::ok)
          << to_string(installed) << ", " << to_string(verified);
      if (verified != Status::ok) note_attack(refusals, installed);
    };
    compare(victim->package());
    Bytes file = victim->package();
    for (std::size_t at = 0; at < file.size(); at += at < victim->head().head_bytes ? 1 : 13) {
      file[at] ^= 0x80;
      compare(file);
      file[at] ^= 0x80;
    }
    for (Victim* other : all_victims()) {
      const ByteSpan mine = victim->package();
      const ByteSpan theirs = other->package();
      // One behind the other, the head of one before the payload of the other, and one inside.
      compare(concat({mine, theirs}));
      compare(concat(
          {mine.first(victim->head().head_bytes), theirs.subspan(other->head().head_bytes)}));
      compare(concat({mine.first(package_header_bytes), theirs, mine}));
    }
  }
}

// wolfBoot: memory was sized by what nobody had vouched for yet.
TEST(WolfBootSizes, NothingIsReservedBeforeTheSignatureIsVerified) {
  const Attack attack_row("wolfBoot", "sizes in a head that nobody signed");
  const Status expected[] = {Status::bad_signature, Status::bad_header, Status::unknown_key,
                             Status::truncated};
  for (Victim* victim : all_victims()) {
    const std::size_t head_bytes = victim->head().head_bytes;
    for (std::size_t at = 12; at < head_bytes; ++at) {
      Bytes head = to_bytes(ByteSpan(victim->package()).first(head_bytes));
      head[at] ^= 0xff;
      victim->restore();
      AlignedMemory arena(256 * 1024);
      const auto session = std::make_unique<Session>();
      Status status = session->begin(victim->device().device, arena.span(), {});
      for (std::size_t i = 0; i < head.size() && status == Status::need_input; ++i) {
        status = session->push(i, ByteSpan(head).subspan(i, 1));
        ASSERT_LE(session->arena_used_bytes(), Session::arena_bytes_min) << at;
        ASSERT_EQ(session->head(), nullptr) << at;
      }
      if (status == Status::need_input) status = session->finish();
      note_attack(expected, status);
      ASSERT_NE(std::ranges::find(expected, status), std::end(expected)) << to_string(status);
      EXPECT_TRUE(victim->target_flash().writes().empty());
    }
  }
}

}  // namespace
}  // namespace romdelta::test
