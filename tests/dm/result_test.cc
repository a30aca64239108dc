// Every status of the table arrives at the server, by the way that it comes on a device.
#include <gtest/gtest.h>

#include <set>

#include "format/result_code.h"
#include "tests/support/dm_rig.h"

namespace romdelta::test {
namespace {

constexpr const char* kBoth = "./FwUpdate/Pkg1/DownloadAndUpdate";

bool is_of_a_download(Status status) {
  return status >= Status::download_unauthorised && status <= Status::network_failed;
}

std::string code_of(Status status) {
  return std::to_string(static_cast<unsigned>(result_code(status)));
}

TEST(Results, OfEveryStatusReachTheServerAsTheirCode) {
  DmRig rig;
  ASSERT_EQ(rig.restart(), Status::ok);
  rig.make_object();
  std::set<std::string> codes;
  for (unsigned i = 0; i < status_count; ++i) {
    const auto status = static_cast<Status>(i);
    ASSERT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED) << to_string(status);
    int state = status == Status::ok ? 100 : 80;
    if (is_of_a_download(status)) {
      ASSERT_EQ(rig.download_done(status), Status::ok);
      state = 20;
    } else {
      ASSERT_EQ(rig.download_done(), Status::ok);
      ASSERT_EQ(rig.update_done(status), Status::ok);
    }
    ASSERT_EQ(rig.restart(), Status::ok);
    EXPECT_EQ(rig.state(), state) << to_string(status);
    ASSERT_EQ(rig.alert_count(), 1u);
    EXPECT_EQ(rig.alert()->data, code_of(status)) << to_string(status);
    codes.insert(rig.alert()->data);
    ASSERT_EQ(rig.answer(), Status::ok);
  }
  EXPECT_GE(codes.size(), 23u);
}

// FUMO's own codes for downloads, and those of a client, each have a status that leads to them.
TEST(Results, HaveAStatusForEveryCodeThatFumoNames) {
  std::set<unsigned> codes;
  for (unsigned i = 0; i < status_count; ++i) {
    codes.insert(static_cast<unsigned>(result_code(static_cast<Status>(i))));
  }
  for (const unsigned code : {200u, 400u, 401u, 402u, 403u, 404u, 405u, 406u, 407u, 408u, 409u,
                              410u, 411u, 412u, 500u, 501u, 502u, 503u}) {
    EXPECT_TRUE(codes.count(code)) << code;
  }
}

TEST(Results, OfNumbersThatAreNoStatusAreUndefinedErrors) {
  DmRig rig;
  ASSERT_EQ(rig.restart(), Status::ok);
  rig.make_object();
  ASSERT_EQ(rig.exec(kBoth), ROMDELTA_DM_ACCEPTED);
  ASSERT_EQ(rig.download_done(), Status::ok);
  ASSERT_EQ(rig.update_done(static_cast<Status>(250)), Status::ok);
  EXPECT_STREQ(rig.alert()->data, "409");
}

}  // namespace
}  // namespace romdelta::test
