// What a server sees of the two trees, command by command.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/dm_rig.h"
#include "tests/support/test_device.h"

namespace romdelta::test {
namespace {

class FwUpdateTree : public ::testing::Test {
 protected:
  FwUpdateTree() { EXPECT_EQ(rig.restart(), Status::ok); }
  DmRig rig;
};

TEST_F(FwUpdateTree, IsEmptyOnANewDevice) {
  std::vector<DmItem> items;
  ASSERT_EQ(rig.get("./FwUpdate", &items), ROMDELTA_DM_OK);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].uri, "./FwUpdate");
  EXPECT_EQ(items[0].format, "node");
  EXPECT_EQ(items[0].value, "");
}

TEST_F(FwUpdateTree, AddMakesMissingParents) {
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_FOUND);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/DownloadAndUpdate/PkgURL", "http://a/b"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.value("./FwUpdate"), "Pkg1");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1"), "Download/Update/DownloadAndUpdate/State/Ext");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/DownloadAndUpdate"), "PkgURL");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/DownloadAndUpdate/PkgURL"), "http://a/b");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/Download/PkgURL"), "");
}

// The recorded session of an independent client: Add of two leaves in one command, then Exec.
TEST_F(FwUpdateTree, AnswersTheRecordedSession) {
  EXPECT_EQ(rig.value("./FwUpdate"), "");
  EXPECT_EQ(
      rig.add("./FwUpdate/Pkg1/DownloadAndUpdate/PkgURL", "http://127.0.0.1:9/update.pks", "chr"),
      200);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/PkgName", "Shell ROM", "chr"), 200);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg1/DownloadAndUpdate", "abc123"), 202);
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/State"), "30");
  ASSERT_EQ(rig.download_done(), Status::ok);
  ASSERT_EQ(rig.update_done(), Status::ok);
  const auto alert = rig.alert();
  ASSERT_TRUE(alert);
  EXPECT_STREQ(alert->correlator, "abc123");
  EXPECT_STREQ(alert->source_uri, "./FwUpdate/Pkg1/DownloadAndUpdate");
  EXPECT_STREQ(alert->format, "int");
  EXPECT_STREQ(alert->type, "org.openmobilealliance.dm.firmwareupdate.downloadandupdate");
  EXPECT_STREQ(alert->data, "200");
  EXPECT_EQ(rig.answer(200), Status::ok);
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/State"), "100");
}

TEST_F(FwUpdateTree, AddRefusesWhatIsSetAlready) {
  rig.make_object();
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1"), ROMDELTA_DM_EXISTS);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/Download"), ROMDELTA_DM_EXISTS);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/Download/PkgURL", "http://a/c"), ROMDELTA_DM_EXISTS);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/PkgName", "a"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/PkgName", "b"), ROMDELTA_DM_EXISTS);
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/PkgName"), "a");
  rig.give_package();
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/Update/PkgData", "x"), ROMDELTA_DM_EXISTS);
}

TEST_F(FwUpdateTree, AddOfANodeThatIsAlwaysThereSucceedsOnce) {
  ASSERT_EQ(rig.add("./FwUpdate/Pkg1"), ROMDELTA_DM_OK);
  for (const char* node : {"Download", "Update", "DownloadAndUpdate"}) {
    const std::string uri = "./FwUpdate/Pkg1/" + std::string(node);
    EXPECT_EQ(rig.add(uri, "", "node"), ROMDELTA_DM_OK) << node;
    EXPECT_EQ(rig.add(uri, "", "node"), ROMDELTA_DM_EXISTS) << node;
  }
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/Ext"), ROMDELTA_DM_NOT_ALLOWED);
}

TEST_F(FwUpdateTree, ReplaceNeedsTheObject) {
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/PkgName", "a"), ROMDELTA_DM_NOT_FOUND);
  rig.make_object();
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/PkgName", "a"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/PkgName", "b"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/PkgName"), "b");
}

