#include "installer/cli/key_text.h"

#include <sodium.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "installer/cli/error.h"

namespace romdelta::cli {
namespace {

constexpr std::size_t kPublicFileBytes = 2 + KeyId::bytes + PublicKey::bytes;
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;

[[noreturn]] void throw_key(const std::string& what, const std::string& where) {
  throw Error(Exit::key_or_signature, what, where);
}

}  // namespace

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file.is_open() || file.bad()) {
    throw Error(Exit::bad_input, std::string("cannot read the file: ") + std::strerror(errno),
                path);
  }
  return text.str();
}

std::vector<std::uint8_t> decode_key_text(const std::string& text, const std::string& where) {
  const std::size_t first_end = text.find('\n');
  if (text.rfind("untrusted comment:", 0) != 0 || first_end == std::string::npos) {
    throw_key("not a key or signature file: the first line must begin with 'untrusted comment:'",
              where);
  }
  std::size_t second_end = text.find('\n', first_end + 1);
  if (second_end == std::string::npos) second_end = text.size();
  std::string line = text.substr(first_end + 1, second_end - first_end - 1);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  std::vector<std::uint8_t> content(line.size());
  std::size_t size = 0;
  const bool good =
      !line.empty() && sodium_base642bin(content.data(), content.size(), line.data(), line.size(),
                                         nullptr, &size, nullptr, kBase64) == 0;
  sodium_memzero(line.data(), line.size());
  if (!good) throw_key("the second line is not base64", where);
  content.resize(size);
  return content;
}

std::string encode_key_text(const std::string& comment, ByteSpan content) {
  std::string line(sodium_base64_encoded_len(content.size(), kBase64), '\0');
  sodium_bin2base64(line.data(), line.size(), content.data(), content.size(), kBase64);
  line.resize(line.find('\0'));
  std::string text = "untrusted comment: " + comment + "\n" + line + "\n";
  sodium_memzero(line.data(), line.size());
  return text;
}

PublicKey parse_public_key(const std::string& text, const std::string& where) {
  const std::vector<std::uint8_t> content = decode_key_text(text, where);
  if (content.size() != kPublicFileBytes) {
    throw_key("not a public key (those have " + std::to_string(kPublicFileBytes) +
                  " bytes, this has " + std::to_string(content.size()) + "): give the .pub file",
              where);
  }
  ByteReader reader(content);
  const ByteSpan algorithm = reader.bytes(2);
  if (algorithm[0] != 'E' || algorithm[1] != 'd') {
    throw_key("the key uses an algorithm that is not supported", where);
  }
  PublicKey key;
  copy_bytes(key.id.value.data(), reader.bytes(KeyId::bytes));
  copy_bytes(key.value.data(), reader.bytes(PublicKey::bytes));
  return key;
}

std::string format_public_key(const PublicKey& key) {
  std::vector<std::uint8_t> content(kPublicFileBytes);
  ByteWriter writer(content);
  writer.u8('E');
  writer.u8('d');
  writer.bytes(key.id.value);
  writer.bytes(key.value);
  return encode_key_text("romdelta public key " + to_string(key.id), content);
}

std::string to_string(const KeyId& id) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  // minisign reads the eight bytes as a little-endian number.
  for (auto byte = id.value.rbegin(); byte != id.value.rend(); ++byte) {
    text += digits[*byte >> 4];
    text += digits[*byte & 15];
  }
  return text;
}

}  // namespace romdelta::cli
