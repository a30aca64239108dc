// Key texts: minisign's two-line form of public keys, which both tools read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/signature.h"

namespace romdelta::cli {

// The whole of a small text file. Throws Error (bad_input).
std::string read_text(const std::string& path);

// The content of a text that begins with an "untrusted comment:" line and has base64 in the second.
// `where` names the file in errors. Throws Error (key_or_signature).
std::vector<std::uint8_t> decode_key_text(const std::string& text, const std::string& where);
std::string encode_key_text(const std::string& comment, ByteSpan content);

// Throws Error (key_or_signature).
PublicKey parse_public_key(const std::string& text, const std::string& where);
std::string format_public_key(const PublicKey& key);

// 16 upper-case hex digits, as minisign prints key ids.
std::string to_string(const KeyId& id);

}  // namespace romdelta::cli
