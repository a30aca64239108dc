#include "samples/ota/xml_codec.h"

#include <charconv>
#include <cstring>
#include <pugixml.hpp>
#include <sstream>

#include "installer/cli/error.h"

namespace romdelta::ota {
namespace {

using cli::Error;
using cli::Exit;
using pugi::xml_node;

constexpr const char* kNamespace = "SYNCML:SYNCML1.2";
constexpr const char* kMetaNamespace = "syncml:metinf";

// Encoding.

void add_text(xml_node parent, const char* name, const std::string& text) {
  parent.append_child(name).append_child(pugi::node_pcdata).set_value(text.c_str());
}

void add_if(xml_node parent, const char* name, const std::string& text) {
  if (!text.empty()) add_text(parent, name, text);
}

void add_uri(xml_node parent, const char* name, const std::string& uri,
             const std::string& local_name = {}) {
  if (uri.empty()) return;
  xml_node node = parent.append_child(name);
  add_text(node, "LocURI", uri);
  add_if(node, "LocName", local_name);
}

void add_meta(xml_node parent, const Meta& meta) {
  if (meta.empty()) return;
  xml_node node = parent.append_child("Meta");
  const auto add = [&](const char* name, const std::string& text) {
    if (text.empty()) return;
    xml_node child = node.append_child(name);
    child.append_attribute("xmlns").set_value(kMetaNamespace);
    child.append_child(pugi::node_pcdata).set_value(text.c_str());
  };
  const auto add_number = [&](const char* name, const std::optional<std::uint64_t>& number) {
    if (number) add(name, std::to_string(*number));
  };
  add("Format", meta.format);
  add("Type", meta.type);
  add("Mark", meta.mark);
  add_number("Size", meta.size);
  add("NextNonce", meta.next_nonce);
  add_number("MaxMsgSize", meta.max_msg_size);
  add_number("MaxObjSize", meta.max_obj_size);
}

void add_credential(xml_node parent, const char* name,
                    const std::optional<Credential>& credential) {
  if (!credential) return;
  xml_node node = parent.append_child(name);
  add_meta(node, credential->meta);
  add_if(node, "Data", credential->data);
}

void add_item(xml_node parent, const Item& item) {
  xml_node node = parent.append_child("Item");
  add_uri(node, "Target", item.target);
  add_uri(node, "Source", item.source);
  add_meta(node, item.meta);
  if (item.data) add_text(node, "Data", *item.data);
  if (item.more_data) node.append_child("MoreData");
}

void add_command(xml_node parent, const Command& command) {
  xml_node node = parent.append_child(to_string(command.verb));
  add_text(node, "CmdID", std::to_string(command.id));
  add_if(node, "MsgRef", command.message_ref);
  add_if(node, "CmdRef", command.command_ref);
  add_if(node, "Cmd", command.command_name);
  for (const std::string& ref : command.target_refs) add_text(node, "TargetRef", ref);
  for (const std::string& ref : command.source_refs) add_text(node, "SourceRef", ref);
  add_credential(node, "Chal", command.challenge);
  if (command.verb == Verb::alert || command.verb == Verb::status) {
    add_text(node, "Data", std::to_string(command.code));
  }
  add_if(node, "Correlator", command.correlator);
  add_meta(node, command.meta);
  for (const Item& item : command.items) add_item(node, item);
  for (const Command& child : command.commands) add_command(node, child);
}

void add_header(xml_node parent, const Message& message) {
  xml_node node = parent.append_child("SyncHdr");
  add_text(node, "VerDTD", message.version_dtd);
  add_text(node, "VerProto", message.version_protocol);
  add_text(node, "SessionID", message.session_id);
  add_text(node, "MsgID", message.message_id);
  add_uri(node, "Target", message.target);
  add_uri(node, "Source", message.source, message.source_name);
  add_credential(node, "Cred", message.credential);
  add_meta(node, message.meta);
}

// Writes into a string; pugixml knows streams and files itself.
struct StringWriter : pugi::xml_writer {
  std::string text;
  void write(const void* data, std::size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
};

// Decoding.

[[noreturn]] void refuse(const std::string& what, const std::string& where) {
  throw Error(Exit::bad_input, what, where, "the sender must follow OMA DM 1.2");
}

// The path of an element, for errors.
std::string path_of(xml_node node) { return node.path('/'); }

// A name without its prefix.
const char* name_of(xml_node node) {
  const char* colon = std::strchr(node.name(), ':');
  return colon == nullptr ? node.name() : colon + 1;
}

bool is_named(xml_node node, const char* name) { return std::strcmp(name_of(node), name) == 0; }

xml_node child_of(xml_node parent, const char* name) {
  for (xml_node child : parent.children()) {
    if (child.type() == pugi::node_element && is_named(child, name)) return child;
  }
  return {};
}

// All the text of an element; CDATA sections come as pieces of it.
std::string text_of(xml_node node) {
  std::string text;
  for (xml_node child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
      text += child.value();
    }
  }
  return text;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string word_of(xml_node parent, const char* name) {
  return trimmed(text_of(child_of(parent, name)));
}

template <typename Number>
Number parse_number(xml_node node) {
  const std::string text = trimmed(text_of(node));
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    refuse("not a number: '" + text.substr(0, 40) + "'", path_of(node));
  }
  return number;
}

std::string uri_of(xml_node parent, const char* name) {
  return word_of(child_of(parent, name), "LocURI");
}

Meta decode_meta(xml_node parent) {
  Meta meta;
  const xml_node node = child_of(parent, "Meta");
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    const xml_node child = child_of(node, name);
    if (!child) return std::nullopt;
    return parse_number<std::uint64_t>(child);
  };
  meta.format = word_of(node, "Format");
  meta.type = word_of(node, "Type");
  meta.mark = word_of(node, "Mark");
  meta.next_nonce = word_of(node, "NextNonce");
  meta.size = number("Size");
  meta.max_msg_size = number("MaxMsgSize");
  meta.max_obj_size = number("MaxObjSize");
  return meta;
}

std::optional<Credential> decode_credential(xml_node parent, const char* name) {
  const xml_node node = child_of(parent, name);
  if (!node) return std::nullopt;
  return Credential{decode_meta(node), word_of(node, "Data")};
}

Item decode_item(xml_node node) {
  Item item;
  item.target = uri_of(node, "Target");
  item.source = uri_of(node, "Source");
  item.meta = decode_meta(node);
  if (const xml_node data = child_of(node, "Data")) item.data = text_of(data);
  item.more_data = !child_of(node, "MoreData").empty();
  return item;
}

std::optional<Verb> verb_of(xml_node node) {
  for (const Verb verb :
       {Verb::add, Verb::alert, Verb::atomic, Verb::copy, Verb::remove, Verb::exec, Verb::get,
        Verb::replace, Verb::results, Verb::sequence, Verb::status}) {
    if (is_named(node, to_string(verb))) return verb;
  }
  return std::nullopt;
}

class BodyDecoder {
 public:
  std::vector<Command> decode(xml_node parent, int depth) {
    if (depth > 2) refuse("commands inside commands inside commands", path_of(parent));
    std::vector<Command> commands;
    for (xml_node child : parent.children()) {
      if (const auto verb = verb_of(child)) commands.push_back(decode_command(child, *verb, depth));
    }
    return commands;
  }

