#include "pkgtool/replay.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

class ReplayTest : public ::testing::Test {
 protected:
  ReplayResult run(std::optional<ByteSpan> source, const ReplayOptions& options = {}) const {
    return replay(file_, source, {&key_, 1}, options);
  }

  PublicKey key_ = test::test_key(1).public_key;
  Bytes source_ = make_image(40000, 1);
  Bytes target_ = revise(source_, 41000, 2);
  Bytes file_ = package_of(request_of(source_, target_));
};

TEST_F(ReplayTest, MakesTheTarget) {
  const ReplayResult result = run(ByteSpan(source_));
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.target, target_);
}

TEST_F(ReplayTest, PiecesOfAnySizeMakeTheSame) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, file_.size(), file_.size() * 2}) {
    ReplayOptions options;
    options.piece_bytes = piece;
    EXPECT_EQ(run(ByteSpan(source_), options).target, target_) << "pieces of " << piece;
  }
}

TEST_F(ReplayTest, GivesNothingWithTheWrongSource) {
  Bytes other = source_;
  other[20000] ^= 1;
  for (const std::optional<ByteSpan> source :
       {std::optional<ByteSpan>(other), std::optional<ByteSpan>(target_),
        std::optional<ByteSpan>(ByteSpan(source_).first(39999)), std::optional<ByteSpan>()}) {
    const ReplayResult result = run(source);
    EXPECT_EQ(result.status, Status::wrong_source);
    EXPECT_TRUE(result.target.empty());
    EXPECT_EQ(result.flash_write_bytes, 0u);
  }
}

TEST_F(ReplayTest, IgnoresTheSourceOfAFullPackage) {
  file_ = package_of(request_of({}, target_));
  EXPECT_EQ(run(std::nullopt).target, target_);
  EXPECT_EQ(run(ByteSpan(source_)).target, target_);
}

TEST_F(ReplayTest, GivesNothingForADamagedPackage) {
  file_.back() ^= 1;
  const ReplayResult result = run(ByteSpan(source_));
  EXPECT_EQ(result.status, Status::corrupt_chunk);
  EXPECT_TRUE(result.target.empty());
}

TEST_F(ReplayTest, SizesNothingFromAPackageThatIsNotSigned) {
  const UnsignedPackage package = build_package(request_of(source_, target_), no_progress);
  file_ = assemble(package, {});
  const ReplayResult result = run(ByteSpan(source_));
  EXPECT_EQ(result.status, Status::unknown_key);
  EXPECT_FALSE(result.head);
}

TEST_F(ReplayTest, RefusesWhatIsNoPackage) {
  file_ = source_;
  EXPECT_EQ(run(std::nullopt).status, Status::bad_magic);
  file_.clear();
  EXPECT_EQ(run(std::nullopt).status, Status::truncated);
}

}  // namespace
}  // namespace romdelta::pkgtool
