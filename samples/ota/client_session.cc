#include "samples/ota/client_session.h"

#include <algorithm>

namespace romdelta::ota {
namespace {

// A large object of limits::object_bytes in the smallest messages that make sense.
constexpr std::uint32_t kMessagesMax = 100'000;
// Once more after a challenge; then somebody else is speaking.
constexpr int kServerFailuresMax = 2;
// Room in a message for what comes beside a list of results.
constexpr std::size_t kResultsShare = 2;

namespace alert_code {
constexpr int display = 1100;
constexpr int confirm = 1101;
}  // namespace alert_code
constexpr int kDeclined = 304;  // NotModified: how a user's no is answered.

}  // namespace

ClientSession::ClientSession(const Account& account, std::string device_id, romdelta_dm* dm,
                             DmTree* tree, const Start& start, Ask ask)
    : account_(account),
      device_id_(std::move(device_id)),
      dm_(dm),
      tree_(tree),
      start_(start),
      ask_(std::move(ask)),
      prover_(account.client),
      verifier_(account.server),
      outbox_(account.message_bytes_max),
      told_nonce_(account.server.nonce),
      confirmed_nonce_(account.server.nonce) {}

Envelope ClientSession::begin() {
  queue_package_1();
  return send();
}

void ClientSession::queue_package_1() {
  outbox_.push(make_alert(start_.from_server ? alert::server_session : alert::client_session));
  outbox_.push(tree_->device_info());
  romdelta_dm_alert pending{};
  const std::string& server_id = account_.server.name;
  while (romdelta_dm_next_alert(dm_, server_id.c_str(), pending.number, &pending)) {
    Command command = make_alert(alert::generic);
    if (pending.has_correlator) command.correlator = pending.correlator;
    Item item;
    item.source = pending.source_uri;
    item.meta.format = pending.format;
    item.meta.type = pending.type;
    item.meta.mark = pending.mark;
    item.data = pending.data;
    command.items.push_back(item);
    // Not sent: seal() remembers by it what the server's Status will refer to.
    command.message_ref = std::to_string(pending.number);
    outbox_.push(command);
  }
}

Envelope ClientSession::send() {
  last_ = {};
  last_.session_id = session_id_text(start_.session_id);
  last_.message_id = std::to_string(message_id_ + 1);
  last_.target = account_.server_url;
  last_.source = device_id_;
  last_.meta.max_msg_size = account_.message_bytes_max;
  last_.meta.max_obj_size = limits::object_bytes;
  prover_.sign(&last_);
  if (header_status_) {
    header_status_->id = 1;
    told_nonce_ = verifier_.nonce();
    last_.commands.push_back(*header_status_);
    header_status_.reset();
  }
  outbox_.fill(&last_);
  return seal();
}

// The last message, with a number and credentials of its own.
Envelope ClientSession::seal() {
  last_.message_id = std::to_string(++message_id_);
  last_.credential.reset();
  prover_.sign(&last_);
  Message message = last_;
  for (Command& command : message.commands) {
    if (command.verb != Verb::alert || command.message_ref.empty()) continue;
    alerts_[message.message_id + '/' + std::to_string(command.id)] =
        static_cast<std::uint32_t>(std::stoul(command.message_ref));
    command.message_ref.clear();
  }
  Envelope envelope;
  envelope.body = encode(message, account_.encoding);
  envelope.hmac_header = prover_.hmac_header(envelope.body);
  return envelope;
}

std::optional<Envelope> ClientSession::stop(End end, const std::string& text) {
  tree_->drop_object();
  end_ = end;
  text_ = text;
  return std::nullopt;
}

std::optional<Envelope> ClientSession::answer(const Envelope& received) {
  const Message message = decode(received.body, account_.encoding);
  if (!check_header(message)) {
    return stop(End::aborted, "the server's message belongs to another session");
  }
  if (message_id_ >= kMessagesMax) return stop(End::aborted, "the session does not end");
  const auto ours = read_header_status(message);
  if (!ours) return stop(End::aborted, "the server does not say what became of our message");
  confirmed_nonce_ = told_nonce_;
  if (*ours == Prover::Answer::refused) {
    return stop(End::refused, "the server does not believe who we are");
  }
  if (message.meta.max_msg_size) {
    outbox_.set_message_bytes_max(
        std::clamp<std::size_t>(*message.meta.max_msg_size, 2048, account_.message_bytes_max));
  }
  // The server has done nothing of the message; it comes again with the new nonce.
  if (*ours == Prover::Answer::repeat) return seal();
  Command header_status = make_status(message, "0", "SyncHdr", status::ok);
  header_status.target_refs = {message.target};
  header_status.source_refs = {message.source};
  header_status.code =
      verifier_.check(message, received.body, received.hmac_header, &header_status);
  header_status_ = header_status;
  if (!verifier_.is_authenticated()) {
    if (++server_failures_ == kServerFailuresMax) {
      return stop(End::refused, "the server does not prove who it is");
    }
    refuse_all(message, header_status.code);
    return send();
  }
  read_statuses(message);
  execute_all(message);
  if (end_ != End::none) return std::nullopt;
  if (!message.final) outbox_.push(make_alert(alert::next_message));
  if (outbox_.empty()) return stop(End::done, "the session is over");
  return send();
}

bool ClientSession::check_header(const Message& message) {
  return message.version_protocol == "DM/1.2" &&
         message.session_id == session_id_text(start_.session_id);
}

std::optional<Prover::Answer> ClientSession::read_header_status(const Message& message) {
  for (const Command& command : message.commands) {
    if (command.verb != Verb::status || command.command_name != "SyncHdr") continue;
    if (command.message_ref != std::to_string(message_id_)) continue;
    return prover_.on_status(command);
  }
  return std::nullopt;
}

void ClientSession::read_statuses(const Message& message) {
  for (const Command& command : message.commands) {
    if (command.verb != Verb::status) continue;
    const auto found = alerts_.find(command.message_ref + '/' + command.command_ref);
    if (found == alerts_.end()) continue;
    // A failure to write it down leaves the alert where it is: it is sent again.
    (void)romdelta_dm_alert_answered(dm_, found->second,
                                     static_cast<romdelta_dm_answer>(command.code));
    alerts_.erase(found);
  }
}

void ClientSession::refuse_all(const Message& message, int code) {
  for (const Command& command : message.commands) {
    if (command.verb != Verb::status) queue_status(message, command, nullptr, code);
  }
}

void ClientSession::execute_all(const Message& message) {
  may_execute_ = true;
  for (const Command& command : message.commands) {
    if (command.verb == Verb::status) continue;
    if (tree_->is_inside_object() && command.verb != Verb::add && command.verb != Verb::replace &&
        command.verb != Verb::alert) {
      tree_->drop_object();
      outbox_.push(make_alert(alert::no_end_of_data));
    }
    execute(message, command);
    if (end_ != End::none) return;
  }
}

int ClientSession::execute(const Message& message, const Command& command) {
  if (!may_execute_) {
    queue_status(message, command, nullptr, status::not_executed);
    return status::not_executed;
  }
  switch (command.verb) {
    case Verb::alert: {
      const int code = execute_alert(command);
      queue_status(message, command, nullptr, code);
      return code;
    }
    case Verb::sequence: return execute_sequence(message, command);
    case Verb::add:
    case Verb::replace:
    case Verb::remove:
    case Verb::exec:
    case Verb::get: break;
    case Verb::atomic:
    case Verb::copy:
    case Verb::results:
    case Verb::status:
      queue_status(message, command, nullptr, status::optional_feature);
      return status::optional_feature;
  }
  if (command.items.empty()) {
    queue_status(message, command, nullptr, status::incomplete);
    return status::incomplete;
  }
  int worst = status::ok;
  for (const Item& item : command.items) {
    worst = std::max(worst, execute_item(message, command, item));
  }
  return worst;
}

int ClientSession::execute_item(const Message& message, const Command& command, const Item& item) {
  const std::string& server_id = account_.server.name;
  std::vector<Item> results;
  int code = status::failed;
  // The meta of a command stands for its items, too.
  Item complete = item;
  if (complete.meta.format.empty()) complete.meta.format = command.meta.format;
  switch (command.verb) {
    case Verb::add: code = tree_->add(server_id, complete); break;
    case Verb::replace: code = tree_->replace(server_id, complete); break;
    case Verb::remove: code = tree_->remove(server_id, complete); break;
    case Verb::exec: code = tree_->exec(server_id, complete, command.correlator); break;
    default: code = tree_->get(server_id, item.target, &results); break;
  }
  queue_status(message, command, &item, code);
  if (code == status::ok && command.verb == Verb::get) {
    queue_results(message, command, item.target, results);
  }
  return code;
}

int ClientSession::execute_sequence(const Message& message, const Command& command) {
  queue_status(message, command, nullptr, status::ok);
  for (const Command& child : command.commands) execute(message, child);
  // A no holds for what stands in the same sequence.
  may_execute_ = true;
  return status::ok;
}

int ClientSession::execute_alert(const Command& command) {
  switch (command.code) {
    case alert::next_message: return status::ok;
    case alert::abort_session:
      stop(End::aborted, "the server broke the session off");
      return status::ok;
    case alert_code::display:
    case alert_code::confirm: break;
    default: return status::optional_feature;
  }
  if (!ask_) return status::optional_feature;
  // The first item has options, the second the text.
  const std::string text =
      command.items.size() > 1 ? command.items[1].data.value_or("") : std::string();
  const bool agreed = ask_(text, command.code == alert_code::confirm);
  may_execute_ = agreed || command.code == alert_code::display;
  return may_execute_ ? status::ok : kDeclined;
}

void ClientSession::queue_status(const Message& message, const Command& command, const Item* item,
                                 int code) {
  Command answer = make_status(message, command, code);
  if (item != nullptr && !item->target.empty()) answer.target_refs = {item->target};
  outbox_.push(answer);
}

void ClientSession::queue_results(const Message& message, const Command& command,
                                  const std::string& uri, const std::vector<Item>& items) {
  Command results;
  results.verb = Verb::results;
  results.message_ref = message.message_id;
  results.command_ref = std::to_string(command.id);
  if (uri.find('?') != std::string::npos) results.target_refs = {uri};
  std::size_t bytes = 0;
  for (const Item& item : items) {
    const std::size_t item_bytes = 200 + item.source.size() + item.data.value_or("").size();
    if (!results.items.empty() && bytes + item_bytes > account_.message_bytes_max / kResultsShare) {
      outbox_.push(results);
      results.items.clear();
      bytes = 0;
    }
    results.items.push_back(item);
    bytes += item_bytes;
  }
  outbox_.push(results);
}

}  // namespace romdelta::ota
