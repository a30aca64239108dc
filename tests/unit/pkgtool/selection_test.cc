// Which chain is chosen is tests/property/selection_test.cc's business; here is what is said.
#include "pkgtool/selection.h"

#include <gtest/gtest.h>

#include <array>

namespace romdelta::pkgtool {
namespace {

ImageIdentity image(const std::string& version) {
  ImageIdentity result;
  EXPECT_TRUE(result.version.assign(version));
  result.bytes = 1000;
  result.digest.value[0] = static_cast<std::uint8_t>(version[0]);
  return result;
}

class SelectionTest : public testing::Test {
 protected:
  SelectionTest() { provision("a", "1"); }

  void provision(const std::string& id, const std::string& version) {
    ReportedPackage package;
    package.package_id = id;
    package.version = version;
    package.image_digest = image(version).digest;
    package.security_counter = 5;
    report_.packages.push_back(package);
  }
  // A delta, or a full package when `source` is empty.
  CatalogPackage& add(const std::string& id, const std::string& source, const std::string& target,
                      std::uint64_t bytes = 100) {
    CatalogPackage package;
    package.path = id + '-' + source + '-' + target + ".pku";
    package.file_bytes = bytes;
    Manifest& manifest = package.head.manifest;
    EXPECT_TRUE(manifest.package_id.assign(id));
    manifest.target = image(target);
    if (!source.empty()) {
      manifest.source_count = 1;
      manifest.sources[0] = image(source);
    }
    manifest.group_bytes = manifest.erase_block_bytes = 1024;
    manifest.order.security_counter = 5;
    catalog_.packages.push_back(package);
    return catalog_.packages.back();
  }
  // Members as add() makes them. `members`: id, source, target each.
  CatalogSuper& add_super(const std::string& name,
                          const std::vector<std::array<const char*, 3>>& members,
                          std::uint64_t member_bytes = 100) {
    CatalogSuper super;
    super.path = name + ".pks";
    super.head_bytes = 10;
    for (const auto& [id, source, target] : members) {
      super.members.push_back(add(id, source, target, member_bytes));
      super.members.back().path.clear();
      catalog_.packages.pop_back();
    }
    catalog_.supers.push_back(super);
    return catalog_.supers.back();
  }
  // The files in the order of their installation.
  static std::string files(const Selection& selection) {
    std::string text;
    for (const Round& round : selection.rounds) {
      text += text.empty() ? "" : ", ";
      for (const SelectedStep& step : round) {
        if (&step != &round.front()) text += step.super == nullptr ? " + " : " & ";
        text += step.super == nullptr || &step == &round.front() ? step.path() : "";
      }
    }
    return text;
  }
  Selection select(const WantedVersions& wanted) {
    return select_packages(catalog_, report_, wanted);
  }
  // Why the wanted version of "a" cannot be reached, a line each.
  std::string reasons(const std::string& version = "3") {
    std::string text;
    const Selection selection = select({{"a", version}});
    for (const std::string& reason : selection.packages[0].reasons) {
      text += (text.empty() ? "" : "\n") + reason;
    }
    return text;
  }

