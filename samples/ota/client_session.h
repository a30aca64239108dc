// ClientSession: the device's side of one DM session, message by message. It knows nothing of HTTP:
// whoever drives it carries bytes.
//
//   message = session.begin();
//   while (message) { send it; message = session.answer(what came back); }
//
// Package 1 (credentials, alert 1200 or 1201, final alerts, DevInfo) -> statuses and commands of
// the server -> their statuses and results -> ... until the server has nothing more to say.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "samples/ota/auth.h"
#include "samples/ota/dm_tree.h"
#include "samples/ota/notification.h"
#include "samples/ota/outbox.h"
#include "samples/ota/wbxml_codec.h"

namespace romdelta::ota {

// The device's account at a server (DMAcc).
struct Account {
  std::string server_url;
  Identity client;  // Who we are.
  Identity server;  // Who the server is; its name is the server id.
  Encoding encoding = Encoding::xml;
  std::size_t message_bytes_max = 16384;  // What we take (MaxMsgSize).
};

class ClientSession {
 public:
  struct Start {
    std::uint16_t session_id = 1;
    bool from_server = false;  // A notification asked for it: 1200 instead of 1201.
  };
  enum class End {
    none,     // It goes on.
    done,     // The server has nothing more to say.
    refused,  // One side did not believe the other.
    aborted,  // The other side broke it off, or broke a rule.
  };
  // Alert 1100 and 1101: shows a text; returns whether the user agrees.
  using Ask = std::function<bool(const std::string& text, bool is_question)>;

  // Requires: `dm` and `tree` outlive the session. `tree` is that of `dm`.
  ClientSession(const Account& account, std::string device_id, romdelta_dm* dm, DmTree* tree,
                const Start& start, Ask ask = {});

  Envelope begin();
  // Throws cli::Error (bad_input) for what is no message. nullopt: the session has ended, and end()
  // says how.
  std::optional<Envelope> answer(const Envelope& received);

  End end() const { return end_; }
  const std::string& text() const { return text_; }  // Why it ended.
  // To be kept for the next session and the next notification.
  const std::string& client_nonce() const { return prover_.nonce(); }
  const std::string& server_nonce() const { return told_nonce_; }
  // The one before, as long as the server has not shown that it got the newest; else the same.
  const std::string& server_nonce_before() const { return confirmed_nonce_; }

 private:
  Envelope send();
  Envelope seal();
  std::optional<Envelope> stop(End end, const std::string& text);
  bool check_header(const Message& message);
  std::optional<Prover::Answer> read_header_status(const Message& message);
  void queue_package_1();
  void read_statuses(const Message& message);
  void refuse_all(const Message& message, int code);
  void execute_all(const Message& message);
  int execute(const Message& message, const Command& command);
  int execute_alert(const Command& command);
  int execute_sequence(const Message& message, const Command& command);
  int execute_item(const Message& message, const Command& command, const Item& item);
  void queue_status(const Message& message, const Command& command, const Item* item, int code);
  void queue_results(const Message& message, const Command& command, const std::string& uri,
                     const std::vector<Item>& items);

  Account account_;
  std::string device_id_;
  romdelta_dm* dm_;
  DmTree* tree_;
  Start start_;
  Ask ask_;
  Prover prover_;
  Verifier verifier_;
  Outbox outbox_;
  std::uint32_t message_id_ = 0;
  std::optional<Command> header_status_;         // For the server's message that is being answered.
  Message last_;                                 // As it was sent, for sending it again.
  std::map<std::string, std::uint32_t> alerts_;  // "MsgID/CmdID" -> number of the adapter's alert.
  std::string told_nonce_;                       // The server's, as far as it has been told,
  std::string confirmed_nonce_;                  // and as far as it has answered since.
  int server_failures_ = 0;
  bool may_execute_ = true;  // False after a user declined: what follows is not executed.
  End end_ = End::none;
  std::string text_;
};

}  // namespace romdelta::ota
