// download.h: what is said of a transfer. The transfers themselves are in loop_test.py, with nginx.
#include "samples/ota/download.h"

#include <curl/curl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "format/result_code.h"
#include "tests/ota/loop.h"

namespace romdelta::ota {
namespace {

int code_of(int curl_code, long http_code) {
  return static_cast<int>(result_code(judge_transfer(curl_code, http_code).status));
}

TEST(Transfer, HasTheCodeThatFumoHasForItsFailure) {
  EXPECT_EQ(code_of(CURLE_OK, 200), 200);
  EXPECT_EQ(code_of(CURLE_OK, 206), 200);
  EXPECT_EQ(code_of(CURLE_OK, 401), 406);
  EXPECT_EQ(code_of(CURLE_OK, 403), 406);
  EXPECT_EQ(code_of(CURLE_OK, 407), 406);
  EXPECT_EQ(code_of(CURLE_LOGIN_DENIED, 0), 406);
  EXPECT_EQ(code_of(CURLE_OPERATION_TIMEDOUT, 0), 407);
  EXPECT_EQ(code_of(CURLE_URL_MALFORMAT, 0), 411);
  EXPECT_EQ(code_of(CURLE_UNSUPPORTED_PROTOCOL, 0), 411);
  EXPECT_EQ(code_of(CURLE_COULDNT_RESOLVE_HOST, 0), 412);
  EXPECT_EQ(code_of(CURLE_COULDNT_CONNECT, 0), 412);
  EXPECT_EQ(code_of(CURLE_OK, 503), 412);
  EXPECT_EQ(code_of(CURLE_OK, 404), 500);
  EXPECT_EQ(code_of(CURLE_OK, 500), 500);
  EXPECT_EQ(code_of(CURLE_RECV_ERROR, 206), 503);
  EXPECT_EQ(code_of(CURLE_PARTIAL_FILE, 206), 503);
}

TEST(Transfer, IsTriedAgainOnlyWhereThatMayHelp) {
  EXPECT_TRUE(judge_transfer(CURLE_RECV_ERROR, 206).may_retry);
  EXPECT_TRUE(judge_transfer(CURLE_OK, 503).may_retry);
  EXPECT_TRUE(judge_transfer(CURLE_OK, 500).may_retry);
  EXPECT_FALSE(judge_transfer(CURLE_OK, 401).may_retry);
  EXPECT_FALSE(judge_transfer(CURLE_OK, 404).may_retry);
  EXPECT_FALSE(judge_transfer(CURLE_URL_MALFORMAT, 0).may_retry);
}

TEST(Download, RefusesWhatIsNoAddressOfHttp) {
  TemporaryFolder folder;
  for (const char* url : {"", "no address", "ftp://host/x", "file:///etc/passwd", "http://", "/x",
                          "http://host:notaport/"}) {
    DownloadOptions options;
    options.url = url;
    options.path = folder.path("p.pku");
    EXPECT_EQ(download(options).status, Status::bad_url) << url;
  }
}

TEST(Download, LeavesNothingBehindWhenItFails) {
  TemporaryFolder folder;
  DownloadOptions options;
  options.url = "http://127.0.0.1:1/p.pku";
  options.path = folder.path("p.pku");
  options.attempts = 2;
  options.pause_ms = 1;
  write_file(options.path + ".part", "half");
  EXPECT_EQ(download(options).status, Status::server_unavailable);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path("")));
}

}  // namespace
}  // namespace romdelta::ota
