// Key files in minisign's text form: an untrusted comment and one line of base64.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "format/signature.h"
#include "installer/cli/key_text.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

using cli::format_public_key;
using cli::parse_public_key;
using cli::to_string;

// Text that holds a secret: wiped when it goes.
struct WipedText {
  explicit WipedText(std::string text) : value(std::move(text)) {}
  ~WipedText();
  WipedText(const WipedText&) = delete;
  WipedText& operator=(const WipedText&) = delete;
  std::string value;
};

// An Ed25519 secret key in memory that is locked against swapping where the system allows it and
// wiped when it goes.
class SecretKey {
 public:
  SecretKey();
  ~SecretKey();
  SecretKey(SecretKey&&) noexcept;
  SecretKey& operator=(SecretKey&&) noexcept;

  KeyId id() const { return id_; }
  PublicKey public_key() const;
  Signature sign(const Digest& digest) const;

 private:
  friend SecretKey generate_key();
  friend SecretKey parse_secret_key(const std::string&, const std::string&,
                                    const std::function<std::string()>&);
  friend std::string format_secret_key(const SecretKey&, const std::string&);
  KeyId id_;
  std::uint8_t* bytes_ = nullptr;  // 64 bytes from sodium_malloc.
};

SecretKey generate_key();

// Reads the text of a secret key file. `password` is asked only when the key is protected. `where`
// names the file in errors. Throws Error (key_or_signature).
SecretKey parse_secret_key(const std::string& text, const std::string& where,
                           const std::function<std::string()>& password);

// The text of a key file. An empty password leaves the secret key unprotected.
std::string format_secret_key(const SecretKey& key, const std::string& password);

// A detached signature in the same form: comment, then base64 of algorithm, key id and signature.
std::string format_signature(const Signature& signature);
Signature parse_signature(const std::string& text, const std::string& where);

}  // namespace romdelta::pkgtool
