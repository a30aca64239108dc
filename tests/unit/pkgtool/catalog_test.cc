#include "pkgtool/catalog.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgtool/file.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() : good_(package_of(request_of({}, make_image(3000, 1)))) {}

  void put(const std::string& name, ByteSpan bytes) { write_file(directory_.path(name), bytes); }
  void make_folder(const std::string& name) {
    std::filesystem::create_directory(directory_.path(name));
  }
  Catalog read() const {
    const test::TestKey key = test::test_key(1);
    return read_catalog(directory_.path(""), {&key.public_key, 1}, no_progress);
  }
  // Of the only file that was left out.
  std::string reason() const {
    const Catalog catalog = read();
    return catalog.skipped.size() == 1 ? catalog.skipped[0].reason : "";
  }

  Bytes good_;
  ScratchDirectory directory_;
};

TEST_F(CatalogTest, HasThePackagesOfAllFoldersInTheOrderOfTheirPaths) {
  make_folder("b");
  put("c.pku", good_);
  put("b/z.pku", good_);
  put("a.pku", good_);
  put("notes.txt", good_);
  put("pku", good_);
  const Catalog catalog = read();
  EXPECT_TRUE(catalog.skipped.empty());
  ASSERT_EQ(catalog.packages.size(), 3u);
  EXPECT_EQ(catalog.packages[0].path, directory_.path("a.pku"));
  EXPECT_EQ(catalog.packages[1].path, directory_.path("b/z.pku"));
  EXPECT_EQ(catalog.packages[2].path, directory_.path("c.pku"));
  EXPECT_EQ(catalog.packages[0].file_bytes, good_.size());
  EXPECT_EQ(catalog.packages[0].head.manifest.target.version.view(), "2.0");
}

TEST_F(CatalogTest, LeavesOutWhatIsNoPackageAndSaysWhy) {
  put("good.pku", good_);
  put("x.pku", Bytes());
  EXPECT_NE(reason().find("(truncated, FUMO 402)"), std::string::npos) << reason();
  put("x.pku", make_image(500, 2));
  EXPECT_NE(reason().find("(bad_magic, FUMO 402)"), std::string::npos) << reason();
  put("x.pku", ByteSpan(good_).first(good_.size() - 1));
  EXPECT_NE(reason().find("(truncated, FUMO 402)"), std::string::npos) << reason();
  Bytes longer = good_;
  longer.push_back(0);
  put("x.pku", longer);
  EXPECT_NE(reason().find("(trailing_bytes, FUMO 402)"), std::string::npos) << reason();
  EXPECT_EQ(read().packages.size(), 1u);
}

TEST_F(CatalogTest, FindsDamageWhereverItIs) {
  for (std::size_t at = 0; at < good_.size(); at += 7) {
    Bytes bad = good_;
    bad[at] ^= 0x20;
    put("x.pku", bad);
    const Catalog catalog = read();
    EXPECT_EQ(catalog.skipped.size(), 1u) << at;
    for (const CatalogPackage& package : catalog.packages) {
      EXPECT_NE(package.trust, Status::ok) << at;
    }
  }
}

// To say why it was not chosen.
TEST_F(CatalogTest, KeepsWhatAPackageClaimsThatNobodyVouchesFor) {
  BuildRequest request = request_of({}, make_image(3000, 1));
  put("x.pku", assemble(build_package(request, no_progress), SignatureList()));
  const Catalog catalog = read();
  ASSERT_EQ(catalog.packages.size(), 1u);
  EXPECT_EQ(catalog.packages[0].trust, Status::unknown_key);
  EXPECT_EQ(catalog.packages[0].head.manifest.package_id.view(), "com.example.app");
  ASSERT_EQ(catalog.skipped.size(), 1u);
}

TEST_F(CatalogTest, IsNotLedAstrayByLinksFoldersAndPipes) {
  put("good.pku", good_);
  make_folder("folder.pku");
  put("folder.pku/inside.pku", good_);
  ASSERT_EQ(::symlink(".", directory_.path("loop").c_str()), 0);
  ASSERT_EQ(::symlink("loop.pku", directory_.path("loop.pku").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", directory_.path("dangling.pku").c_str()), 0);
  ASSERT_EQ(::mkfifo(directory_.path("pipe.pku").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/dev/zero", directory_.path("zero.pku").c_str()), 0);
  ASSERT_EQ(::symlink("good.pku", directory_.path("linked.pku").c_str()), 0);
  const Catalog catalog = read();
  EXPECT_EQ(catalog.packages.size(), 3u);
  EXPECT_EQ(catalog.skipped.size(), 4u);
}

TEST_F(CatalogTest, ThatIsNoFolderIsAnError) {
  put("file", good_);
  for (const char* name : {"none", "file"}) {
    EXPECT_EQ(exit_of([&] { read_catalog(directory_.path(name), {}, no_progress); }),
              Exit::bad_input)
        << name;
  }
}

TEST(Printable, ShowsBytesThatATerminalWouldObey) {
  EXPECT_EQ(printable("a/b c.pku"), "a/b c.pku");
  EXPECT_EQ(printable("\x1b[31m\n\xff\\"), "\\x1b[31m\\x0a\\xff\\x5c");
}

}  // namespace
}  // namespace romdelta::pkgtool
