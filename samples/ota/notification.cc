#include "samples/ota/notification.h"

#include <cstdio>

#include "installer/cli/error.h"

namespace romdelta::ota {
namespace {

using cli::Error;
using cli::Exit;

constexpr std::size_t kDigestBytes = 16;
constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint64_t kVersion = 0b0000001011;  // 1.1: the notification of DM 1.2.

// Transaction id 1, push, 3 bytes of headers: application/vnd.syncml.notification, application
// id 7.
constexpr std::string_view kPushHead = "\x01\x06\x03\xC4\xAF\x87";
constexpr std::uint8_t kPushType = 0x06;
constexpr std::uint8_t kContentType = 0xC4;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Exit::bad_input, what, "notification",
              "ignored; the device's own account decides which server it calls");
}

std::string digest_of(std::string_view trigger, const Identity& server) {
  const std::string digest = hmac_digest(server.name, server.secret, server.nonce, trigger);
  return *base64_decoded(digest);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

}  // namespace

std::string encode_notification(const Notification& notification, const Identity& server) {
  if (notification.server_id.size() > UINT8_MAX) {
    throw Error(Exit::usage, "a server id has at most 255 bytes", "server_id");
  }
  const std::uint64_t header =
      kVersion << 54 | static_cast<std::uint64_t>(notification.ui_mode) << 52 |
      std::uint64_t{notification.from_server} << 51 | std::uint64_t{notification.session_id} << 8 |
      notification.server_id.size();
  std::string trigger;
  for (int shift = 56; shift >= 0; shift -= 8) {
    trigger += static_cast<char>(header >> shift & 0xFF);
  }
  trigger += notification.server_id;
  return digest_of(trigger, server) + trigger;
}

Notification decode_notification(std::string_view package, const Identity& server) {
  if (package.size() < kDigestBytes + kHeaderBytes) refuse("the notification ends early");
  const std::string_view trigger = package.substr(kDigestBytes);
  const std::uint64_t header = big_endian(trigger.substr(0, kHeaderBytes));
  if (header >> 54 != kVersion) refuse("not a notification of DM 1.2");
  const std::size_t id_bytes = header & 0xFF;
  if (trigger.size() - kHeaderBytes < id_bytes)
    refuse("the notification ends inside the server id");
  Notification notification;
  notification.ui_mode = static_cast<UiMode>(header >> 52 & 3);
  notification.from_server = (header >> 51 & 1) != 0;
  notification.session_id = static_cast<std::uint16_t>(header >> 8 & 0xFFFF);
  notification.server_id = trigger.substr(kHeaderBytes, id_bytes);
  if (notification.server_id != server.name) refuse("the server id is not that of the account");
  if (!equal_secrets(package.substr(0, kDigestBytes), digest_of(trigger, server))) {
    refuse("the digest is wrong: another sender, another password or a nonce that was used");
  }
  return notification;
}

std::string wrap_push(std::string_view package) {
  return std::string(kPushHead) + std::string(package);
}

std::string_view unwrap_push(std::string_view datagram) {
  if (datagram.size() < 3) refuse("the push ends early");
  if (static_cast<std::uint8_t>(datagram[1]) != kPushType) refuse("not a push");
  const auto header_bytes = static_cast<std::uint8_t>(datagram[2]);
  // One byte: a length of 128 and more would need two, and no push of this kind does.
  if (header_bytes == 0 || header_bytes >= 0x80 || datagram.size() - 3 < header_bytes) {
    refuse("the push's headers end early");
  }
  if (static_cast<std::uint8_t>(datagram[3]) != kContentType) {
    refuse("the push is not a notification of DM");
  }
  return datagram.substr(3 + std::size_t{header_bytes});
}

std::string session_id_text(std::uint16_t session_id) {
  char text[5];
  (void)std::snprintf(text, sizeof(text), "%X", session_id);
  return text;
}

}  // namespace romdelta::ota