TEST_F(FwUpdateTree, DeleteTakesAwayWhatAServerAdded) {
  rig.make_object();
  rig.add("./FwUpdate/Pkg1/PkgName", "a");
  rig.add("./FwUpdate/Pkg1/PkgVersion", "1");
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1/PkgName"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1/PkgName"), ROMDELTA_DM_NOT_FOUND);
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1/PkgVersion"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1/Download/PkgURL"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/Download/PkgURL"), "");
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1/DownloadAndUpdate"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/DownloadAndUpdate/PkgURL"), "");
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_FOUND);
  for (const char* uri : {"./FwUpdate", "./Vendor/MSFT/ROMPackage"}) {
    EXPECT_EQ(rig.remove(uri), ROMDELTA_DM_NOT_ALLOWED) << uri;
  }
}

TEST_F(FwUpdateTree, CommandsThatANodeDoesNotTakeAreNotAllowed) {
  rig.make_object();
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1/Update/PkgData"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1/State"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.remove("./FwUpdate/Pkg1/Update"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1", "x"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/Ext", "x"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.add("./FwUpdate"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg1"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg1/Download/PkgURL"), ROMDELTA_DM_NOT_ALLOWED);
}

TEST_F(FwUpdateTree, QueriesAreForGetAndKnown) {
  rig.make_object();
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1?list=TNDS"), ROMDELTA_DM_NOT_SUPPORTED);
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1?prop=ACL"), ROMDELTA_DM_NOT_SUPPORTED);
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1?"), ROMDELTA_DM_NOT_SUPPORTED);
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/PkgName?prop=Name", "x"), ROMDELTA_DM_NOT_SUPPORTED);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg1/Download?prop=Name"), ROMDELTA_DM_NOT_SUPPORTED);
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1?prop=Name"), "Pkg1");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/State?prop=Format"), "int");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/Download/PkgURL?prop=Size"), "26");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/Update/PkgData?prop=Type"), "application/octet-stream");
  EXPECT_EQ(rig.get("./FwUpdate/Pkg1?prop=Size"), ROMDELTA_DM_NOT_SUPPORTED);
  EXPECT_EQ(rig.value("./Vendor/MSFT/ROMPackage?prop=Name"), "ROMPackage");
}

TEST_F(FwUpdateTree, StructDataListsTheWholeObject) {
  rig.make_object();
  rig.add("./FwUpdate/Pkg1/PkgName", "Shell");
  std::vector<DmItem> items;
  ASSERT_EQ(rig.get("./FwUpdate?list=StructData", &items), ROMDELTA_DM_OK);
  std::vector<std::string> lines;
  for (const DmItem& item : items) lines.push_back(item.uri + " " + item.format + " " + item.value);
  const std::vector<std::string> expected = {
      "./FwUpdate node ",
      "./FwUpdate/Pkg1 node ",
      "./FwUpdate/Pkg1/PkgName chr Shell",
      "./FwUpdate/Pkg1/Download node ",
      "./FwUpdate/Pkg1/Download/PkgURL chr http://example.com/one.pku",
      "./FwUpdate/Pkg1/Update node ",
      "./FwUpdate/Pkg1/Update/PkgData bin ",
      "./FwUpdate/Pkg1/DownloadAndUpdate node ",
      "./FwUpdate/Pkg1/DownloadAndUpdate/PkgURL chr http://example.com/both.pku",
      "./FwUpdate/Pkg1/State int 10",
      "./FwUpdate/Pkg1/Ext node "};
  EXPECT_EQ(lines, expected);
  ASSERT_EQ(rig.get("./FwUpdate?list=Struct", &items), ROMDELTA_DM_OK);
  EXPECT_EQ(items.size(), expected.size());
  for (const DmItem& item : items) EXPECT_EQ(item.value, "") << item.uri;
}

TEST_F(FwUpdateTree, AVisitorThatHasNoRoomEndsTheList) {
  rig.make_object();
  int seen = 0;
  const auto stop_at_three = [](void* context, const romdelta_dm_item*) {
    return ++*static_cast<int*>(context) < 3;
  };
  EXPECT_EQ(
      romdelta_dm_get(rig.dm.get(), "srv1", "./FwUpdate?list=StructData", stop_at_three, &seen),
      ROMDELTA_DM_TOO_LARGE);
  EXPECT_EQ(seen, 3);
}

