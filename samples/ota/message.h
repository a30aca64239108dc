// A SyncML message of OMA DM 1.2, as client and server see it; xml_codec.h and wbxml_codec.h turn
// it into bytes and back.
//
// Plain values: no invariants, any thread, copied freely.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace romdelta::ota {

// What a stranger may send us.
namespace limits {
inline constexpr std::size_t message_bytes = 256 << 10;  // Far above what either side announces.
inline constexpr std::size_t commands = 512;           // Of one message, with those inside others.
inline constexpr std::size_t items = 1024;             // Of one command.
inline constexpr int depth = 16;                       // Of elements inside elements.
inline constexpr std::size_t object_bytes = 64 << 20;  // Of one value that comes in pieces.
}  // namespace limits

// The statuses of DM 1.2 that this sample sends or reacts to.
namespace status {
inline constexpr int ok = 200;
inline constexpr int accepted = 202;
inline constexpr int authenticated = 212;
inline constexpr int chunk_accepted = 213;
inline constexpr int not_executed = 215;
inline constexpr int invalid_credentials = 401;
inline constexpr int not_found = 404;
inline constexpr int not_allowed = 405;
inline constexpr int optional_feature = 406;
inline constexpr int missing_credentials = 407;
inline constexpr int incomplete = 412;
inline constexpr int too_large = 413;
inline constexpr int unsupported_media = 415;
inline constexpr int already_exists = 418;
inline constexpr int size_mismatch = 424;
inline constexpr int permission_denied = 425;
inline constexpr int failed = 500;
}  // namespace status

// Alert codes.
namespace alert {
inline constexpr int server_session = 1200;
inline constexpr int client_session = 1201;
inline constexpr int next_message = 1222;
inline constexpr int abort_session = 1223;
inline constexpr int no_end_of_data = 1225;
inline constexpr int generic = 1226;
}  // namespace alert

// MetInf elements. Empty strings and nullopt are absent.
struct Meta {
  std::string format;  // chr, int, bool, bin, b64, node, ...
  std::string type;
  std::string mark;
  std::string next_nonce;  // Base64.
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> max_msg_size;
  std::optional<std::uint64_t> max_obj_size;

  bool operator==(const Meta&) const = default;
  bool empty() const { return *this == Meta{}; }
};

struct Item {
  std::string target;
  std::string source;
  Meta meta;
  std::optional<std::string> data;
  bool more_data = false;  // A piece of a large object, and not the last.

  bool operator==(const Item&) const = default;
};

// Cred, and Chal, which has no data.
struct Credential {
  Meta meta;
  std::string data;

  bool operator==(const Credential&) const = default;
};

enum class Verb : std::uint8_t {
  add,
  alert,
  atomic,
  copy,
  remove,  // Delete
  exec,
  get,
  replace,
  results,
  sequence,
  status,
};

// The element's name: "Add", ..., "Delete", ...
const char* to_string(Verb verb);

struct Command {
  Verb verb = Verb::status;
  std::uint32_t id = 0;      // CmdID; whoever sends numbers them.
  std::string message_ref;   // Status and Results: MsgRef.
  std::string command_ref;   // CmdRef.
  std::string command_name;  // Status: Cmd, a verb's name or SyncHdr.
  std::vector<std::string> target_refs;
  std::vector<std::string> source_refs;
  std::optional<Credential> challenge;  // Status: Chal.
  std::string correlator;
  int code = 0;  // Alert and Status: Data.
  Meta meta;
  std::vector<Item> items;
  std::vector<Command> commands;  // Of Atomic and Sequence.

  bool operator==(const Command&) const = default;
};

struct Message {
  std::string version_dtd = "1.2";
  std::string version_protocol = "DM/1.2";
  std::string session_id;
  std::string message_id;
  std::string target;       // LocURI.
  std::string source;       // LocURI.
  std::string source_name;  // LocName: the user name with MD5 credentials.
  std::optional<Credential> credential;
  Meta meta;  // MaxMsgSize, MaxObjSize.
  std::vector<Command> commands;
  bool final = false;  // The last message of its package.

  bool operator==(const Message&) const = default;
};

// Bytes on the wire, with the header that may carry their HMAC.
struct Envelope {
  std::string body;
  std::string hmac_header;
};

// Shorthand for what both sides make often.
Command make_status(const Message& answered, const std::string& command_ref,
                    const std::string& command_name, int code);
Command make_status(const Message& answered, const Command& command, int code);
Command make_alert(int code);
Item make_value(const std::string& target, const std::string& format, const std::string& data);

}  // namespace romdelta::ota
