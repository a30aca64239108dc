// download.h against a server that does what nginx would not: changes its mind, ignores ranges,
// lies.
#include <gtest/gtest.h>
#include <httplib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>

#include "samples/ota/download.h"
#include "tests/ota/loop.h"

namespace romdelta::ota {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string bytes(std::size_t count, unsigned seed) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i)
    result += static_cast<char>((i * 7 + seed) * (i + 3) >> 3);
  return result;
}

class Downloads : public testing::Test {
 protected:
  void SetUp() override {
    // A server that knows ranges: the library cuts what the handler gives.
    http.Get("/p.pku", [this](const httplib::Request& request, httplib::Response& response) {
      note(request);
      response.set_header("ETag", "\"" + etag + "\"");
      response.set_content(package, "application/octet-stream");
    });
    http.Get("/moved", [](const httplib::Request&, httplib::Response& response) {
      response.set_redirect("/p.pku");
    });
    http.Get("/outside", [](const httplib::Request&, httplib::Response& response) {
      response.set_redirect("file:///etc/hostname");
    });
    http.Get("/loop", [](const httplib::Request&, httplib::Response& response) {
      response.set_redirect("/loop");
    });
    http.Get("/liar", [this](const httplib::Request& request, httplib::Response& response) {
      // Says that it begins elsewhere.
      response.set_content(package, "application/octet-stream");
      if (request.method == "GET") response.set_header("Content-Range", "bytes 5-9/10");
    });
    port = http.bind_to_any_port("127.0.0.1");
    thread = std::thread([this] { http.listen_after_bind(); });
    while (!http.is_running()) std::this_thread::yield();
    options.path = folder.path("p.pku");
    options.attempts = 3;
    options.pause_ms = 1;
  }
  void TearDown() override {
    http.stop();
    thread.join();
  }

  DownloadResult fetch(const std::string& name = "/p.pku") {
    options.url = "http://127.0.0.1:" + std::to_string(port) + name;
    return download(options);
  }
  void note(const httplib::Request& request) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (request.method == "GET") ranges.push_back(request.get_header_value("Range"));
  }
  // Stops when so many bytes have come, as if the power had failed: what has come stays.
  void fetch_and_lose_power(std::size_t after_bytes) {
    const std::string part = options.path + ".part";
    // The agent itself would tidy up after any failure; a copy is what power loss leaves.
    options.progress = [=, this](std::uint64_t done, std::uint64_t) {
      if (done < after_bytes) return true;
      std::filesystem::copy_file(part, folder.path("kept"),
                                 std::filesystem::copy_options::overwrite_existing);
      std::filesystem::copy_file(part + ".json", folder.path("kept.json"),
                                 std::filesystem::copy_options::overwrite_existing);
      return false;
    };
    EXPECT_EQ(fetch().status, Status::cancelled);
    EXPECT_FALSE(std::filesystem::exists(part));
    std::filesystem::rename(folder.path("kept"), part);
    std::filesystem::rename(folder.path("kept.json"), part + ".json");
    options.progress = {};
    ranges.clear();
  }

  httplib::Server http;
  int port = 0;
  std::thread thread;
  std::mutex mutex;
  std::vector<std::string> ranges;
  std::string package = bytes(200'000, 1);
  std::string etag = "one";
  TemporaryFolder folder;
  DownloadOptions options;
};

TEST_F(Downloads, ComeWholeAndLeaveNothingElse) {
  const DownloadResult result = fetch();
  EXPECT_EQ(result.status, Status::ok) << result.text;
  EXPECT_EQ(result.received_bytes, package.size());
  EXPECT_EQ(content_of(options.path), package);
  EXPECT_EQ(ranges, std::vector<std::string>{"bytes=0-199999"});
  EXPECT_FALSE(std::filesystem::exists(options.path + ".part"));
  EXPECT_FALSE(std::filesystem::exists(options.path + ".part.json"));
}

TEST_F(Downloads, GoOnWhereTheyStopped) {
  fetch_and_lose_power(50'000);
  const std::uint64_t have = std::filesystem::file_size(options.path + ".part");
  const DownloadResult result = fetch();
  EXPECT_EQ(result.status, Status::ok) << result.text;
  EXPECT_EQ(result.received_bytes, package.size() - have);
  EXPECT_EQ(ranges, std::vector<std::string>{"bytes=" + std::to_string(have) + "-199999"});
  EXPECT_EQ(content_of(options.path), package);
}

TEST_F(Downloads, BeginAnewWhenThePackageOnTheServerIsAnother) {
  fetch_and_lose_power(50'000);
  package = bytes(200'000, 2);
  etag = "two";
  EXPECT_EQ(fetch().status, Status::ok);
  EXPECT_EQ(content_of(options.path), package);
}

TEST_F(Downloads, BeginAnewWhenTheNotesAreDamaged) {
  fetch_and_lose_power(50'000);
  write_file(options.path + ".part.json", "{\"url\": 3");
  EXPECT_EQ(fetch().status, Status::ok);
  EXPECT_EQ(content_of(options.path), package);
}

TEST_F(Downloads, FollowTheServerElsewhereButNotOutOfHttpOrForEver) {
  EXPECT_EQ(fetch("/moved").status, Status::ok);
  EXPECT_EQ(content_of(options.path), package);
  EXPECT_EQ(fetch("/outside").status, Status::bad_url);
  EXPECT_EQ(fetch("/loop").status, Status::server_error);
}

TEST_F(Downloads, OfALiarEnd) {
  EXPECT_NE(fetch("/liar").status, Status::ok);
  EXPECT_FALSE(std::filesystem::exists(options.path));
  EXPECT_FALSE(std::filesystem::exists(options.path + ".part"));
}

TEST_F(Downloads, ThatTheStoreCannotHoldEndBeforeTheFirstByte) {
  options.space_bytes_max = package.size() - 1;
  EXPECT_EQ(fetch().status, Status::no_room_for_download);
  EXPECT_TRUE(ranges.empty());
}

TEST_F(Downloads, OfWhatIsNotThereAreNotTriedAgain) {
  const DownloadResult result = fetch("/nothing");
  EXPECT_EQ(result.status, Status::server_error);
  EXPECT_EQ(result.requests, 1);
}

}  // namespace
}  // namespace romdelta::ota