TEST_F(FwUpdateTree, AsksForAccessWithTheCanonicalAddress) {
  std::vector<std::string> asked;
  rig.access = [&](const std::string& server_id, const std::string& uri,
                   romdelta_dm_command command) {
    asked.push_back(server_id + " " + uri + " " + std::to_string(command));
    return 200;
  };
  rig.add("FwUpdate/Pkg1/Download/PkgURL", "http://a/b");
  rig.get("./FwUpdate/Pkg1?list=StructData");
  rig.exec("FwUpdate/Pkg1/Download");
  EXPECT_EQ(asked, (std::vector<std::string>{"srv1 ./FwUpdate/Pkg1/Download/PkgURL 2",
                                             "srv1 ./FwUpdate/Pkg1 1",
                                             "srv1 ./FwUpdate/Pkg1/Download 16"}));
}

TEST_F(FwUpdateTree, SaysNothingAboutNodesThatAServerMayNotSee) {
  rig.make_object();
  for (const int refusal : {ROMDELTA_DM_DENIED, ROMDELTA_DM_UNAUTHENTICATED}) {
    rig.access = [=](const std::string&, const std::string&, romdelta_dm_command) {
      return refusal;
    };
    for (const char* uri : {"./FwUpdate/Pkg1/State", "./FwUpdate/Pkg9/State"}) {
      EXPECT_EQ(rig.get(uri), refusal) << uri;
      EXPECT_EQ(rig.add(uri, "x"), refusal) << uri;
      EXPECT_EQ(rig.replace(uri, "x"), refusal) << uri;
      EXPECT_EQ(rig.remove(uri), refusal) << uri;
      EXPECT_EQ(rig.exec(uri), refusal) << uri;
    }
  }
  rig.access = nullptr;
  EXPECT_EQ(rig.state(), 10);
}

TEST_F(FwUpdateTree, ValuesHaveTheirFormatAndLength) {
  rig.make_object();
  const std::string url_uri = "./FwUpdate/Pkg1/Download/PkgURL";
  EXPECT_EQ(rig.replace(url_uri, "http://a/b", "int"), ROMDELTA_DM_WRONG_FORMAT);
  EXPECT_EQ(rig.replace(url_uri, "http://a/b", "chr"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.replace(url_uri, std::string(1024, 'u')), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.value(url_uri), std::string(1024, 'u'));
  EXPECT_EQ(rig.replace(url_uri, std::string(1025, 'u')), ROMDELTA_DM_TOO_LARGE);
  EXPECT_EQ(rig.value(url_uri), std::string(1024, 'u'));
  EXPECT_EQ(rig.replace(url_uri, "http://a/ b"), ROMDELTA_DM_BAD_REQUEST);
  EXPECT_EQ(rig.replace(url_uri, "http://a/\xc3\xa9"), ROMDELTA_DM_BAD_REQUEST);
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/PkgName", std::string(64, 'n')), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/PkgName", std::string(65, 'n')), ROMDELTA_DM_TOO_LARGE);
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/PkgVersion", std::string(49, 'v')), ROMDELTA_DM_TOO_LARGE);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/Update", "data"), ROMDELTA_DM_BAD_REQUEST);
}

TEST_F(FwUpdateTree, TextIsWellFormedUtfWithoutControlCharacters) {
  rig.make_object();
  const std::string uri = "./FwUpdate/Pkg1/PkgName";
  for (const char* good : {"caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x93\xa6", "a b"}) {
    EXPECT_EQ(rig.replace(uri, good), ROMDELTA_DM_OK) << good;
    EXPECT_EQ(rig.value(uri), good);
  }
  const std::string bad[] = {"a\nb",
                             "\x7f",
                             "\x80",
                             "\xc3",
                             "\xc0\xaf",
                             "\xed\xa0\x80",
                             "\xe0\x80\x80",
                             "\xf8\x88\x80\x80",
                             "\xef\xbf\xbf",
                             "\xf4\x90\x80\x80",
                             std::string("a\0b", 3)};
  for (const std::string& text : bad) {
    EXPECT_EQ(rig.replace(uri, text), ROMDELTA_DM_BAD_REQUEST) << ::testing::PrintToString(text);
  }
}

