// Outbox and Inbox: what one side wants to say, cut into messages that the other can take, and
// values that arrive in pieces put together again (large objects).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "samples/ota/message.h"

namespace romdelta::ota {

class Outbox {
 public:
  // `message_bytes_max`: of the message as XML, with its header.
  explicit Outbox(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  void set_message_bytes_max(std::size_t bytes) { message_bytes_max_ = bytes; }
  // A Status overtakes what the last message had no room for.
  void push(Command command);
  void clear();
  bool empty() const { return commands_.empty(); }
  // True when everything that is left is the answer to what just came: statuses.
  bool is_idle() const;
  // True while the rest of a large object is due: nothing else may come before it.
  bool is_inside_object() const { return inside_object_; }

  // Moves as much as fits into the message, numbers its commands and sets Final with the last. A
  // value that does not fit is sent in pieces, one a message, in a command of one item. Throws
  // cli::Error (internal) for a command that fits into no message.
  void fill(Message* message);

 private:
  bool put_piece(Message* message, std::size_t room);

  std::size_t message_bytes_max_;
  std::deque<Command> commands_;
  bool inside_object_ = false;
  bool has_rest_ = false;     // Of the last message,
  std::size_t statuses_ = 0;  // and so many statuses before it.
};

class Inbox {
 public:
  enum class State {
    complete,   // The command can be executed; its item holds the whole value.
    piece,      // Answer 213 and ask for the next message (1222).
    bad_size,   // 424: the pieces are not as large as the first one said.
    too_large,  // 413
  };

  // Takes a command of one item, or of several that are whole.
  State take(Command* command);
  // The object that is not complete yet, when `command` does not go on with it: 1225. It is
  // forgotten.
  bool is_interrupted_by(const Command& command);
  bool is_inside_object() const { return target_.has_value(); }

 private:
  std::optional<std::string> target_;
  std::uint64_t announced_bytes_ = 0;
  std::string format_;
  std::string data_;
};

}  // namespace romdelta::ota
