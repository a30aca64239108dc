// Signer: a manifest digest -> a signature. The key may be a file here or anywhere behind a
// command.
#pragma once

#include <memory>
#include <string>

#include "format/signature.h"
#include "pkgtool/key_file.h"

namespace romdelta::pkgtool {

class Signer {
 public:
  virtual ~Signer() = default;
  // Throws Error (key_or_signature).
  virtual Signature sign(const Digest& digest) = 0;
  virtual PublicKey public_key() const = 0;
};

std::unique_ptr<Signer> make_key_signer(SecretKey key);

// Runs `command` with /bin/sh for each signature: the digest's 32 bytes on its standard input, the
// signature on its standard output, as 64 raw bytes, 128 hex digits or base64. What it returns is
// verified with `public_key` before it is used.
std::unique_ptr<Signer> make_command_signer(std::string command, const PublicKey& public_key);

}  // namespace romdelta::pkgtool
