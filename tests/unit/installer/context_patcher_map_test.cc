// ContextPatcher with an address map: what it copies is the rewritten source. And how much work a
// chunk can cause.
#include <gtest/gtest.h>

#include <algorithm>

#include "installer/context_model.h"
#include "installer/context_patcher.h"
#include "installer/map_model.h"
#include "tests/support/context_stream.h"
#include "tests/support/map_stream.h"
#include "tests/support/package_maker.h"
#include "tests/support/random_map.h"
#include "tests/support/reference_context.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kTargetMost = 64 * 1024;

// Counts what is read; the bytes are the test's.
class CountingFlash final : public Flash {
 public:
  explicit CountingFlash(Bytes* bytes) : flash_(*bytes, disk_geometry) {}

  FlashGeometry geometry() const override { return flash_.geometry(); }
  std::uint64_t size_bytes() const override { return flash_.size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    ++reads;
    read_bytes += into.size();
    return flash_.read(offset, into);
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    return flash_.erase(offset, count);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    return flash_.program(offset, bytes);
  }
  Status sync() override { return flash_.sync(); }

  std::uint64_t reads = 0;
  std::uint64_t read_bytes = 0;

 private:
  RamFlash flash_;
};

// A patcher that has read a map.
class MappedPatcher {
 public:
  MappedPatcher(ByteSpan source, const ReferenceMap& map)
      : source_(to_bytes(source)), memory_(arena_bytes(map.step_count())), arena_(memory_.span()) {
    const MapIdentity identity = {1, static_cast<std::uint32_t>(map.step_count()), {}};
    EXPECT_EQ(patcher_.begin(identity, &arena_), Status::ok);
    EXPECT_EQ(patcher_.load_map(coded_map(map)), Status::ok);
  }

  static std::size_t arena_bytes(std::size_t step_count) {
    return static_cast<std::size_t>(limits::context_model_bytes +
                                    round_up(limits::source_window_bytes, 64) +
                                    round_up(limits::map_step_bytes * step_count, 64) +
                                    round_up(limits::rebase_window_bytes, 64));
  }

