#include "installer/context_patcher.h"

#include <gtest/gtest.h>

#include <functional>

#include "format/digest.h"
#include "tests/support/context_stream.h"
#include "tests/support/package_maker.h"
#include "tests/support/random.h"
#include "tests/support/reference_context.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

constexpr std::size_t kTargetMost = 64 * 1024;

class ContextPatcherTest : public ::testing::Test {
 protected:
  Status patch(ByteSpan chunk, std::uint64_t target_bytes) {
    target_flash_memory_.assign(kTargetMost, 0xff);
    RamFlash target(target_flash_memory_, {512, 1, false});
    RamFlash source(source_, disk_geometry);
    FlashWriter writer({&target, 0, kTargetMost}, 0, group_, best_kernels());
    const Status status =
        patcher_.patch(chunk, {{&source, 0, source_.size()}, source_bytes_}, target_bytes, &writer);
    written_bytes_ = writer.offset();
    return status == Status::ok ? writer.flush() : status;
  }
  Bytes produced(std::size_t count) const {
    return {target_flash_memory_.begin(),
            target_flash_memory_.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  ByteSpan source() const { return ByteSpan(source_).first(source_bytes_); }

  void SetUp() override {
    ASSERT_EQ(patcher_.begin({}, &arena_), Status::ok);
    EXPECT_LE(arena_.used_bytes(), limits::context_model_bytes + 4160);
  }

  AlignedMemory memory_{limits::context_model_bytes + 4160};
  Arena arena_{memory_.span()};
  ContextPatcher patcher_;
  Bytes source_ = make_image(20'000, 5);
  std::uint64_t source_bytes_ = 19'997;
  Bytes target_flash_memory_;
  Bytes group_ = Bytes(512);
  std::uint64_t written_bytes_ = 0;
};

// A target that resembles the source in places: words changed alike, single bytes, literals.
struct Script {
  std::vector<Piece> pieces;
  Bytes target;
};

Script random_script(ByteSpan source, Random* random) {
  Script script;
  const std::size_t count = pick(random, 1, 12);
  for (std::size_t i = 0; i < count; ++i) {
    Piece piece;
    piece.source_offset = pick(random, 0, source.size());
    piece.copy_bytes =
        pick(random, 0, std::min<std::size_t>(source.size() - piece.source_offset, 3000));
    piece.extra_bytes = pick(random, piece.copy_bytes == 0 ? 1 : 0, 40);
    Bytes copy = to_bytes(source.subspan(piece.source_offset, piece.copy_bytes));
    const std::size_t change_every = pick(random, 1, 400);
    for (std::size_t at = pick(random, 0, change_every); at < copy.size(); at += change_every) {
      copy[at] = static_cast<std::uint8_t>(copy[at] + (change_every % 2 == 0 ? 4 : (*random)()));
    }
    append(&script.target, copy);
    append(&script.target, random_bytes(random, piece.extra_bytes));
    script.pieces.push_back(piece);
  }
  return script;
}

TEST_F(ContextPatcherTest, MakesWhatTheReferenceMakes) {
  Random random = seeded_random();
  for (int round = 0; round < 200; ++round) {
    const Script script = random_script(source(), &random);
    const std::uint8_t unit_bytes = round % 2 == 0 ? 2 : 4;
    const Chunk chunk = encode_context_chunk(source(), script.target, script.pieces, unit_bytes);
    ASSERT_EQ(patch(chunk.bytes, script.target.size()), Status::ok) << round;
    ASSERT_EQ(produced(script.target.size()), script.target) << round;
    Bytes expected;
    ASSERT_TRUE(reference_context_patch(chunk.bytes, source(), script.target.size(), &expected));
    ASSERT_EQ(expected, script.target);
  }
}

// The reference knows nothing of windows, groups and margins.
TEST_F(ContextPatcherTest, AgreesWithTheReferenceAboutDamagedStreams) {
  Random random = seeded_random();
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    const Script script = random_script(source(), &random);
    Chunk chunk = encode_context_chunk(source(), script.target, script.pieces, 4);
    for (std::size_t i = pick(&random, 1, 3); i != 0; --i) {
      chunk.bytes[pick(&random, 0, chunk.bytes.size() - 1)] ^=
          static_cast<std::uint8_t>(1u << pick(&random, 0, 7));
    }
    if (round % 5 == 0) chunk.bytes.resize(pick(&random, 0, chunk.bytes.size()));
    if (round % 7 == 0) chunk.bytes.push_back(0);
    Bytes expected;
    const bool good =
        reference_context_patch(chunk.bytes, source(), script.target.size(), &expected);
    ASSERT_EQ(patch(chunk.bytes, script.target.size()),
              good ? Status::ok : Status::malformed_chunk);
    ASSERT_LE(written_bytes_, script.target.size());
    if (good) {
      ASSERT_EQ(produced(script.target.size()), expected);
    }
    refused += good ? 0 : 1;
  }
  EXPECT_GT(refused, 200);
}

// The same on every machine: a change of the model is a change of the format.
TEST_F(ContextPatcherTest, ReadsTheStreamsOfFormatVersion1) {
  Random random(20260101);
  Bytes streams;
  for (int round = 0; round < 20; ++round) {
    const Script script = random_script(source(), &random);
    append(
        &streams,
        encode_context_chunk(source(), script.target, script.pieces, round % 2 == 0 ? 2 : 4).bytes);
  }
  EXPECT_EQ(checksum_of(streams).value, 14315694550582894106u);
}

TEST_F(ContextPatcherTest, TakesZerosForWhatLiesAroundTheSource) {
  for (const std::uint64_t begin : {std::uint64_t{0}, source_bytes_ - 3}) {
    Bytes target = to_bytes(source().subspan(begin, 3));
    for (std::uint8_t& byte : target) byte ^= 0x55;
    const Piece piece{begin, 3, 0};
    const Chunk chunk = encode_context_chunk(source(), target, {&piece, 1}, 4);
    ASSERT_EQ(patch(chunk.bytes, 3), Status::ok);
    EXPECT_EQ(produced(3), target);
  }
}

TEST_F(ContextPatcherTest, CopiesAcrossWindows) {
  Bytes target = to_bytes(source().subspan(3, 19'000));
  for (std::size_t i = 0; i < target.size(); i += 97) target[i] ^= 1;
  const Piece piece{3, 19'000, 0};
  const Chunk chunk = encode_context_chunk(source(), target, {&piece, 1}, 4);
  ASSERT_EQ(patch(chunk.bytes, target.size()), Status::ok);
  EXPECT_EQ(produced(target.size()), target);
}

TEST_F(ContextPatcherTest, OfAnEqualSourceTakesAlmostNoBytes) {
  const Piece piece{0, 19'000, 0};
  const Chunk chunk = encode_context_chunk(source(), source().first(19'000), {&piece, 1}, 4);
  EXPECT_LT(chunk.bytes.size(), 40u);
}

// --- What only an encoder that means harm would write. ---

class HarmfulContextStream : public ContextPatcherTest {
 protected:
  Status patch_of(const std::function<void(ContextStream*)>& write, std::uint64_t target_bytes,
                  ContextChunkHeader header = {}) {
    ContextStream stream(source(), header);
    write(&stream);
    const Bytes chunk = stream.finish();
    Bytes unused;
    EXPECT_FALSE(reference_context_patch(chunk, source(), target_bytes, &unused));
    return patch(chunk, target_bytes);
  }
};

TEST_F(HarmfulContextStream, CannotCopyMoreThanIsWanted) {
  EXPECT_EQ(patch_of([&](ContextStream* s) { s->copy(source().first(101)); }, 100),
            Status::malformed_chunk);
  EXPECT_EQ(patch_of([](ContextStream* s) { s->copy_bytes((std::uint64_t{1} << 62)); }, 100),
            Status::malformed_chunk);
  EXPECT_EQ(written_bytes_, 0u);
}

TEST_F(HarmfulContextStream, CannotBringMoreThanIsWanted) {
  const Bytes bytes(20, 7);
  EXPECT_EQ(patch_of(
                [&](ContextStream* s) {
                  s->copy(source().first(90));
                  s->literals(bytes);
                },
                100),
            Status::malformed_chunk);
}

TEST_F(HarmfulContextStream, CannotReadOutsideTheSource) {
  for (const std::uint64_t position :
       {source_bytes_ - 9, source_bytes_, source_bytes_ + 1, ~std::uint64_t{0}, ~std::uint64_t{4},
        std::uint64_t{1} << 63}) {
    EXPECT_EQ(patch_of([](ContextStream* s) { s->copy_bytes(10); }, 10, {4, position}),
              Status::malformed_chunk)
        << position;
    EXPECT_EQ(written_bytes_, 0u);
  }
}

TEST_F(HarmfulContextStream, CannotStandStill) {
  EXPECT_EQ(patch_of(
                [](ContextStream* s) {
                  for (int i = 0; i < 1000; ++i) {
                    s->copy_bytes(0);
                    s->extra_bytes(0);
                    s->seek(0);
                  }
                },
                10),
            Status::malformed_chunk);
}

TEST_F(HarmfulContextStream, CannotBeShorterThanItsOutput) {
  EXPECT_EQ(patch(Bytes{4, 0}, 10), Status::malformed_chunk);
  EXPECT_EQ(patch(Bytes{4, 0, 0x80, 0, 0}, 10), Status::malformed_chunk);
  EXPECT_EQ(patch(Bytes(), 10), Status::malformed_chunk);
}

TEST_F(HarmfulContextStream, CannotHaveWordsOfAnotherSize) {
  const Piece piece{0, 100, 0};
  Bytes chunk = encode_context_chunk(source(), source().first(100), {&piece, 1}, 4).bytes;
  for (const unsigned size : {0u, 1u, 3u, 5u, 8u, 255u}) {
    chunk[0] = static_cast<std::uint8_t>(size);
    EXPECT_EQ(patch(chunk, 100), Status::malformed_chunk) << size;
  }
}

TEST_F(HarmfulContextStream, CannotHideBytesBehindItself) {
  const Piece piece{0, 100, 0};
  Bytes chunk = encode_context_chunk(source(), source().first(100), {&piece, 1}, 4).bytes;
  chunk.push_back(0);
  EXPECT_EQ(patch(chunk, 100), Status::malformed_chunk);
}

TEST(ContextPatcherArena, MustHoldModelAndWindow) {
  AlignedMemory memory(limits::context_model_bytes + limits::source_window_bytes - 1);
  Arena arena(memory.span());
  ContextPatcher patcher;
  EXPECT_EQ(patcher.begin({}, &arena), Status::arena_too_small);
}

}  // namespace
}  // namespace romdelta::test
