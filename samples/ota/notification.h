// Package 0: the few bytes with which a server asks a device to call it, and the WSP push that
// carries them in a datagram.
//
//   digest 16 | version 10 bits, ui mode 2, initiator 1, reserved 27 | session id 2 | length 1 |
//   server id | vendor's bytes                                             (big endian)
//
// A push can come from anybody. It makes a device do one thing only: open a session with the server
// that the device's own account names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "samples/ota/auth.h"

namespace romdelta::ota {

// The port that WAP keeps for such pushes.
inline constexpr std::uint16_t push_port = 2948;

// What the server wants the user to notice.
enum class UiMode : std::uint8_t { not_specified, background, informative, interaction };

struct Notification {
  UiMode ui_mode = UiMode::not_specified;
  bool from_server = true;  // Initiator.
  std::uint16_t session_id = 0;
  std::string server_id;

  bool operator==(const Notification&) const = default;
};

// `server` is the identity with which the server also answers in the session: its nonce makes the
// digest fresh. Throws cli::Error (usage) for a server id of more than 255 bytes.
std::string encode_notification(const Notification& notification, const Identity& server);

// Throws cli::Error (bad_input) unless the digest is right and the server id is the identity's.
Notification decode_notification(std::string_view package, const Identity& server);

// A connectionless push of WSP around a package 0, and back. Throws cli::Error (bad_input).
std::string wrap_push(std::string_view package);
std::string_view unwrap_push(std::string_view datagram);

// SessionID as messages spell it: hexadecimal, upper case, no zeros in front.
std::string session_id_text(std::uint16_t session_id);

}  // namespace romdelta::ota