  Status patch(ByteSpan chunk, std::uint64_t target_bytes) {
    target_.assign(kTargetMost, 0xff);
    RamFlash target(target_, {512, 1, false});
    FlashWriter writer({&target, 0, kTargetMost}, 0, group_, best_kernels());
    const Status status =
        patcher_.patch(chunk, {{&flash, 0, source_.size()}, source_.size()}, target_bytes, &writer);
    return status == Status::ok ? writer.flush() : status;
  }
  Bytes produced(std::size_t count) const {
    return {target_.begin(), target_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

 private:
  Bytes source_;
  AlignedMemory memory_;
  Arena arena_;
  ContextPatcher patcher_;
  Bytes target_;
  Bytes group_ = Bytes(512);

 public:
  CountingFlash flash{&source_};
};

// Copies from anywhere with changes here and there, and literals.
struct Script {
  std::vector<Piece> pieces;
  Bytes target;
};

Script random_script(ByteSpan source, Random* random) {
  Script script;
  for (std::size_t i = pick(random, 1, 20); i != 0; --i) {
    Piece piece;
    piece.source_offset = pick(random, 0, source.size());
    piece.copy_bytes =
        pick(random, 0, std::min<std::size_t>(source.size() - piece.source_offset, 2500));
    piece.extra_bytes = pick(random, piece.copy_bytes == 0 ? 1 : 0, 20);
    Bytes copy = to_bytes(source.subspan(piece.source_offset, piece.copy_bytes));
    const std::size_t change_every = pick(random, 1, 900);
    for (std::size_t at = pick(random, 0, change_every); at < copy.size(); at += change_every) {
      copy[at] = static_cast<std::uint8_t>(copy[at] + (*random)());
    }
    append(&script.target, copy);
    append(&script.target, random_bytes(random, piece.extra_bytes));
    script.pieces.push_back(piece);
  }
  return script;
}

TEST(ContextPatcherMap, CopiesTheRewrittenSource) {
  Random random = seeded_random();
  for (int run = 0; run < 100; ++run) {
    const std::size_t bytes = pick(&random, 1, 12'000);
    const ReferenceMap map = random_map(&random, bytes);
    const Bytes source = random_code(&random, bytes, 0, map.base);
    const Bytes rewritten = reference_rebase(source, map);
    MappedPatcher patcher(source, map);
    for (const std::uint8_t unit_bytes : {std::uint8_t{2}, std::uint8_t{4}}) {
      const Script script = random_script(rewritten, &random);
      const Chunk chunk = encode_context_chunk(rewritten, script.target, script.pieces, unit_bytes);
      ASSERT_EQ(patcher.patch(chunk.bytes, script.target.size()), Status::ok) << "run " << run;
      ASSERT_EQ(patcher.produced(script.target.size()), script.target) << "run " << run;
      Bytes expected;
      ASSERT_TRUE(reference_context_patch(chunk.bytes, rewritten, script.target.size(), &expected));
      ASSERT_EQ(expected, script.target) << "run " << run;
    }
  }
}

TEST(ContextPatcherMap, OfASourceThatOnlyMovedTakesAlmostNoBytes) {
  Random random = seeded_random();
  const ReferenceMap map = plain_map(rules::a64, 0, {{0, 8}, {9000, 0u - 64}, {15'000, 4}});
  const Bytes source = random_code(&random, 20'000, rules::a64, 0);
  const Bytes target = reference_rebase(source, map);
  ASSERT_NE(target, source);
  const Piece piece = {0, target.size(), 0};
  const Chunk chunk = encode_context_chunk(target, target, {&piece, 1}, 4);
  EXPECT_LT(chunk.bytes.size(), 40u);
  MappedPatcher patcher(source, map);
  ASSERT_EQ(patcher.patch(chunk.bytes, target.size()), Status::ok);
  EXPECT_EQ(patcher.produced(target.size()), target);
}

TEST(ContextPatcherMap, WithoutShiftsLeavesTheSourceAsItIs) {
  const Bytes source = make_image(5000, 3);
  MappedPatcher patcher(source, {7, {{0, 0}}, {{0, rules::x86}}, {{0, 5}}, {}});
  const Piece piece = {0, source.size(), 0};
  const Chunk chunk = encode_context_chunk(source, source, {&piece, 1}, 4);
  ASSERT_EQ(patcher.patch(chunk.bytes, source.size()), Status::ok);
  EXPECT_EQ(patcher.produced(source.size()), source);
}

TEST(ContextPatcherMap, NeedsRoomForItsTables) {
  for (const std::uint32_t step_count : {1u, 8u, 9u, 1000u}) {
    const MapIdentity identity = {1, step_count, {}};
    const std::size_t needed = MappedPatcher::arena_bytes(step_count);
    AlignedMemory enough(needed);
    Arena arena(enough.span());
    ContextPatcher patcher;
    EXPECT_EQ(patcher.begin(identity, &arena), Status::ok);
    EXPECT_EQ(arena.used_bytes(), needed);
    // What comes last needs not be rounded up.
    const std::size_t slack = 64 - limits::rebase_window_bytes % 64;
    AlignedMemory little(needed - slack - 1);
    Arena small(little.span());
    EXPECT_EQ(ContextPatcher().begin(identity, &small), Status::arena_too_small) << step_count;
  }
}

TEST(ContextPatcherMap, RefusesAMapOfAnotherNumberOfSteps) {
  const ReferenceMap map = plain_map(rules::a64, 0, {{0, 8}});
  AlignedMemory memory(MappedPatcher::arena_bytes(100));
  Arena arena(memory.span());
  ContextPatcher patcher;
  ASSERT_EQ(patcher.begin({1, 5, {}}, &arena), Status::ok);
  EXPECT_EQ(patcher.load_map(coded_map(map)), Status::malformed_chunk);
}

// --- Work that a chunk can cause. ---

// A map in which every byte is a region of its own, of rules that take the longest to look for.
ReferenceMap finest_map(std::size_t bytes) {
  ReferenceMap map = plain_map(rules::x86, 0, {});
  map.regions.clear();
  for (std::uint32_t i = 0; i < bytes; ++i) map.regions.push_back({i, 0xf0 | i % rules::code_end});
  for (std::uint32_t i = 0; i < bytes; ++i) map.shifts.push_back({i, i % 5 * 4});
  return map;
}

TEST(ContextPatcherWork, OfCopiesOfOneByteIsBoundedByTheTarget) {
  Random random = seeded_random();
  const ReferenceMap map = finest_map(2000);
  const Bytes source = random_code(&random, 2000, 0, 0);
  const Bytes rewritten = reference_rebase(source, map);
  ContextStream stream(rewritten, {4, 1999});
  Bytes target;
  std::uint64_t position = 1999;
  for (int i = 0; i < 4000; ++i) {
    if (i != 0) {
      position = pick(&random, 0, 1999);
      stream.seek(position);
    }
    stream.copy(ByteSpan(rewritten).subspan(position, 1));
    target.push_back(rewritten[position]);
    if (i + 1 < 4000) stream.extra_bytes(0);
  }
  const Bytes chunk = stream.finish();
  MappedPatcher patcher(source, map);
  ASSERT_EQ(patcher.patch(chunk, target.size()), Status::ok);
  EXPECT_EQ(patcher.produced(target.size()), target);
  // One read a copy, of the byte, the margins of contexts and those of references.
  EXPECT_EQ(patcher.flash.reads, target.size());
  EXPECT_LE(patcher.flash.read_bytes, target.size() * (1 + 2 * 8 + 2 * 128));
}

TEST(ContextPatcherWork, OfOneCopyReadsLittleMoreThanTheSource) {
  const Bytes source = make_image(20'000, 8);
  MappedPatcher patcher(source, finest_map(1000));
  const Bytes rewritten = reference_rebase(source, finest_map(1000));
  const Piece piece = {0, source.size(), 0};
  const Chunk chunk = encode_context_chunk(rewritten, rewritten, {&piece, 1}, 4);
  ASSERT_EQ(patcher.patch(chunk.bytes, source.size()), Status::ok);
  EXPECT_LE(patcher.flash.reads, source.size() / 4000 + 1);
  EXPECT_LE(patcher.flash.read_bytes, source.size() + patcher.flash.reads * 2 * (8 + 128));
}

TEST(ContextPatcherWork, EndsSoonWhenAStreamEnds) {
  Random random = seeded_random();
  const Bytes source = random_code(&random, 2000, 0, 0);
  MappedPatcher patcher(source, finest_map(2000));
  for (int run = 0; run < 2000; ++run) {
    Bytes chunk = random_bytes(&random, pick(&random, 0, 24));
    if (!chunk.empty()) chunk[0] = 4;
    patcher.flash.reads = 0;
    EXPECT_EQ(patcher.patch(chunk, kTargetMost), Status::malformed_chunk);
    // A byte of the stream codes some hundred bits that are likely; then the next window is
    // refused.
    EXPECT_LE(patcher.flash.reads, 24u * 8 * 128) << "run " << run;
  }
}

// A coder that counts, and decides as `bits` says.
struct CountingCoder {
  enum class Bits { zeros, ones, random } bits = Bits::zeros;
  Random random{1};
  std::uint64_t coded = 0;
  bool code(std::uint32_t, bool) {
    ++coded;
    return bits == Bits::random ? random() % 2 == 0 : bits == Bits::ones;
  }
};

constexpr CountingCoder::Bits kAllBits[] = {CountingCoder::Bits::zeros, CountingCoder::Bits::ones,
                                            CountingCoder::Bits::random};
constexpr std::uint64_t kNumberBits = 6 + 63;

TEST(ContextPatcherWork, TakesABoundedNumberOfBitsForEachValue) {
  for (const CountingCoder::Bits bits : kAllBits) {
    CountingCoder coder{bits};
    const auto model = std::make_unique<ContextModel>();
    model->begin();
    const auto expect_at_most = [&](std::uint64_t most) {
      EXPECT_LE(coder.coded, most);
      coder.coded = 0;
    };
    for (int i = 0; i < 2000; ++i) {
      model->number(coder, ContextModel::Number::seek, 0);
      expect_at_most(kNumberBits);
      model->block_differs(coder, i % 2 == 0, false);
      expect_at_most(1);
      model->literal(coder, static_cast<std::uint32_t>(i) * 77, static_cast<unsigned>(i % 4), 0);
      expect_at_most(8);
      const std::uint8_t around[9] = {1, static_cast<std::uint8_t>(i), 3, 4, 5, 6, 7, 8, 9};
      model->change<4>(coder, source_unit<4>(around + 1, 0, 4), 0);
      expect_at_most(2 + 4 * 9);
      model->change<2>(coder, source_unit<2>(around + 1, 0, 2), 0);
      expect_at_most(2 + 2 * 9);
    }
  }
}

TEST(MapModelWork, TakesABoundedNumberOfBitsForEachStep) {
  for (const CountingCoder::Bits bits : kAllBits) {
    for (const auto table : {MapModel::Table::segments, MapModel::Table::regions,
                             MapModel::Table::anchors, MapModel::Table::shifts}) {
      CountingCoder coder{bits};
      MapModel model;
      model.begin();
      std::vector<MapStep> steps(1000);
      model.table(coder, table, steps);
      EXPECT_LE(coder.coded, steps.size() * 5 * kNumberBits);
    }
  }
}

}  // namespace
}  // namespace romdelta::test
