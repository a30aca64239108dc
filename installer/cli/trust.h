// Whom the tools trust: public keys, and keyrings, told apart by what the files hold.
#pragma once

#include <string>
#include <vector>

#include "format/keyring.h"

namespace romdelta::cli {

// The bytes of a keyring file; more than any keyring has are not read. Throws Error (bad_input).
std::vector<std::uint8_t> read_keyring_file(const std::string& path);

// Of a whole file. Who signed is not checked. Throws Error (bad_input).
KeyringDocument parse_keyring_file(ByteSpan bytes, const std::string& path);

// True when the bytes begin as a keyring, whether or not they are one.
bool looks_like_keyring(ByteSpan bytes);

// The keys of all files: each a public key, which then counts in every role, or a keyring that the
// threshold of its own root keys has signed. Throws Error (bad_input or key_or_signature).
std::vector<PublicKey> load_trust(const std::vector<std::string>& paths, bool production);

}  // namespace romdelta::cli
