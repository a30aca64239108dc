// Both sides of DM sessions in one process: a device in memory (DmRig), a server with a shelf that
// a script stands in for, and the messages between them, encoded and decoded on the way.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "samples/ota/campaign.h"
#include "samples/ota/client_session.h"
#include "samples/ota/server_session.h"
#include "tests/support/dm_rig.h"

namespace romdelta::ota {

// A folder that is gone afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

void write_file(const std::string& path, const std::string& content);

// Every command of the messages, in order.
std::vector<Command> commands_of(const std::vector<Message>& messages, Verb verb);

class Loop {
 public:
  explicit Loop(Encoding encoding = Encoding::xml);

  // What `pkgtool select` says from now on: the package to send, or none.
  void offer(const std::string& file);
  void offer_nothing(const std::string& reason);

  // A session, from the device's call to its end. Returns how the device saw it end.
  ClientSession::End hold_session(bool from_server = false);

  Account account;      // The device's.
  DeviceAccount known;  // The server's.
  CampaignConfig config;
  DeviceRecord record;
  test::DmRig rig;
  DmTree tree;
  std::uint64_t now_s = 1'000'000;
  // The messages of the last session.
  std::vector<Message> from_client;
  std::vector<Message> from_server;
  // May change a message of the server on its way.
  std::function<void(Message*)> tamper;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Shelf> shelf_;
};

}  // namespace romdelta::ota
