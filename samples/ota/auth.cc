#include "samples/ota/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <array>
#include <map>

#include "installer/cli/error.h"

namespace romdelta::ota {
namespace {

using cli::Error;
using cli::Exit;

// Sixteen digits of base64: some clients keep nonces as text that ends with a zero.
constexpr std::size_t kNonceRandomBytes = 12;
constexpr const char* kBasicType = "syncml:auth-basic";
constexpr const char* kMd5Type = "syncml:auth-md5";
constexpr const char* kHmacType = "syncml:auth-MAC";

// The secret half of MD5 and HMAC: B64(MD5(name:secret)).
std::string name_digest(std::string_view name, std::string_view secret) {
  return base64(md5(std::string(name) + ':' + std::string(secret)));
}

const char* type_uri(AuthType type) {
  switch (type) {
    case AuthType::basic: return kBasicType;
    case AuthType::md5: return kMd5Type;
    case AuthType::hmac: return kHmacType;
  }
  return "";
}

// algorithm=MD5, username="Robert Jordan", mac=...: the values by name, without quotes.
std::map<std::string, std::string> header_fields(std::string_view header) {
  std::map<std::string, std::string> fields;
  std::size_t at = 0;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == ','; };
  while (at < header.size()) {
    while (at < header.size() && is_blank(header[at])) ++at;
    const std::size_t equals = header.find('=', at);
    if (equals == std::string_view::npos) break;
    const std::string name(header.substr(at, equals - at));
    at = equals + 1;
    const bool is_quoted = at < header.size() && header[at] == '"';
    if (is_quoted) ++at;
    std::size_t end = header.find(is_quoted ? '"' : ',', at);
    if (end == std::string_view::npos) end = header.size();
    fields[name] = header.substr(at, end - at);
    at = end + 1;
  }
  return fields;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int count = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                    reinterpret_cast<const unsigned char*>(bytes.data()),
                                    static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(count));
  return text;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') digits += c;
  }
  if (digits.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < digits.size() && digits[digits.size() - 1 - padding] == '=') {
    ++padding;
  }
  // The library takes padding anywhere.
  if (digits.find('=') < digits.size() - padding) return std::nullopt;
  std::string bytes(digits.size() / 4 * 3 + 1, '\0');
  const int count = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                    reinterpret_cast<const unsigned char*>(digits.data()),
                                    static_cast<int>(digits.size()));
  if (count < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(count) - padding);
  return bytes;
}

std::string md5(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned digest_bytes = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &digest_bytes, EVP_md5(), nullptr) !=
      1) {
    throw Error(Exit::internal, "OpenSSL has no MD5", {}, "is it in FIPS mode?");
  }
  return {reinterpret_cast<const char*>(digest.data()), digest_bytes};
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    throw Error(Exit::internal, "the system gives no random numbers");
  }
  return bytes;
}

bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string basic_digest(std::string_view name, std::string_view secret) {
  return base64(std::string(name) + ':' + std::string(secret));
}

std::string md5_digest(std::string_view name, std::string_view secret, std::string_view nonce) {
  return base64(md5(name_digest(name, secret) + ':' + std::string(nonce)));
}

std::string hmac_digest(std::string_view name, std::string_view secret, std::string_view nonce,
                        std::string_view body) {
  return base64(
      md5(name_digest(name, secret) + ':' + std::string(nonce) + ':' + base64(md5(body))));
}

const char* to_string(AuthType type) {
  switch (type) {
    case AuthType::basic: return "basic";
    case AuthType::md5: return "md5";
    case AuthType::hmac: return "hmac";
  }
  return "";
}

std::optional<AuthType> auth_type_of(std::string_view name) {
  for (const AuthType type : {AuthType::basic, AuthType::md5, AuthType::hmac}) {
    if (name == to_string(type)) return type;
  }
  return std::nullopt;
}

void Prover::sign(Message* message) const {
  message->source_name = identity_.type == AuthType::md5 ? identity_.name : "";
  if (accepted_ || identity_.type == AuthType::hmac) return;
  Credential credential;
  credential.meta.format = "b64";
  credential.meta.type = type_uri(identity_.type);
  credential.data = identity_.type == AuthType::basic
                        ? basic_digest(identity_.name, identity_.secret)
                        : md5_digest(identity_.name, identity_.secret, identity_.nonce);
  message->credential = credential;
}

std::string Prover::hmac_header(std::string_view body) const {
  if (identity_.type != AuthType::hmac) return {};
  return "algorithm=MD5, username=\"" + identity_.name +
         "\", mac=" + hmac_digest(identity_.name, identity_.secret, identity_.nonce, body);
}

Prover::Answer Prover::on_status(const Command& header_status) {
  if (header_status.challenge) {
    if (const auto nonce = base64_decoded(header_status.challenge->meta.next_nonce)) {
      if (!nonce->empty()) identity_.nonce = *nonce;
    }
  }
  switch (header_status.code) {
    case status::authenticated: accepted_ = true; return Answer::accepted;
    case status::ok: return Answer::accepted;
    case status::invalid_credentials:
    case status::missing_credentials:
      if (repeated_ || accepted_ || !header_status.challenge) return Answer::refused;
      repeated_ = true;
      return Answer::repeat;
    default: return Answer::refused;
  }
}

int Verifier::check(const Message& message, std::string_view body, std::string_view hmac_header,
                    Command* header_status) {
  const bool is_hmac = identity_.type == AuthType::hmac;
  // After 212 the rest of the session needs no credentials; an HMAC comes with every message.
  if (authenticated_ && !is_hmac) return status::authenticated;
  const bool has_proof = is_hmac ? !hmac_header.empty() : message.credential.has_value();
  authenticated_ = has_proof && is_right(message, body, hmac_header);
  if (!authenticated_ || identity_.type != AuthType::basic) challenge(header_status);
  if (!has_proof) return status::missing_credentials;
  if (!authenticated_) return status::invalid_credentials;
  return is_hmac ? status::ok : status::authenticated;
}

bool Verifier::is_right(const Message& message, std::string_view body,
                        std::string_view hmac_header) const {
  if (identity_.type == AuthType::hmac) {
    auto fields = header_fields(hmac_header);
    const std::string& algorithm = fields["algorithm"];
    return (algorithm == "MD5" || algorithm.empty()) && fields["username"] == identity_.name &&
           equal_secrets(fields["mac"],
                         hmac_digest(identity_.name, identity_.secret, identity_.nonce, body));
  }
  if (message.credential->meta.type != type_uri(identity_.type)) return false;
  const std::string expected = identity_.type == AuthType::basic
                                   ? basic_digest(identity_.name, identity_.secret)
                                   : md5_digest(identity_.name, identity_.secret, identity_.nonce);
  return equal_secrets(message.credential->data, expected);
}

// A nonce is used once: the next message, or the next session, needs this one.
void Verifier::challenge(Command* header_status) {
  Credential challenge;
  challenge.meta.format = "b64";
  challenge.meta.type = type_uri(identity_.type);
  if (identity_.type != AuthType::basic) {
    identity_.nonce = base64(random_bytes(kNonceRandomBytes));
    challenge.meta.next_nonce = base64(identity_.nonce);
  }
  header_status->challenge = challenge;
}

}  // namespace romdelta::ota
