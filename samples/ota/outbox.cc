#include "samples/ota/outbox.h"

#include <algorithm>

#include "installer/cli/error.h"
#include "samples/ota/auth.h"
#include "samples/ota/xml_codec.h"

namespace romdelta::ota {
namespace {

// Never worth a message of its own.
constexpr std::size_t kPieceBytesMin = 64;
// What MoreData and Size add to an item.
constexpr std::size_t kPieceOverheadBytes = 80;
// <Final/>, which takes its place, too.
constexpr std::size_t kFinalBytes = 16;

bool is_large_object(const Command& command) {
  return (command.verb == Verb::add || command.verb == Verb::replace ||
          command.verb == Verb::results) &&
         command.items.size() == 1 && command.items[0].data;
}

// The size of a value, wherever it is announced: of the bytes that base64 stands for.
std::size_t object_bytes(const Item& item) {
  if (item.meta.format != "b64") return item.data->size();
  const std::optional<std::string> bytes = base64_decoded(*item.data);
  return bytes ? bytes->size() : item.data->size();
}

// Characters of text that may not stand in XML as they are take up to six bytes.
std::size_t piece_bytes(const std::string& data, bool is_base64, std::size_t room) {
  // Each piece of base64 can be decoded alone.
  if (is_base64) return std::min(data.size(), room) / 4 * 4;
  std::size_t used = 0;
  std::size_t count = 0;
  for (; count < data.size(); ++count) {
    const char c = data[count];
    used += c == '&' || c == '<' || c == '>' || c == '"' ? 6 : 1;
    if (used > room) break;
  }
  // Not inside a character of UTF-8.
  while (count > 0 && count < data.size() &&
         (static_cast<unsigned char>(data[count]) & 0xC0) == 0x80) {
    --count;
  }
  return count;
}

}  // namespace

void Outbox::push(Command command) {
  if (has_rest_ && command.verb == Verb::status) {
    commands_.insert(commands_.begin() + static_cast<std::ptrdiff_t>(statuses_++),
                     std::move(command));
  } else {
    commands_.push_back(std::move(command));
  }
}

void Outbox::clear() {
  commands_.clear();
  inside_object_ = has_rest_ = false;
  statuses_ = 0;
}

bool Outbox::is_idle() const {
  return !inside_object_ && std::all_of(commands_.begin(), commands_.end(), [](const Command& c) {
    return c.verb == Verb::status || c.verb == Verb::alert;
  });
}

void Outbox::fill(Message* message) {
  std::size_t used = encode_xml(*message).size();
  bool is_full = false;
  std::size_t added = 0;
  while (!commands_.empty() && !is_full) {
    commands_.front().id = static_cast<std::uint32_t>(message->commands.size()) + 1;
    const std::size_t bytes = xml_bytes(commands_.front());
    const std::size_t room = message_bytes_max_ > used ? message_bytes_max_ - used : 0;
    if (bytes + kFinalBytes > room) {
      is_full = put_piece(message, room) || added > 0;
      if (is_full) break;
      throw cli::Error(cli::Exit::internal, "a command does not fit into a message",
                       to_string(commands_.front().verb), "raise MaxMsgSize");
    }
    used += bytes;
    ++added;
    if (commands_.front().verb != Verb::status) inside_object_ = false;
    message->commands.push_back(std::move(commands_.front()));
    commands_.pop_front();
  }
  message->final = !is_full;
  has_rest_ = is_full;
  statuses_ = 0;
}

// True when the message got a piece; it is full then.
bool Outbox::put_piece(Message* message, std::size_t room) {
  Command& command = commands_.front();
  if (!is_large_object(command)) return false;
  Item& item = command.items[0];
  Command piece = command;
  piece.items[0].data = "";
  const std::size_t overhead = xml_bytes(piece) + kPieceOverheadBytes;
  if (room < overhead + kPieceBytesMin) return false;
  const std::size_t count = piece_bytes(*item.data, item.meta.format == "b64", room - overhead);
  if (count == 0) return false;
  if (!inside_object_) piece.items[0].meta.size = object_bytes(item);
  piece.items[0].data = item.data->substr(0, count);
  piece.items[0].more_data = true;
  item.data->erase(0, count);
  item.meta.size.reset();
  inside_object_ = true;
  message->commands.push_back(std::move(piece));
  return true;
}

Inbox::State Inbox::take(Command* command) {
  if (command->items.size() != 1) return State::complete;
  Item& item = command->items[0];
  const std::string& name = item.target.empty() ? item.source : item.target;
  if (!target_) {
    if (!item.more_data) return State::complete;
    target_ = name;
    announced_bytes_ = item.meta.size.value_or(0);
    format_ = item.meta.format;
    data_.clear();
  }
  data_ += item.data.value_or("");
  if (data_.size() > limits::object_bytes || announced_bytes_ > limits::object_bytes) {
    target_.reset();
    data_ = {};
    return State::too_large;
  }
  if (item.more_data) return State::piece;
  target_.reset();
  item.data = std::move(data_);
  item.meta.format = format_;
  data_ = {};
  return object_bytes(item) == announced_bytes_ ? State::complete : State::bad_size;
}

bool Inbox::is_interrupted_by(const Command& command) {
  if (!target_ || command.verb == Verb::status || command.verb == Verb::alert) return false;
  const bool goes_on = command.items.size() == 1 &&
                       (command.items[0].target.empty() ? command.items[0].source
                                                        : command.items[0].target) == *target_;
  if (goes_on) return false;
  target_.reset();
  data_ = {};
  return true;
}

}  // namespace romdelta::ota
