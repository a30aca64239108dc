// ServerSession: the server's side of one DM session with one device, message by message. Like
// ClientSession it knows nothing of HTTP.
#pragma once

#include <map>
#include <string>

#include "samples/ota/auth.h"
#include "samples/ota/campaign.h"
#include "samples/ota/outbox.h"
#include "samples/ota/wbxml_codec.h"

namespace romdelta::ota {

class ServerSession {
 public:
  // `campaign` outlives the session, and is for this session alone. The nonces of `device` are
  // those of the last session.
  ServerSession(std::string server_url, const DeviceAccount& device, Campaign* campaign,
                std::string session_id);

  // What to answer to a message of this session, which `received` holds encoded.
  Message answer(const Message& message, const Envelope& received);
  // Encodes the answer; with HMAC its header depends on the bytes.
  Envelope seal(const Message& answer, Encoding encoding) const;

  const std::string& session_id() const { return session_id_; }
  bool is_authenticated() const { return verifier_.is_authenticated(); }
  const std::string& client_nonce() const { return verifier_.nonce(); }
  const std::string& server_nonce() const { return prover_.nonce(); }

 private:
  struct Sent {
    Verb verb;
    std::string target;
    bool is_piece;  // Of a large object.
  };

  void fill(Message* answer);
  void take_statuses(const Message& message);
  void take_commands(const Message& message);
  int take(Command command);
  void refuse_all(const Message& message, int code);

  std::string server_url_;
  std::string device_id_;
  Campaign* campaign_;
  std::string session_id_;
  Verifier verifier_;
  Prover prover_;
  Outbox outbox_;
  Inbox inbox_;
  std::uint32_t message_id_ = 0;
  Message last_;
  std::map<std::string, Sent> sent_;  // "MsgID/CmdID" -> what it was.
};

}  // namespace romdelta::ota
