#include "pkgtool/catalog.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "pkgtool/file.h"
#include "tests/support/super_maker.h"
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
  const Bytes target = make_image(3000, 1);
  put("x.pku", assemble(build_package(request_of({}, target), no_progress), SignatureList()));
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

// Two ROM packages, one of them from two sources.
class SuperCatalogTest : public CatalogTest {
 protected:
  SuperCatalogTest() {
    const Bytes target = make_image(4000, 7);
    for (const std::uint64_t seed : {8u, 9u}) {
      plan_.members.push_back(package_of(request_of(make_image(4000, seed), target)));
    }
    std::ranges::sort(plan_.members, {}, [](const Bytes& member) {
      return test::member_of(member).source.digest.value;
    });
    const Bytes other_target = make_image(2000, 10);
    BuildRequest other = request_of({}, other_target);
    other.package_id = "com.example.boot";
    plan_.members.push_back(package_of(other));
    EXPECT_TRUE(plan_.facts.name.assign("com.example.product"));
    EXPECT_TRUE(plan_.facts.release.assign("2.0"));
    const std::string_view versions[] = {"7"};
    plan_.requirements.push_back(test::requirement_of("com.example.modem", versions));
  }

  test::SuperPlan plan_;
};

TEST_F(SuperCatalogTest, HasSuperPackagesWithTheirMembers) {
  const test::MadeSuper made = make_super(plan_);
  put("a.pks", made.file);
  const Catalog catalog = read();
  EXPECT_TRUE(catalog.skipped.empty());
  EXPECT_TRUE(catalog.packages.empty());
  ASSERT_EQ(catalog.supers.size(), 1u);
  const CatalogSuper& super = catalog.supers[0];
  EXPECT_EQ(super.path, directory_.path("a.pks"));
  EXPECT_EQ(super.facts.release.view(), "2.0");
  EXPECT_EQ(super.head_bytes, made.head.size());
  ASSERT_EQ(super.members.size(), 3u);
  EXPECT_EQ(super.members[1].file_bytes, plan_.members[1].size());
  EXPECT_EQ(super.members[2].head.manifest.package_id.view(), "com.example.boot");
  ASSERT_EQ(super.requirements.size(), 1u);
  EXPECT_EQ(super.requirements[0].package_id.view(), "com.example.modem");
  EXPECT_GE(super.arena_bytes, super.members[0].head.manifest.budgets.ram_bytes);
}

TEST_F(SuperCatalogTest, LeavesOutSuperPackagesThatAreDamagedAnywhere) {
  const Bytes good = make_super(plan_).file;
  for (std::size_t at = 0; at < good.size(); at += 41) {
    Bytes bad = good;
    bad[at] ^= 0x20;
    put("x.pks", bad);
    EXPECT_TRUE(read().supers.empty()) << at;
    EXPECT_NE(reason(), "") << at;
  }
  for (std::size_t size = 0; size < good.size(); size += 97) {
    put("x.pks", ByteSpan(good).first(size));
    EXPECT_NE(reason().find("FUMO 402"), std::string::npos) << size << ": " << reason();
  }
  Bytes longer = good;
  longer.push_back(0);
  put("x.pks", longer);
  EXPECT_NE(reason().find("(trailing_bytes, FUMO 402)"), std::string::npos) << reason();
}

TEST_F(SuperCatalogTest, LeavesOutSuperPackagesWhoseMembersAreNotThose) {
  const test::MadeSuper made = make_super(plan_);
  Bytes swapped = made.head;
  for (const std::size_t member : {2u, 0u, 1u}) {
    swapped.insert(swapped.end(), plan_.members[member].begin(), plan_.members[member].end());
  }
  put("x.pks", swapped);
  EXPECT_TRUE(read().supers.empty());
  const test::TestKey stranger = test::test_key(2);
  put("x.pks", make_super(plan_, {&stranger, 1}).file);
  EXPECT_NE(reason().find("(unknown_key, FUMO 404)"), std::string::npos) << reason();
  put("x.pks", good_);
  EXPECT_NE(reason().find("(unsupported_format, FUMO 405)"), std::string::npos) << reason();
  put("x.pks", Bytes());
  put("y.pku", made.file);
  EXPECT_EQ(read().skipped.size(), 2u) << "a super package is no package";
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
