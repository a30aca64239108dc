#include "samples/ota/message.h"

namespace romdelta::ota {

const char* to_string(Verb verb) {
  switch (verb) {
    case Verb::add: return "Add";
    case Verb::alert: return "Alert";
    case Verb::atomic: return "Atomic";
    case Verb::copy: return "Copy";
    case Verb::remove: return "Delete";
    case Verb::exec: return "Exec";
    case Verb::get: return "Get";
    case Verb::replace: return "Replace";
    case Verb::results: return "Results";
    case Verb::sequence: return "Sequence";
    case Verb::status: return "Status";
  }
  return "";
}

Command make_status(const Message& answered, const std::string& command_ref,
                    const std::string& command_name, int code) {
  Command command;
  command.verb = Verb::status;
  command.message_ref = answered.message_id;
  command.command_ref = command_ref;
  command.command_name = command_name;
  command.code = code;
  return command;
}

Command make_status(const Message& answered, const Command& command, int code) {
  return make_status(answered, std::to_string(command.id), to_string(command.verb), code);
}

Command make_alert(int code) {
  Command command;
  command.verb = Verb::alert;
  command.code = code;
  return command;
}

Item make_value(const std::string& target, const std::string& format, const std::string& data) {
  Item item;
  item.target = target;
  item.meta.format = format;
  if (format != "node") item.meta.type = "text/plain";
  item.data = data;
  return item;
}

}  // namespace romdelta::ota