TEST_F(FwUpdateTree, HoldsFourObjectsAndNoMore) {
  for (const char* id : {"A", "B", "C", "D"}) {
    rig.make_object(id);
    EXPECT_EQ(
        rig.replace("./FwUpdate/" + std::string(id) + "/Download/PkgURL", std::string(1024, *id)),
        ROMDELTA_DM_OK);
  }
  EXPECT_EQ(rig.add("./FwUpdate/E"), ROMDELTA_DM_DEVICE_FULL);
  EXPECT_EQ(rig.add("./FwUpdate/E/Update/PkgData", "x"), ROMDELTA_DM_DEVICE_FULL);
  EXPECT_EQ(rig.value("./FwUpdate"), "A/B/C/D");
  EXPECT_EQ(rig.remove("./FwUpdate/B"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.add("./FwUpdate/E"), ROMDELTA_DM_OK);
  ASSERT_EQ(rig.restart(), Status::ok);
  EXPECT_EQ(rig.value("./FwUpdate"), "A/C/D/E");
  EXPECT_EQ(rig.value("./FwUpdate/C/Download/PkgURL"), std::string(1024, 'C'));
}

// What an operation adds must always find room, so it is set aside before.
TEST(FwUpdateRegion, OfTheSmallestSizeHoldsWhateverOneObjectCanHave) {
  DmRig rig(dm_nor, 16 * 1024);
  ASSERT_EQ(rig.restart(), Status::ok);
  rig.server = std::string(64, 's');
  const std::string id(48, 'x');
  const std::string uri = "./FwUpdate/" + id;
  EXPECT_EQ(rig.add(uri + "/Download/PkgURL", std::string(1024, 'u')), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.add("./FwUpdate/y"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.add(uri + "/DownloadAndUpdate/PkgURL", std::string(1024, 'v')), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.replace("./FwUpdate/y/Download/PkgURL", std::string(1024, 'w')), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.replace("./FwUpdate/y/DownloadAndUpdate/PkgURL", std::string(1024, 'w')),
            ROMDELTA_DM_DEVICE_FULL);
  EXPECT_EQ(rig.exec(uri + "/Download", std::string(64, 'c').c_str()), ROMDELTA_DM_ACCEPTED);
  EXPECT_EQ(rig.download_done(Status::ok, std::string(128, 'l')), Status::ok);
  EXPECT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_USER_REQUEST, id.c_str(),
                                std::string(64, 'd').c_str()),
            ROMDELTA_OK);
  EXPECT_EQ(rig.alert_count(), 2u);
  ASSERT_EQ(rig.restart(), Status::ok);
  EXPECT_EQ(rig.alert_count(), 2u);
}

TEST(FwUpdateRegion, ThatIsTooSmallIsRefusedAtTheBeginning) {
  for (const FlashGeometry& geometry : {dm_nor, dm_disk}) {
    DmRig rig(geometry, 2 * geometry.erase_block_bytes);
    EXPECT_EQ(rig.restart(), Status::journal_too_small);
    EXPECT_EQ(rig.get("./FwUpdate"), ROMDELTA_DM_STORE_FAILED);
    EXPECT_EQ(rig.add("./FwUpdate/x"), ROMDELTA_DM_STORE_FAILED);
    EXPECT_FALSE(rig.task());
    EXPECT_FALSE(rig.alert());
  }
}

// ROMPackage shows the installer's inventory.
class RomPackageTree : public ::testing::Test {
 protected:
  RomPackageTree() {
    rig.host.inventory = {&c_inventory_, 0, 16 * 1024};
    EXPECT_EQ(rig.restart(), Status::ok);
  }
  void add_package(const std::string& id, const std::string& version, PackageState state) {
    Inventory inventory;
    InventoryRecord record;
    EXPECT_TRUE(record.package_id.assign(id) && record.version.assign(version));
    record.state = state;
    ASSERT_EQ(inventory.open({&inventory_flash_, 0, 16 * 1024}, buffer_), Status::ok);
    ASSERT_EQ(inventory.update(record), Status::ok);
  }
  Random random_{1};
  UnstableFlash inventory_flash_{{4096, 16, true}, 16 * 1024, &random_};
  romdelta_flash c_inventory_ = c_flash_of(&inventory_flash_);
  Bytes buffer_ = Bytes(limits::record_buffer_bytes);
  DmRig rig;
};

