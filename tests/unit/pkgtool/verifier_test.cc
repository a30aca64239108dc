#include "pkgtool/verifier.h"

#include <gtest/gtest.h>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

class VerifierTest : public ::testing::Test {
 protected:
  VerifyResult verify(ByteSpan file) const { return verify_package(file, TrustedKeys(&key_, 1)); }

  PublicKey key_ = test::test_key(1).public_key;
  Bytes source_ = make_image(40000, 1);
  Bytes target_ = revise(source_, 41000, 2);
  Bytes file_ = package_of(request_of(source_, target_));
};

TEST_F(VerifierTest, AcceptsAGoodPackage) {
  const VerifyResult result = verify(file_);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.chunks.size(), result.head->manifest.chunk_count);
}

TEST_F(VerifierTest, AcceptsAPackageWithoutChunks) {
  EXPECT_EQ(verify(package_of(request_of(source_, {}))).status, Status::ok);
}

TEST_F(VerifierTest, RefusesEveryFlippedByte) {
  for (std::size_t i = 0; i < file_.size(); i += i < 600 ? 1 : 37) {
    file_[i] ^= 0x40;
    EXPECT_NE(verify(file_).status, Status::ok) << "byte " << i;
    file_[i] ^= 0x40;
  }
}

TEST_F(VerifierTest, RefusesEveryOtherLength) {
  for (std::size_t size = 0; size < file_.size(); size += size < 600 ? 1 : 37) {
    const VerifyResult result = verify(ByteSpan(file_).first(size));
    EXPECT_EQ(result.status, Status::truncated) << size << " bytes";
  }
  file_.push_back(0);
  EXPECT_EQ(verify(file_).status, Status::trailing_bytes);
}

TEST_F(VerifierTest, SaysWhereTheDamageIs) {
  file_.back() ^= 1;
  const VerifyResult result = verify(file_);
  EXPECT_EQ(result.status, Status::corrupt_chunk);
  EXPECT_EQ(result.structure, "chunk 0");
  EXPECT_LT(result.offset_bytes, file_.size());
}

TEST_F(VerifierTest, TrustsOnlyTheKeysGiven) {
  const PublicKey other = test::test_key(2).public_key;
  EXPECT_EQ(verify_package(file_, TrustedKeys(&other, 1)).status, Status::unknown_key);
  EXPECT_EQ(verify_package(file_, TrustedKeys()).status, Status::no_trusted_key);
}

TEST_F(VerifierTest, LooksWithoutKeysAtAnUnsignedPackage) {
  const UnsignedPackage package = build_package(request_of(source_, target_), no_progress);
  const Bytes file = assemble(package, {});
  EXPECT_EQ(verify_package(file, std::nullopt).status, Status::ok);
  EXPECT_EQ(verify(file).status, Status::unknown_key);
}

}  // namespace
}  // namespace romdelta::pkgtool