 private:
  Command decode_command(xml_node node, Verb verb, int depth) {
    if (++count_ > limits::commands) refuse("too many commands in one message", path_of(node));
    Command command;
    command.verb = verb;
    const xml_node id = child_of(node, "CmdID");
    if (!id) refuse("a command without CmdID", path_of(node));
    command.id = parse_number<std::uint32_t>(id);
    command.message_ref = word_of(node, "MsgRef");
    command.command_ref = word_of(node, "CmdRef");
    command.command_name = word_of(node, "Cmd");
    command.correlator = word_of(node, "Correlator");
    command.challenge = decode_credential(node, "Chal");
    command.meta = decode_meta(node);
    if (verb == Verb::alert || verb == Verb::status) {
      const xml_node data = child_of(node, "Data");
      if (!data) refuse("an Alert or Status without Data", path_of(node));
      command.code = parse_number<int>(data);
    }
    for (xml_node child : node.children()) {
      if (is_named(child, "TargetRef")) command.target_refs.push_back(trimmed(text_of(child)));
      if (is_named(child, "SourceRef")) command.source_refs.push_back(trimmed(text_of(child)));
      if (!is_named(child, "Item")) continue;
      if (command.items.size() == limits::items) refuse("too many items", path_of(node));
      command.items.push_back(decode_item(child));
    }
    if (verb == Verb::atomic || verb == Verb::sequence) {
      command.commands = decode(node, depth + 1);
    }
    return command;
  }

  std::size_t count_ = 0;
};

// Elements nest no deeper than this, so that nothing below recurses far.
void check_depth(xml_node root) {
  struct Walker : pugi::xml_tree_walker {
    bool for_each(xml_node&) override { return depth() <= limits::depth; }
  } walker;
  if (!root.traverse(walker)) refuse("elements nest too deep", "/SyncML");
}

}  // namespace

std::string encode_xml(const Message& message) {
  pugi::xml_document document;
  xml_node root = document.append_child("SyncML");
  root.append_attribute("xmlns").set_value(kNamespace);
  add_header(root, message);
  xml_node body = root.append_child("SyncBody");
  for (const Command& command : message.commands) add_command(body, command);
  if (message.final) body.append_child("Final");
  StringWriter writer;
  writer.text = R"(<?xml version="1.0" encoding="UTF-8"?>)";
  document.save(writer, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return writer.text;
}

std::size_t xml_bytes(const Command& command) {
  pugi::xml_document document;
  add_command(document, command);
  StringWriter writer;
  document.save(writer, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return writer.text.size();
}

Message decode_xml(std::string_view text) {
  if (text.size() > limits::message_bytes) refuse("the message is too large", "SyncML");
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(text.data(), text.size(),
                           pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed) {
    refuse(std::string("not XML: ") + parsed.description(),
           "offset " + std::to_string(parsed.offset));
  }
  const xml_node root = document.document_element();
  if (!is_named(root, "SyncML")) refuse("the root element is not SyncML", path_of(root));
  check_depth(root);
  const xml_node header = child_of(root, "SyncHdr");
  const xml_node body = child_of(root, "SyncBody");
  if (!header || !body) refuse("SyncHdr or SyncBody is missing", "/SyncML");
  Message message;
  message.version_dtd = word_of(header, "VerDTD");
  message.version_protocol = word_of(header, "VerProto");
  message.session_id = word_of(header, "SessionID");
  message.message_id = word_of(header, "MsgID");
  message.target = uri_of(header, "Target");
  message.source = uri_of(header, "Source");
  message.source_name = word_of(child_of(header, "Source"), "LocName");
  message.credential = decode_credential(header, "Cred");
  message.meta = decode_meta(header);
  if (message.session_id.empty() || message.message_id.empty() || message.source.empty()) {
    refuse("SessionID, MsgID or Source is missing", "/SyncML/SyncHdr");
  }
  message.commands = BodyDecoder().decode(body, 0);
  message.final = !child_of(body, "Final").empty();
  return message;
}

}  // namespace romdelta::ota
