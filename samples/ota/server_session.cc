#include "samples/ota/server_session.h"

#include <algorithm>

#include "samples/ota/xml_codec.h"

namespace romdelta::ota {
namespace {

// What a device takes that does not say (MaxMsgSize), and the least that makes sense.
constexpr std::size_t kMessageBytes = 8192;
constexpr std::size_t kMessageBytesMin = 2048;

}  // namespace

ServerSession::ServerSession(std::string server_url, const DeviceAccount& device,
                             Campaign* campaign, std::string session_id)
    : server_url_(std::move(server_url)),
      device_id_(device.id),
      campaign_(campaign),
      session_id_(std::move(session_id)),
      verifier_(device.client),
      prover_(device.server),
      outbox_(kMessageBytes) {}

Message ServerSession::answer(const Message& message, const Envelope& received) {
  Message answer;
  answer.session_id = session_id_;
  answer.message_id = std::to_string(++message_id_);
  answer.target = message.source;
  answer.source = server_url_;
  if (message.meta.max_msg_size) {
    outbox_.set_message_bytes_max(std::clamp<std::size_t>(*message.meta.max_msg_size,
                                                          kMessageBytesMin, limits::message_bytes));
  }
  Command header_status = make_status(message, "0", "SyncHdr", status::ok);
  header_status.code =
      verifier_.check(message, received.body, received.hmac_header, &header_status);
  header_status.id = 1;
  answer.commands.push_back(header_status);
  prover_.sign(&answer);
  if (!verifier_.is_authenticated()) {
    // Statuses only, until the device has proved who it is.
    outbox_.clear();
    refuse_all(message, header_status.code);
    outbox_.fill(&answer);
    return answer;
  }
  Prover::Answer ours = Prover::Answer::accepted;
  for (const Command& command : message.commands) {
    if (command.verb == Verb::status && command.command_name == "SyncHdr") {
      ours = prover_.on_status(command);
    }
  }
  if (ours != Prover::Answer::accepted) {
    // The device did none of our commands: once more, with the nonce that it gave.
    answer.credential.reset();
    prover_.sign(&answer);
    if (ours == Prover::Answer::repeat) {
      for (const Command& command : last_.commands) {
        if (command.verb != Verb::status) outbox_.push(command);
      }
    }
    fill(&answer);
    return answer;
  }
  answer.credential.reset();
  prover_.sign(&answer);
  take_statuses(message);
  take_commands(message);
  if (!message.final || inbox_.is_inside_object()) {
    outbox_.push(make_alert(alert::next_message));
  } else if (outbox_.is_idle()) {
    for (Command& command : campaign_->next()) outbox_.push(std::move(command));
  }
  fill(&answer);
  return answer;
}

void ServerSession::fill(Message* answer) {
  outbox_.fill(answer);
  last_ = *answer;
  for (const Command& command : answer->commands) {
    if (command.verb == Verb::status || command.items.empty()) continue;
    sent_[answer->message_id + '/' + std::to_string(command.id)] = {
        command.verb, command.items[0].target, command.items[0].more_data};
  }
}

Envelope ServerSession::seal(const Message& answer, Encoding encoding) const {
  Envelope envelope;
  envelope.body = encode(answer, encoding);
  envelope.hmac_header = prover_.hmac_header(envelope.body);
  return envelope;
}

void ServerSession::take_statuses(const Message& message) {
  for (const Command& command : message.commands) {
    if (command.verb != Verb::status) continue;
    const auto found = sent_.find(command.message_ref + '/' + command.command_ref);
    if (found == sent_.end()) continue;
    const std::string target =
        command.target_refs.empty() ? found->second.target : command.target_refs[0];
    const Sent sent = found->second;
    if (sent.is_piece) sent_.erase(found);
    if (command.code == status::chunk_accepted) continue;
    // The rest of a value that was refused is of no use.
    if (sent.is_piece) outbox_.clear();
    campaign_->on_status(sent.verb, target, command.code);
  }
}

void ServerSession::take_commands(const Message& message) {
  for (const Command& command : message.commands) {
    if (command.verb == Verb::status) continue;
    if (inbox_.is_interrupted_by(command)) outbox_.push(make_alert(alert::no_end_of_data));
    const int code = take(command);
    // Results get no Status, but pieces of them do.
    if (command.verb == Verb::results && code == status::ok) continue;
    outbox_.push(make_status(message, command, code));
  }
}

int ServerSession::take(Command command) {
  switch (inbox_.take(&command)) {
    case Inbox::State::complete: break;
    case Inbox::State::piece: return status::chunk_accepted;
    case Inbox::State::bad_size: return status::size_mismatch;
    case Inbox::State::too_large: return status::too_large;
  }
  switch (command.verb) {
    case Verb::alert:
      return command.code == alert::generic ? campaign_->on_alert(command) : status::ok;
    case Verb::replace:
      for (const Item& item : command.items) campaign_->on_device_info(item);
      return status::ok;
    case Verb::results:
      for (const Item& item : command.items) campaign_->on_result(item);
      return status::ok;
    default: break;
  }
  // A client may send nothing else.
  return status::not_allowed;
}

void ServerSession::refuse_all(const Message& message, int code) {
  for (const Command& command : message.commands) {
    if (command.verb != Verb::status && command.verb != Verb::results) {
      outbox_.push(make_status(message, command, code));
    }
  }
}

}  // namespace romdelta::ota