TEST_F(RomPackageTree, ListsTheInventoryInOneGet) {
  add_package("com.example.kernel", "2.1", PackageState::installed);
  add_package("com.example.shell", "1.0", PackageState::factory);
  std::vector<DmItem> items;
  ASSERT_EQ(rig.get("./Vendor/MSFT/ROMPackage?list=StructData", &items), ROMDELTA_DM_OK);
  std::vector<std::string> lines;
  for (const DmItem& item : items) lines.push_back(item.uri + " " + item.value);
  const std::string root = "./Vendor/MSFT/ROMPackage";
  EXPECT_EQ(lines,
            (std::vector<std::string>{
                root + " ", root + "/com.example.kernel ",
                root + "/com.example.kernel/PkgName com.example.kernel",
                root + "/com.example.kernel/PkgVersion 2.1", root + "/com.example.kernel/State 100",
                root + "/com.example.shell ", root + "/com.example.shell/PkgName com.example.shell",
                root + "/com.example.shell/PkgVersion 1.0", root + "/com.example.shell/State 10"}));
  EXPECT_EQ(rig.value(root), "com.example.kernel/com.example.shell");
  EXPECT_EQ(rig.value(root + "/com.example.shell/PkgVersion"), "1.0");
  EXPECT_EQ(rig.value(root + "/com.example.shell"), "PkgName/PkgVersion/State");
  EXPECT_EQ(rig.get(root + "/com.example.none/State"), ROMDELTA_DM_NOT_FOUND);
}

TEST_F(RomPackageTree, CanOnlyBeRead) {
  add_package("com.example.kernel", "2.1", PackageState::installed);
  for (const char* rest : {"", "/com.example.kernel", "/com.example.kernel/PkgVersion"}) {
    const std::string uri = "./Vendor/MSFT/ROMPackage" + std::string(rest);
    EXPECT_EQ(rig.add(uri, "x"), ROMDELTA_DM_NOT_ALLOWED) << uri;
    EXPECT_EQ(rig.replace(uri, "x"), ROMDELTA_DM_NOT_ALLOWED) << uri;
    EXPECT_EQ(rig.remove(uri), ROMDELTA_DM_NOT_ALLOWED) << uri;
    EXPECT_EQ(rig.exec(uri), ROMDELTA_DM_NOT_ALLOWED) << uri;
  }
  EXPECT_EQ(rig.value("./Vendor/MSFT/ROMPackage/com.example.kernel/PkgVersion"), "2.1");
}

TEST_F(RomPackageTree, FollowsWhatTheInstallerCommits) {
  add_package("com.example.kernel", "2.1", PackageState::factory);
  const std::string uri = "./Vendor/MSFT/ROMPackage/com.example.kernel/";
  EXPECT_EQ(rig.value(uri + "PkgVersion"), "2.1");
  add_package("com.example.kernel", "2.2", PackageState::installed);
  EXPECT_EQ(rig.value(uri + "PkgVersion"), "2.2");
  EXPECT_EQ(rig.value(uri + "State"), "100");
}

TEST_F(RomPackageTree, IsEmptyWithoutAnInventory) {
  EXPECT_EQ(rig.value("./Vendor/MSFT/ROMPackage"), "");
  rig.host.inventory = {};
  EXPECT_EQ(rig.value("./Vendor/MSFT/ROMPackage"), "");
  std::vector<DmItem> items;
  EXPECT_EQ(rig.get("./Vendor/MSFT/ROMPackage?list=StructData", &items), ROMDELTA_DM_OK);
  EXPECT_EQ(items.size(), 1u);
}

}  // namespace
}  // namespace romdelta::test
