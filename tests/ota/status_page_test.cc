// status_page.h, device_record.h and the small files of both sides.
#include "samples/ota/status_page.h"

#include <gtest/gtest.h>

#include "samples/ota/device_state.h"
#include "samples/ota/update_agent.h"
#include "tests/ota/loop.h"

namespace romdelta::ota {
namespace {

DeviceRecord hostile_record() {
  DeviceRecord record;
  record.id = "<script>alert('id')</script>";
  record.info["./DevInfo/Mod"] = "\"><img src=x>";
  record.versions["a&b"] = {"<b>", "10"};
  record.phase = Phase::stopped;
  record.note = "\xFF\xFE is no UTF-8";
  record.results.push_back({"p.pku", "update", 404});
  return record;
}

TEST(StatusPage, ShowsWhatDevicesSayAsText) {
  const std::string page = status_page({}, {hostile_record()}, 10);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(&#39;id&#39;)"), std::string::npos);
  EXPECT_NE(page.find("Failed Firmware Update Package Validation"), std::string::npos);
}

TEST(StatusPage, IsAlsoJsonWhateverDevicesSay) {
  const std::string json = status_json({}, {hostile_record()});
  EXPECT_NE(json.find("\"phase\": \"stopped\""), std::string::npos);
}

TEST(DeviceRecord, ComesBackAsItWasSaved) {
  TemporaryFolder folder;
  DeviceRecord record = hostile_record();
  record.note = "a note";
  record.client_nonce = std::string("\0\x01", 2);
  record.operations = 7;
  record.is_open = true;
  save_record(record, folder.path(""));
  const DeviceRecord read = load_record(folder.path(""), record.id);
  EXPECT_EQ(read.note, record.note);
  EXPECT_EQ(read.client_nonce, record.client_nonce);
  EXPECT_EQ(read.operations, 7U);
  EXPECT_TRUE(read.is_open);
  EXPECT_EQ(read.phase, Phase::stopped);
  ASSERT_EQ(read.results.size(), 1U);
  EXPECT_EQ(read.results[0].code, 404);
  EXPECT_EQ(load_record(folder.path(""), "another").operations, 0U);
}

TEST(DeviceState, ComesBackAsItWasSavedAndIsFreshAfterDamage) {
  TemporaryFolder folder;
  const std::string path = folder.path("device.json");
  DeviceState state;
  state.client_nonce = std::string("\0n", 2);
  state.session_id = 9;
  state.ui_mode = UiMode::interaction;
  state.accepted = 3;
  save_state(state, path);
  EXPECT_EQ(load_state(path).client_nonce, state.client_nonce);
  EXPECT_EQ(load_state(path).session_id, 9);
  EXPECT_EQ(load_state(path).ui_mode, UiMode::interaction);
  EXPECT_EQ(load_state(path).accepted, 3U);
  for (const char* damage : {"", "{", "{}", "[]", "{\"client_nonce\": 1}"}) {
    write_file(path, damage);
    EXPECT_EQ(load_state(path).accepted, 0U) << damage;
  }
}

TEST(InstallReport, IsReadFromWhatTheInstallerPrints) {
  const InstallReport good =
      read_install_report(R"({"schema": 1, "status": "ok", "already_installed": true})", 0);
  EXPECT_EQ(good.status, Status::ok);
  EXPECT_TRUE(good.already_installed);
  const InstallReport bad =
      read_install_report(R"({"schema": 1, "status": "wrong_source", "pending": true})", 1);
  EXPECT_EQ(bad.status, Status::wrong_source);
  EXPECT_TRUE(bad.is_pending);
}

TEST(InstallReport, OfAnInstallerThatBrokeDownIsAFailure) {
  EXPECT_EQ(read_install_report("", 0).status, Status::internal);
  EXPECT_EQ(read_install_report("{\"status\": \"marvellous\"}", 0).status, Status::internal);
  EXPECT_EQ(read_install_report("", 139).status, Status::internal);
  EXPECT_EQ(read_install_report("", 5).status, Status::flash_read_failed);
  EXPECT_TRUE(read_install_report("", 139).is_pending);
}

}  // namespace
}  // namespace romdelta::ota
