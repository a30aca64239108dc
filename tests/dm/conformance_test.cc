// The conformance list of docs/dm.md for FUMO 1.0: one test for each of its ids, which are this
// project's own. S1 to S4 are the server's.
#include <gtest/gtest.h>

#include "tests/support/dm_rig.h"

namespace romdelta::test {
namespace {

constexpr const char* kBoth = "./FwUpdate/Pkg1/DownloadAndUpdate";
constexpr const char* kDownload = "./FwUpdate/Pkg1/Download";
constexpr const char* kUpdate = "./FwUpdate/Pkg1/Update";

class FumoConformance : public ::testing::Test {
 protected:
  FumoConformance() { EXPECT_EQ(rig.restart(), Status::ok); }

  romdelta_dm_node node(const std::string& uri) {
    romdelta_dm_node node{};
    EXPECT_EQ(romdelta_dm_describe(rig.dm.get(), uri.c_str(), &node), ROMDELTA_DM_OK) << uri;
    return node;
  }
  bool takes(const std::string& uri, romdelta_dm_command command) {
    return (node(uri).commands & static_cast<unsigned>(command)) != 0;
  }
  // Everything up to the final alert of an operation that succeeds.
  void run(const char* uri, const char* correlator = nullptr) {
    ASSERT_EQ(rig.exec(uri, correlator), ROMDELTA_DM_ACCEPTED);
    while (const auto task = rig.task()) {
      ASSERT_EQ(task->work == ROMDELTA_DM_DOWNLOAD ? rig.download_done() : rig.update_done(),
                Status::ok);
    }
  }

  DmRig rig;
};

TEST_F(FumoConformance, T1TheTypeOfAnObjectIsFumos) {
  rig.make_object();
  EXPECT_STREQ(node("./FwUpdate/Pkg1").type, "urn:oma:mo:oma-fumo:1.0");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1?prop=Type"), "urn:oma:mo:oma-fumo:1.0");
}

TEST_F(FumoConformance, T2StateIsThereAsANumberThatCanOnlyBeRead) {
  rig.make_object();
  std::vector<DmItem> items;
  ASSERT_EQ(rig.get("./FwUpdate/Pkg1/State", &items), ROMDELTA_DM_OK);
  EXPECT_EQ(items[0].format, "int");
  EXPECT_EQ(items[0].value, "10");
  EXPECT_EQ(rig.replace("./FwUpdate/Pkg1/State", "50"), ROMDELTA_DM_NOT_ALLOWED);
}

TEST_F(FumoConformance, T3NameVersionAndExtensionsAreThere) {
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/PkgName", "Shell ROM"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.add("./FwUpdate/Pkg1/PkgVersion", "2.1"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/PkgName"), "Shell ROM");
  EXPECT_EQ(rig.value("./FwUpdate/Pkg1/PkgVersion"), "2.1");
  EXPECT_TRUE(node("./FwUpdate/Pkg1/Ext").is_interior);
}

TEST_F(FumoConformance, T4APackageCanComeByUrlOrByData) {
  ASSERT_EQ(rig.add("./FwUpdate/Pkg1"), ROMDELTA_DM_OK);
  for (const char* uri : {"/Download/PkgURL", "/DownloadAndUpdate/PkgURL"}) {
    EXPECT_TRUE(takes("./FwUpdate/Pkg1" + std::string(uri), ROMDELTA_DM_REPLACE));
    EXPECT_TRUE(takes("./FwUpdate/Pkg1" + std::string(uri), ROMDELTA_DM_GET));
  }
  EXPECT_TRUE(takes("./FwUpdate/Pkg1/Update/PkgData", ROMDELTA_DM_REPLACE));
  EXPECT_STREQ(node("./FwUpdate/Pkg1/Update/PkgData").format, "bin");
}

TEST_F(FumoConformance, T5UpdateAndDownloadAndUpdateExist) {
  ASSERT_EQ(rig.add("./FwUpdate/Pkg1"), ROMDELTA_DM_OK);
  EXPECT_TRUE(node(kUpdate).is_interior);
  EXPECT_TRUE(node(kBoth).is_interior);
}

TEST_F(FumoConformance, C1ExecIsSupported) {
  rig.make_object();
  EXPECT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg1/State"), ROMDELTA_DM_NOT_ALLOWED);
  EXPECT_EQ(rig.exec("./FwUpdate/Pkg2/Update"), ROMDELTA_DM_NOT_FOUND);
}

