// Who is who in a DM session: basic and MD5 credentials, and the HMAC of the transport. Both sides
// prove who they are to the other; the same two classes serve both.
//
// MD5 is what DM 1.2 has. It guards the session against strangers on the line, not the firmware:
// that is signed with Ed25519.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "samples/ota/message.h"

namespace romdelta::ota {

inline constexpr const char* hmac_header_name = "x-syncml-hmac";

std::string base64(std::string_view bytes);
// nullopt when the text is not base64. Blanks and line ends are skipped.
std::optional<std::string> base64_decoded(std::string_view text);
// 16 bytes.
std::string md5(std::string_view bytes);
// So many random bytes, from the system.
std::string random_bytes(std::size_t count);
// Takes the same time wherever they differ.
bool equal_secrets(std::string_view a, std::string_view b);

// What a party says in Cred, and the MAC over a message's bytes. `nonce` is the bytes, not base64.
std::string basic_digest(std::string_view name, std::string_view secret);
std::string md5_digest(std::string_view name, std::string_view secret, std::string_view nonce);
std::string hmac_digest(std::string_view name, std::string_view secret, std::string_view nonce,
                        std::string_view body);

enum class AuthType { basic, md5, hmac };

const char* to_string(AuthType type);
std::optional<AuthType> auth_type_of(std::string_view name);

// One party's identity, as both know it. The nonce outlives sessions: whoever keeps it, on both
// sides, saves the one of the other's last challenge.
struct Identity {
  AuthType type = AuthType::md5;
  std::string name;
  std::string secret;
  std::string nonce;  // Bytes.
};

// Proves the identity to the other side, message by message.
class Prover {
 public:
  explicit Prover(Identity identity) : identity_(std::move(identity)) {}

  // Puts credentials into a message that is about to be encoded; after the other side said 212 no
  // longer.
  void sign(Message* message) const;
  // The value of the header x-syncml-hmac for the encoded message; empty with another type.
  std::string hmac_header(std::string_view body) const;

  enum class Answer { accepted, repeat, refused };
  // What the other side said of the last message's header. `repeat`: send its commands again, with
  // the new nonce; that is granted once a session.
  Answer on_status(const Command& header_status);

  const std::string& nonce() const { return identity_.nonce; }

 private:
  Identity identity_;
  bool accepted_ = false;
  bool repeated_ = false;
};

// Checks what the other side proves.
class Verifier {
 public:
  explicit Verifier(Identity identity) : identity_(std::move(identity)) {}

  // The status of the message's SyncHdr: 212, or 200 with HMAC, for who it claims to be, else 401
  // or 407. Puts a challenge into `header_status` where DM wants one: its nonce is then nonce().
  int check(const Message& message, std::string_view body, std::string_view hmac_header,
            Command* header_status);

  bool is_authenticated() const { return authenticated_; }
  const std::string& nonce() const { return identity_.nonce; }

 private:
  bool is_right(const Message& message, std::string_view body, std::string_view hmac_header) const;
  void challenge(Command* header_status);

  Identity identity_;
  bool authenticated_ = false;
};

}  // namespace romdelta::ota
