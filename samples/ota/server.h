// Server: the DM server of the sample. HTTP in front, one record and at most one session for each
// device behind, and a thread that sends notifications to devices that have work to do.
//
//   POST /dm             SyncML messages, as XML or WBXML
//   GET  /               the page of devices, states and results
//   GET  /devices.json   the same for programs
//
// One lock around everything: this is a sample for dozens of devices, not for millions.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "samples/ota/campaign.h"
#include "samples/ota/device_record.h"
#include "samples/ota/message_log.h"
#include "samples/ota/server_config.h"
#include "samples/ota/server_session.h"
#include "samples/ota/shelf.h"

namespace romdelta::ota {

class Server {
 public:
  // Throws cli::Error.
  explicit Server(const ServerConfig& config);
  ~Server();

  // Answers one message. Throws cli::Error (bad_input) for what is no message, or of no device that
  // is known.
  Envelope answer(const Envelope& received, Encoding encoding);
  // Sends a notification to each device that has work to do and was not called lately.
  void notify();

  std::string page();
  std::string json();

  // Listens until a signal says to stop. Throws cli::Error (io) when the port cannot be had.
  void run();

 private:
  struct Client {
    DeviceAccount account;
    DeviceRecord record;
    std::unique_ptr<Campaign> campaign;
    std::unique_ptr<ServerSession> session;
    std::unique_ptr<MessageLog> log;
    std::uint64_t called_s = 0;
  };

  // Copies of all records, in the order of ids.
  std::vector<DeviceRecord> records();
  Client& client_of(const Message& message);
  void begin_session(Client* client, const std::string& session_id);

  ServerConfig config_;
  Shelf shelf_;
  std::mutex mutex_;
  std::map<std::string, Client> clients_;  // By device id.
};

}  // namespace romdelta::ota
