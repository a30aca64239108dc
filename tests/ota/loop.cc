#include "tests/ota/loop.h"

#include <stdlib.h>

#include <fstream>
#include <stdexcept>

namespace romdelta::ota {
namespace {

constexpr int kMessagesMax = 5000;

DeviceFacts facts() {
  return {.id = "IMEI:1",
          .manufacturer = "Example",
          .model = "x1",
          .language = "en",
          .hardware_version = "1",
          .software_version = "1"};
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "ota-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::vector<Command> commands_of(const std::vector<Message>& messages, Verb verb) {
  std::vector<Command> found;
  for (const Message& message : messages) {
    for (const Command& command : message.commands) {
      if (command.verb == verb) found.push_back(command);
    }
  }
  return found;
}

Loop::Loop(Encoding encoding) : tree(rig.dm.get(), facts()) {
  if (rig.restart() != Status::ok) throw std::runtime_error("the rig does not start");
  account.server_url = "http://server.example/dm";
  account.client = {AuthType::md5, "user", "client secret", "client nonce"};
  account.server = {AuthType::md5, rig.server, "server secret", "server nonce"};
  account.encoding = encoding;
  known = {facts().id, account.client, account.server, "", 0};
  record.id = known.id;
  record.client_nonce = account.client.nonce;
  record.server_nonce = account.server.nonce;
  std::filesystem::create_directories(folder_.path("packages"));
  config.catalog = folder_.path("packages");
  config.packages_url = "http://packages.example/";
  config.pkgtool = folder_.path("pkgtool");
  config.release = "2.0";
  config.wanted = {{"com.example.app", "2.0"}};
  offer_nothing("nothing is on the shelf");
}

void Loop::offer(const std::string& file) {
  const std::string rounds = file.empty() ? "" : "[\"/shelf/" + file + "\"]";
  write_file(config.pkgtool,
             "#!/bin/sh\ncat <<END\n{\"schema\": 1, \"reached\": true, "
             "\"packages\": [], \"rounds\": [" +
                 rounds + "]}\nEND\n");
  std::filesystem::permissions(config.pkgtool, std::filesystem::perms::owner_all);
}

void Loop::offer_nothing(const std::string& reason) {
  write_file(config.pkgtool,
             "#!/bin/sh\ncat <<END\n{\"schema\": 1, \"reached\": false, "
             "\"packages\": [{\"reasons\": [\"" +
                 reason + "\"]}]}\nEND\nexit 1\n");
  std::filesystem::permissions(config.pkgtool, std::filesystem::perms::owner_all);
}

ClientSession::End Loop::hold_session(bool is_from_server) {
  if (!shelf_) shelf_ = std::make_unique<Shelf>(config, folder_.path("work"));
  from_client.clear();
  from_server.clear();
  Campaign campaign(config, *shelf_, &record, now_s);
  DeviceAccount known_now = known;
  known_now.client.nonce = record.client_nonce;
  known_now.server.nonce = record.server_nonce;
  ServerSession server(account.server_url, known_now, &campaign, "1");
  ClientSession client(account, known.id, rig.dm.get(), &tree, {1, is_from_server});
  std::optional<Envelope> envelope = client.begin();
  for (int i = 0; envelope; ++i) {
    if (i == kMessagesMax) throw std::runtime_error("the session does not end");
    from_client.push_back(decode(envelope->body, account.encoding));
    Message answer = server.answer(from_client.back(), *envelope);
    if (tamper) tamper(&answer);
    const Envelope reply = server.seal(answer, account.encoding);
    from_server.push_back(decode(reply.body, account.encoding));
    envelope = client.answer(reply);
  }
  account.client.nonce = client.client_nonce();
  account.server.nonce = client.server_nonce();
  record.client_nonce = server.client_nonce();
  record.server_nonce = server.server_nonce();
  return client.end();
}

}  // namespace romdelta::ota
