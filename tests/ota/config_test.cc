// device.toml and server.toml: the examples of the README, and what is wrong with others.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "installer/cli/error.h"
#include "samples/ota/device_config.h"
#include "samples/ota/push_listener.h"
#include "samples/ota/server_config.h"
#include "tests/ota/loop.h"

namespace romdelta::ota {
namespace {

// The example that begins with this line.
std::string example(const std::string& first_line) {
  std::ifstream file(ROMDELTA_OTA_README);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = text.find("```toml\n" + first_line);
  if (begin == std::string::npos) throw std::runtime_error("no example: " + first_line);
  const std::size_t content = text.find('\n', begin) + 1;
  return text.substr(content, text.find("```", content) - content);
}

template <typename Reader>
std::string error_of(Reader reader, const std::string& text) {
  TemporaryFolder folder;
  write_file(folder.path("x.toml"), text);
  try {
    (void)reader(folder.path("x.toml"));
  } catch (const cli::Error& error) {
    return std::string(error.what()) + error.where();
  }
  return {};
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(DeviceToml, OfTheReadmeIsRead) {
  TemporaryFolder folder;
  write_file(folder.path("device.toml"), example("# device.toml"));
  const DeviceConfig config = read_device_config(folder.path("device.toml"));
  EXPECT_EQ(config.facts.id, "IMEI:350000000000001");
  EXPECT_EQ(config.push_port, 2948);
  EXPECT_EQ(config.account.server.name, "dm.example.com");
  EXPECT_EQ(config.account.client.name, "alice");
  EXPECT_EQ(config.rom_path, folder.path("ROM.toml"));
  EXPECT_EQ(config.space_bytes_max, 100'000'000U);
  EXPECT_EQ(config.user_mode, UserMode::server);
}

TEST(DeviceToml, SaysWhatIsWrong) {
  const std::string good = example("# device.toml");
  const auto error = [&](const std::string& what, const std::string& by) {
    return error_of(&read_device_config, replaced(good, what, by));
  };
  EXPECT_EQ(error_of(&read_device_config, good), "");
  EXPECT_NE(error("\"md5\"", "\"md6\"").find("'md6' is not basic, md5 or hmac"), std::string::npos);
  EXPECT_NE(error("\"xml\"", "\"json\"").find("neither xml nor wbxml"), std::string::npos);
  EXPECT_NE(error("127.0.0.1:2948", "127.0.0.1").find("not HOST:PORT"), std::string::npos);
  EXPECT_NE(error("mode = \"server\"", "mode = \"loud\"").find("'loud'"), std::string::npos);
  EXPECT_NE(error("attempts = 6", "attempts = 0").find("not from 1"), std::string::npos);
  EXPECT_NE(error("postpone_s", "postpone_h").find("postpone_h"), std::string::npos);
}

TEST(ServerToml, OfTheReadmeIsRead) {
  TemporaryFolder folder;
  write_file(folder.path("server.toml"), example("# server.toml"));
  const ServerConfig config = read_server_config(folder.path("server.toml"));
  EXPECT_EQ(config.port, 8080);
  EXPECT_EQ(config.campaign.wanted.at("com.example.kernel"), "2.0");
  ASSERT_EQ(config.devices.size(), 1U);
  EXPECT_EQ(config.devices[0].server.name, "dm.example.com");
}

TEST(ServerToml, SaysWhatIsWrong) {
  const std::string good = example("# server.toml");
  const auto error = [&](const std::string& what, const std::string& by) {
    return error_of(&read_server_config, replaced(good, what, by));
  };
  EXPECT_EQ(error_of(&read_server_config, good), "");
  EXPECT_NE(error("\"2.0\"\n\n[[device]]", "2\n\n[[device]]").find("PACKAGE_ID"),
            std::string::npos);
  EXPECT_NE(error("\"download_and_update\"", "\"mail\"").find("'mail'"), std::string::npos);
  EXPECT_NE(error("user = \"silent\"", "user = \"loud\"").find("'loud'"), std::string::npos);
  EXPECT_NE(error_of(&read_server_config, good + good.substr(good.find("[[device]]")))
                .find("two devices of this id"),
            std::string::npos);
}

TEST(Address, IsHostAndPort) {
  std::string host;
  std::uint16_t port = 0;
  parse_host_and_port("127.0.0.1:80", "here", &host, &port);
  EXPECT_EQ(host, "127.0.0.1");
  EXPECT_EQ(port, 80);
  for (const char* text : {"", ":", "x", "x:", ":80", "x:0", "x:65536", "x:80x", "x:-1"}) {
    EXPECT_THROW(parse_host_and_port(text, "here", &host, &port), cli::Error) << text;
  }
}

}  // namespace
}  // namespace romdelta::ota