TEST_F(FumoConformance, C2APackageComesByDownloadAndByLargeObject) {
  rig.make_object();
  ASSERT_EQ(rig.exec(kDownload), ROMDELTA_DM_ACCEPTED);
  EXPECT_STREQ(rig.task()->url, "http://example.com/one.pku");
  EXPECT_EQ(rig.download_done(), Status::ok);
  EXPECT_EQ(rig.state(), 50);
  rig.give_package("Pkg2");
  EXPECT_EQ(rig.state("Pkg2"), -1) << "Replace does not make an object";
  ASSERT_EQ(rig.add("./FwUpdate/Pkg2/Update/PkgData", "bytes"), ROMDELTA_DM_OK);
  EXPECT_EQ(rig.state("Pkg2"), 50);
  EXPECT_EQ(rig.incoming["Pkg2"], "bytes");
}

TEST_F(FumoConformance, C3ExecWorksOnUpdateAndOnDownloadAndUpdate) {
  rig.make_object();
  run(kBoth);
  EXPECT_EQ(rig.answer(), Status::ok);
  rig.give_package();
  ASSERT_EQ(rig.exec(kUpdate), ROMDELTA_DM_ACCEPTED);
  EXPECT_EQ(rig.task()->work, ROMDELTA_DM_UPDATE);
  EXPECT_STREQ(rig.task()->location, "/store/Pkg1");
}

TEST_F(FumoConformance, C4WhatEndsLaterIsAnsweredAsAccepted) {
  rig.make_object();
  EXPECT_EQ(rig.exec(kDownload), 202);
  ASSERT_EQ(rig.download_done(), Status::ok);
  ASSERT_EQ(rig.answer(), Status::ok);
  EXPECT_EQ(rig.exec(kUpdate), 202);
  ASSERT_EQ(rig.update_done(), Status::ok);
  ASSERT_EQ(rig.answer(), Status::ok);
  EXPECT_EQ(rig.exec(kBoth), 202);
}

TEST_F(FumoConformance, C5EveryOperationEndsInOneAlert) {
  rig.make_object();
  for (const char* uri : {kDownload, kUpdate, kBoth}) {
    EXPECT_EQ(rig.alert_count(), 0u);
    run(uri);
    EXPECT_EQ(rig.alert_count(), 1u) << uri;
    EXPECT_EQ(rig.answer(), Status::ok);
  }
  ASSERT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
  ASSERT_EQ(rig.download_done(Status::network_failed), Status::ok);
  EXPECT_EQ(rig.alert_count(), 1u) << "DownloadAndUpdate ends with a download that fails";
}

TEST_F(FumoConformance, C6TheSourceOfTheAlertIsTheNodeOfTheExec) {
  rig.make_object();
  for (const char* uri : {kDownload, kUpdate, kBoth}) {
    run(uri);
    EXPECT_STREQ(rig.alert()->source_uri, uri);
    EXPECT_EQ(rig.answer(), Status::ok);
  }
}

TEST_F(FumoConformance, C7TheTypeOfTheAlertSaysWhichOperationEnded) {
  const std::string prefix = "org.openmobilealliance.dm.firmwareupdate.";
  rig.make_object();
  const std::pair<const char*, const char*> types[] = {
      {kDownload, "download"}, {kUpdate, "update"}, {kBoth, "downloadandupdate"}};
  for (const auto& [uri, type] : types) {
    run(uri);
    EXPECT_EQ(rig.alert()->type, prefix + type);
    EXPECT_EQ(rig.answer(), Status::ok);
  }
}

TEST_F(FumoConformance, C8TheCorrelatorComesBackExactlyWhenThereWasOne) {
  rig.make_object();
  for (const char* correlator : {"abc123", "", static_cast<const char*>(nullptr)}) {
    run(kBoth, correlator);
    ASSERT_EQ(rig.restart(), Status::ok);
    EXPECT_EQ(rig.alert()->has_correlator, correlator != nullptr);
    EXPECT_STREQ(rig.alert()->correlator, correlator == nullptr ? "" : correlator);
    EXPECT_EQ(rig.answer(), Status::ok);
  }
}

TEST_F(FumoConformance, C9TheResultIsANumberOfTheTable) {
  rig.make_object();
  run(kBoth);
  EXPECT_STREQ(rig.alert()->format, "int");
  EXPECT_STREQ(rig.alert()->data, "200");
  EXPECT_EQ(rig.answer(), Status::ok);
  ASSERT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
  ASSERT_EQ(rig.download_done(), Status::ok);
  ASSERT_EQ(rig.update_done(Status::bad_signature), Status::ok);
  EXPECT_STREQ(rig.alert()->data, "404");
}

