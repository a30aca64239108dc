// Values that come in pieces.
#include <gtest/gtest.h>

#include "tests/support/dm_rig.h"

namespace romdelta::test {
namespace {

constexpr const char* kData = "./FwUpdate/Pkg1/Update/PkgData";
constexpr const char* kUrl = "./FwUpdate/Pkg1/Download/PkgURL";
constexpr const char* kUpdate = "./FwUpdate/Pkg1/Update";

class LargeObject : public ::testing::Test {
 protected:
  LargeObject() { EXPECT_EQ(rig.restart(), Status::ok); }
  int add(const std::string& bytes, bool more, std::uint64_t total = 0) {
    return rig.piece(ROMDELTA_DM_ADD, kData, bytes, more, total);
  }
  int replace(const std::string& bytes, bool more, std::uint64_t total = 0) {
    return rig.piece(ROMDELTA_DM_REPLACE, kData, bytes, more, total);
  }
  bool is_open() { return romdelta_dm_object_is_open(rig.dm.get()); }
  DmRig rig;
};

TEST_F(LargeObject, CountsWhenItsLastPieceIsThere) {
  EXPECT_EQ(add("one,", true, 13), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_TRUE(is_open());
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_FOUND) << "not before it is complete";
  EXPECT_EQ(add("two,", true), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(add("three", false), ROMDELTA_DM_OK);
  EXPECT_FALSE(is_open());
  EXPECT_EQ(rig.incoming["Pkg1"], "one,two,three");
  EXPECT_EQ(rig.state(), 50);
  EXPECT_EQ(rig.exec(kUpdate), ROMDELTA_DM_ACCEPTED);
  EXPECT_STREQ(rig.task()->location, "/store/Pkg1");
}

TEST_F(LargeObject, MayComeWithoutItsSize) {
  EXPECT_EQ(add("a", true), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(add("b", false), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.incoming["Pkg1"], "ab");
}

TEST_F(LargeObject, ThatIsNotAsLongAsAnnouncedNeverWas) {
  EXPECT_EQ(add("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(add("d", false), ROMDELTA_DM_SIZE_MISMATCH);
  EXPECT_FALSE(is_open());
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_FOUND);
  EXPECT_EQ(add("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(add("def", true), ROMDELTA_DM_SIZE_MISMATCH);
  EXPECT_FALSE(is_open());
  EXPECT_EQ(add("abcdef", false, 5), ROMDELTA_DM_SIZE_MISMATCH);
  EXPECT_TRUE(rig.packages.empty());
}

TEST_F(LargeObject, IsDroppedByAValueForAnotherNode) {
  EXPECT_EQ(add("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg2/PkgName", "n"), ROMDELTA_DM_OK);
  EXPECT_FALSE(is_open());
  EXPECT_EQ(add("de", false), ROMDELTA_DM_OK) << "an object of its own, of two bytes";
  EXPECT_EQ(rig.incoming["Pkg1"], "de");
}

TEST_F(LargeObject, BeginsAgainWithASize) {
  EXPECT_EQ(add("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(add("xy", true, 4), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(add("zw", false), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.incoming["Pkg1"], "xyzw");
}

TEST_F(LargeObject, IsDroppedWhenTheSessionEnds) {
  EXPECT_EQ(add("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  romdelta_dm_drop_object(rig.dm.get());
  EXPECT_FALSE(is_open());
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_FOUND);
}

TEST_F(LargeObject, IsDroppedByAnExecOrDeleteOfItsObject) {
  rig.make_object();
  EXPECT_EQ(replace("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg1/Download"), ROMDELTA_DM_ACCEPTED);
  EXPECT_FALSE(is_open());
  EXPECT_EQ(replace("de", false), ROMDELTA_DM_NOT_ALLOWED);
  ASSERT_EQ(rig.download_done(Status::bad_url), Status::ok);
  ASSERT_EQ(rig.answer(), Status::ok);
  EXPECT_EQ(replace("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1"), ROMDELTA_DM_OK);
  EXPECT_FALSE(is_open());
}

TEST_F(LargeObject, WithdrawsThePackageBeforeItFromItsFirstPieceOn) {
  ASSERT_EQ(add("first", false), ROMDELTA_DM_OK);
  EXPECT_EQ(replace("sec", true, 6), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(rig.state(), 10);
  EXPECT_EQ(rig.exec(kUpdate), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_TRUE(rig.packages.empty());
  EXPECT_EQ(replace("sec", true, 6), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(replace("ond", false), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.state(), 50);
}

TEST_F(LargeObject, ThatIsRefusedAtOnceLeavesThePackageBeforeIt) {
  ASSERT_EQ(add("first", false), ROMDELTA_DM_OK);
  EXPECT_EQ(replace("second", false, 7), ROMDELTA_DM_SIZE_MISMATCH);
  EXPECT_EQ(rig.replace(kData, "second", "chr"), ROMDELTA_DM_WRONG_FORMAT);
  EXPECT_EQ(rig.state(), 50);
  EXPECT_EQ(rig.packages.size(), 1u);
}

TEST_F(LargeObject, OfNoBytesWithdrawsThePackage) {
  ASSERT_EQ(add("first", false), ROMDELTA_DM_OK);
  EXPECT_EQ(replace("", false), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.state(), 10);
  EXPECT_TRUE(rig.packages.empty());
}

TEST_F(LargeObject, AndUrlExcludeEachOther) {
  rig.make_object();
  ASSERT_EQ(replace("package", false), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.value(kUrl), "");
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg1/Download"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.replace(kUrl, "http://a/b"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.state(), 10);
  EXPECT_TRUE(rig.packages.empty());
}

TEST_F(LargeObject, ThatTheStoreHasNoRoomForIsRefused) {
  rig.store_is_full = true;
  EXPECT_EQ(add("abc", true, 5), ROMDELTA_DM_DEVICE_FULL);
  EXPECT_FALSE(is_open());
  rig.store_is_full = false;
  EXPECT_EQ(add("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  rig.store_is_full = true;
  EXPECT_EQ(add("de", false), ROMDELTA_DM_DEVICE_FULL);
  rig.store_is_full = false;
  rig.commit_fails = true;
  EXPECT_EQ(add("abcde", false), ROMDELTA_DM_FAILED);
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_FOUND);
}

TEST_F(LargeObject, IsNotSupportedWithoutAStore) {
  rig.host.package_begin = nullptr;
  EXPECT_EQ(add("abc", false), ROMDELTA_DM_NOT_SUPPORTED);
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_FOUND);
}

TEST_F(LargeObject, CanBeAUrlToo) {
  const auto piece = [&](const std::string& bytes, bool more, std::uint64_t total = 0) {
    return rig.piece(ROMDELTA_DM_ADD, kUrl, bytes, more, total);
  };
  EXPECT_EQ(piece("http://", true, 10), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(piece("a/b", false), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.value(kUrl), "http://a/b");
  EXPECT_EQ(rig.piece(ROMDELTA_DM_REPLACE, kUrl, std::string(1000, 'u'), true),
            ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(rig.piece(ROMDELTA_DM_REPLACE, kUrl, std::string(25, 'u'), false),
            ROMDELTA_DM_TOO_LARGE);
  EXPECT_EQ(rig.piece(ROMDELTA_DM_REPLACE, kUrl, "u", true, ~std::uint64_t{0}),
            ROMDELTA_DM_TOO_LARGE);
  EXPECT_EQ(rig.value(kUrl), "http://a/b");
}

TEST_F(LargeObject, IsNotLostToAnExecOfAnotherObject) {
  rig.make_object("Pkg2");
  EXPECT_EQ(add("abc", true, 5), ROMDELTA_DM_CHUNK_TAKEN);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg2/Download"), ROMDELTA_DM_ACCEPTED);
  EXPECT_EQ(add("de", false), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.state("Pkg1"), 50);
  EXPECT_EQ(rig.state("Pkg2"), 30);
}

}  // namespace
}  // namespace romdelta::test