  Catalog catalog_;
  DeviceReport report_;
};

TEST_F(SelectionTest, LetsTheLastStepsOfAllChainsComeTogether) {
  provision("b", "1");
  provision("c", "3");
  add("a", "1", "2");
  add("a", "2", "3");
  add("b", "1", "3", 50);
  const Selection selection = select({{"a", "3"}, {"b", "3"}, {"c", "3"}});
  EXPECT_TRUE(selection.is_complete());
  EXPECT_EQ(selection.file_bytes, 250u);
  const std::vector<Round>& rounds = selection.rounds;
  ASSERT_EQ(rounds.size(), 2u);
  ASSERT_EQ(rounds[0].size(), 1u);
  EXPECT_EQ(rounds[0][0].package->path, "a-1-2.pku");
  EXPECT_EQ(rounds[0][0].source_version, "1");
  ASSERT_EQ(rounds[1].size(), 2u);
  EXPECT_EQ(rounds[1][0].package->path, "a-2-3.pku");
  EXPECT_EQ(rounds[1][0].source_version, "2");
  EXPECT_EQ(rounds[1][1].package->path, "b-1-3.pku");
}

TEST_F(SelectionTest, SaysThatTheDeviceHasNoSuchRomPackage) {
  const Selection selection = select({{"z", "3"}});
  EXPECT_FALSE(selection.is_complete());
  EXPECT_EQ(selection.packages[0].reasons[0], "the device does not report this ROM package");
}

TEST_F(SelectionTest, SaysThatThereIsNothing) {
  add("b", "1", "3");
  EXPECT_EQ(reasons(), "the catalog has no package for this ROM package");
  add("a", "1", "2");
  EXPECT_EQ(reasons(), "the catalog has no package to version '3'");
}

TEST_F(SelectionTest, SaysWhereTheWaysEndAndBegin) {
  add("a", "1", "2");
  add("a", "4", "3");
  add("a", "5", "3");
  EXPECT_EQ(reasons(), "no package leads on from version '1', '2'; those to '3' are from '4', '5'");
}

TEST_F(SelectionTest, SaysWhyThePackageThatLeadsThereIsNotTaken) {
  add("a", "1", "2");
  CatalogPackage& package = add("a", "2", "3");
  package.trust = Status::unknown_key;
  EXPECT_EQ(reasons(),
            "a-2-3.pku (2 -> 3): no signature is by a key that the device trusts "
            "(unknown_key, FUMO 404)");
  package.trust = Status::ok;
  package.head.manifest.device.has_hardware_range = true;
  package.head.manifest.device.hardware_min = 4;
  package.head.manifest.device.hardware_max = 6;
  report_.device.hardware = 3;
  EXPECT_EQ(reasons(), "a-2-3.pku (2 -> 3): it is for hardware 4 to 6, the device has 3");
  package.head.manifest.device.hardware_max = 4;
  EXPECT_EQ(reasons(), "a-2-3.pku (2 -> 3): it is for hardware 4, the device has 3");
  package.head.manifest.device = {};
  EXPECT_EQ(reasons(), "") << "nothing stands in the way";
  package.head.manifest.budgets.ram_bytes = 300'000;
  report_.device.ram_bytes = 262'144;
  EXPECT_EQ(reasons(),
            "a-2-3.pku (2 -> 3): it needs 300,000 bytes of RAM, the device gives 262,144");
}

TEST_F(SelectionTest, SaysThatACounterStandsInTheWay) {
  add("a", "1", "3").head.manifest.order.security_counter = 4;
  EXPECT_EQ(reasons(),
            "a-1-3.pku (1 -> 3): the security counter is below the device's (rollback, FUMO 451)");
  catalog_.packages.clear();
  add("a", "1", "2").head.manifest.order.security_counter = 7;
  add("a", "2", "3").head.manifest.order.security_counter = 6;
  EXPECT_EQ(reasons(), "a-2-3.pku (2 -> 3): its counters do not follow those of a step before");
}

TEST_F(SelectionTest, InstallsInTheOrderOfTheDevicesCounter) {
  provision("b", "1");
  const auto with = [](CatalogPackage& package, std::uint64_t counter) {
    package.head.manifest.order.device_counter = counter;
  };
  with(add("a", "1", "2"), 2);
  with(add("a", "2", "3"), 3);
  with(add("a", "3", "4"), 4);
  with(add("b", "1", "2"), 2);
  with(add("b", "2", "4"), 4);
  std::vector<std::uint64_t> counters;
  const Selection selection = select({{"a", "4"}, {"b", "4"}});
  for (const Round& round : selection.rounds) {
    for (const SelectedStep& step : round) {
      counters.push_back(step.package->head.manifest.order.device_counter);
    }
  }
  EXPECT_EQ(counters, std::vector<std::uint64_t>({2, 2, 3, 4, 4}));
}

TEST_F(SelectionTest, SaysThatTheDeviceHasOtherBytes) {
  add("a", "1", "3").head.manifest.sources[0].digest.value[0] = 0xee;
  EXPECT_EQ(reasons(),
            "a-1-3.pku (1 -> 3): it is for an image with digest ee0000000000..., the device has "
            "310000000000...");
  report_.packages[0].image_digest = std::nullopt;
  EXPECT_EQ(reasons(), "");
}

TEST_F(SelectionTest, NamesAFewPackagesAndCountsTheRest) {
  for (int i = 0; i < 9; ++i) add("a", "", "3").trust = Status::bad_signature;
  const Selection selection = select({{"a", "3"}});
  ASSERT_EQ(selection.packages[0].reasons.size(), 6u);
  EXPECT_EQ(selection.packages[0].reasons[5], "and 4 more");
}

class SuperSelectionTest : public SelectionTest {
 protected:
  SuperSelectionTest() { provision("b", "1"); }
};

TEST_F(SuperSelectionTest, TakesASuperPackageWhereThatIsFewerBytes) {
  add_super("both", {{"a", "1", "3"}, {"b", "1", "3"}});
  Selection selection = select({{"a", "3"}, {"b", "3"}});
  EXPECT_TRUE(selection.is_complete());
  EXPECT_EQ(files(selection), "both.pks & ");
  EXPECT_EQ(selection.file_bytes, 210u) << "its head and both members";
  add("a", "1", "3", 101);
  add("b", "1", "3", 108);
  selection = select({{"a", "3"}, {"b", "3"}});
  EXPECT_EQ(selection.file_bytes, 209u);
  EXPECT_EQ(files(selection), "a-1-3.pku + b-1-3.pku");
}

TEST_F(SuperSelectionTest, CountsOfASuperPackageTheMembersThatAreNeeded) {
  report_.packages[1].version = "3";
  report_.packages[1].image_digest = image("3").digest;
  add_super("both", {{"a", "1", "3"}, {"a", "2", "3"}, {"b", "1", "3"}});
  const Selection selection = select({{"a", "3"}});
  EXPECT_EQ(selection.file_bytes, 110u);
  EXPECT_EQ(files(selection), "both.pks");
}

TEST_F(SuperSelectionTest, ChangesWhatTheSuperPackageChangesToo) {
  add_super("both", {{"a", "1", "3"}, {"b", "1", "2"}});
  const Selection selection = select({{"a", "3"}});
  ASSERT_EQ(selection.packages.size(), 2u);
  EXPECT_EQ(selection.packages[1].package_id, "b");
  EXPECT_EQ(selection.packages[1].target_version, "") << "nobody wanted it";
  EXPECT_EQ(selection.packages[1].steps.size(), 1u);
}

TEST_F(SuperSelectionTest, GoesThroughSeveralSuperPackagesAndWhatTheyNeed) {
  add_super("second", {{"a", "2", "3"}, {"b", "2", "3"}});
  add_super("first", {{"a", "1", "2"}, {"b", "1", "2"}});
  add("a", "3", "4");
  EXPECT_EQ(files(select({{"a", "4"}, {"b", "3"}})), "first.pks & , second.pks & , a-3-4.pku");
  catalog_.supers.pop_back();
  add("a", "1", "2");
  EXPECT_FALSE(select({{"a", "4"}, {"b", "3"}}).is_complete());
  add("b", "1", "2");
  EXPECT_EQ(files(select({{"a", "4"}, {"b", "3"}})),
            "a-1-2.pku + b-1-2.pku, second.pks & , a-3-4.pku");
}

TEST_F(SuperSelectionTest, BringsWhatASuperPackageRequires) {
  CatalogSuper& super = add_super("one", {{"a", "1", "3"}});
  SuperRequirement requirement;
  ASSERT_TRUE(requirement.package_id.assign("b"));
  ASSERT_TRUE(requirement.versions[0].assign("2"));
  requirement.version_count = 1;
  super.requirements.push_back(requirement);
  EXPECT_EQ(reasons(),
            "the catalog has no package for this ROM package\n"
            "one.pks: it needs another version of b");
  add("b", "1", "2");
  EXPECT_EQ(files(select({{"a", "3"}})), "b-1-2.pku, one.pks");
}

TEST_F(SuperSelectionTest, SaysWhyASuperPackageIsNotTaken) {
  CatalogSuper& super = add_super("both", {{"a", "1", "3"}, {"b", "2", "3"}});
  const std::string nothing = "the catalog has no package for this ROM package\nboth.pks: ";
  EXPECT_EQ(reasons(), nothing + "it has no member for version '1' of b");
  ASSERT_TRUE(super.facts.device.model.assign("x2"));
  report_.device.model = "x1";
  EXPECT_EQ(reasons(), nothing + "it is for model 'x2', the device is a 'x1'");
  super.facts.device = {};
  super.arena_bytes = 100'001;
  report_.device.ram_bytes = 100'000;
  EXPECT_EQ(reasons(), nothing + "it needs 100,001 bytes of RAM, the device gives 100,000");
  super.arena_bytes = 0;
  super.members[1].head.manifest.device.has_hardware_range = true;
  report_.device.hardware = 1;
  EXPECT_EQ(reasons(), nothing + "its member for b: it is for hardware 0, the device has 1");
  report_.packages.pop_back();
  EXPECT_EQ(reasons(), nothing + "the device does not report b");
}

TEST_F(SuperSelectionTest, NamesReleases) {
  ASSERT_TRUE(add_super("r3", {{"a", "1", "3"}, {"b", "2", "3"}}).facts.release.assign("3.0"));
  ASSERT_TRUE(add_super("more", {{"c", "1", "7"}}).facts.release.assign("3.0"));
  const WantedVersions expected = {{"a", "3"}, {"b", "3"}, {"c", "7"}};
  EXPECT_EQ(wanted_by_release(catalog_, "3.0"), expected);
  EXPECT_EQ(wanted_by_release(catalog_, "3"), std::nullopt);
  ASSERT_TRUE(add_super("other", {{"c", "1", "8"}}).facts.release.assign("3.0"));
  EXPECT_THROW(wanted_by_release(catalog_, "3.0"), Error);
}

}  // namespace
}  // namespace romdelta::pkgtool