TEST_F(FumoConformance, C10NothingIsTriedAgainAfterTheAlert) {
  rig.make_object();
  ASSERT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
  const std::uint32_t number = rig.task()->number;
  ASSERT_EQ(rig.download_done(Status::download_timed_out), Status::ok);
  for (int start = 0; start < 3; ++start) {
    EXPECT_FALSE(rig.task()) << "start " << start;
    ASSERT_EQ(rig.restart(), Status::ok);
  }
  EXPECT_EQ(romdelta_dm_download_done(rig.dm.get(), number, ROMDELTA_OK, "/data/pkg"),
            static_cast<romdelta_status>(Status::out_of_order));
  EXPECT_EQ(rig.answer(), Status::ok);
  EXPECT_FALSE(rig.task());
  EXPECT_EQ(rig.state(), 20);
}

TEST_F(FumoConformance, C11FailuresAreMarkedAsMoreThanInformational) {
  rig.make_object();
  const std::pair<Status, const char*> marks[] = {{Status::ok, "informational"},
                                                  {Status::cancelled, "warning"},
                                                  {Status::target_mismatch, "critical"}};
  for (const auto& [status, mark] : marks) {
    ASSERT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
    ASSERT_EQ(rig.download_done(), Status::ok);
    ASSERT_EQ(rig.update_done(status), Status::ok);
    EXPECT_STREQ(rig.alert()->mark, mark);
    EXPECT_EQ(rig.answer(), Status::ok);
  }
}

// The arrows one by one: state_test.cc.
TEST_F(FumoConformance, C12StateFollowsTheOperation) {
  rig.make_object();
  EXPECT_EQ(rig.state(), 10);
  ASSERT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
  EXPECT_EQ(rig.state(), 30);
  ASSERT_EQ(rig.download_done(), Status::ok);
  EXPECT_EQ(rig.state(), 50);
  ASSERT_EQ(rig.update_started(), Status::ok);
  EXPECT_EQ(rig.state(), 60);
  ASSERT_EQ(rig.update_done(), Status::ok);
  EXPECT_EQ(rig.state(), 100);
}

TEST_F(FumoConformance, C13TheDeviceAndItsUserCanAskForAnUpdate) {
  EXPECT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_USER_REQUEST, nullptr, "now please"),
            ROMDELTA_OK);
  ASSERT_EQ(rig.restart(), Status::ok);
  ASSERT_EQ(rig.alert_count(), 1u);
  EXPECT_STREQ(rig.alert()->data, "now please");
}

TEST_F(FumoConformance, C13aTheTypeOfARequestSaysWhoAsks) {
  const std::string prefix = "org.openmobilealliance.dm.firmwareupdate.";
  ASSERT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_DEVICE_REQUEST, nullptr, nullptr),
            ROMDELTA_OK);
  EXPECT_EQ(rig.alert()->type, prefix + "devicerequest");
  ASSERT_EQ(rig.answer(202), Status::ok);
  ASSERT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_USER_REQUEST, nullptr, nullptr),
            ROMDELTA_OK);
  EXPECT_EQ(rig.alert()->type, prefix + "userrequest");
}

TEST_F(FumoConformance, C13bARequestHasDataAlsoWhenItSaysNothing) {
  ASSERT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_DEVICE_REQUEST, nullptr, nullptr),
            ROMDELTA_OK);
  EXPECT_STREQ(rig.alert()->data, "");
  EXPECT_STREQ(rig.alert()->format, "chr");
}

TEST_F(FumoConformance, C13cTheSourceOfARequestIsAnObjectThatExistsOrNone) {
  rig.make_object();
  EXPECT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_DEVICE_REQUEST, "Pkg9", nullptr),
            static_cast<romdelta_status>(Status::out_of_order));
  ASSERT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_DEVICE_REQUEST, "Pkg1", nullptr),
            ROMDELTA_OK);
  EXPECT_STREQ(rig.alert()->source_uri, "./FwUpdate/Pkg1");
  ASSERT_EQ(rig.answer(), Status::ok);
  ASSERT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_DEVICE_REQUEST, nullptr, nullptr),
            ROMDELTA_OK);
  EXPECT_STREQ(rig.alert()->source_uri, "");
}

TEST_F(FumoConformance, C13dARequestEndsWithItsAnswerAndNothingFollows) {
  ASSERT_EQ(romdelta_dm_request(rig.dm.get(), ROMDELTA_DM_DEVICE_REQUEST, nullptr, nullptr),
            ROMDELTA_OK);
  ASSERT_EQ(rig.answer(202), Status::ok);
  EXPECT_EQ(rig.alert_count(), 0u);
  EXPECT_FALSE(rig.task());
}

}  // namespace
}  // namespace romdelta::test
