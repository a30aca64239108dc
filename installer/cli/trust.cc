#include "installer/cli/trust.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "format/package.h"
#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "installer/cli/key_text.h"

namespace romdelta::cli {
namespace {

std::vector<PublicKey> keys_of_keyring(ByteSpan bytes, const std::string& path, bool production) {
  const KeyringDocument document = parse_keyring_file(bytes, path);
  const Status status = check_threshold(document, document.keyring);
  if (status != Status::ok) {
    throw Error(Exit::key_or_signature, describe(status), path, result_row(status).action);
  }
  KeyringTrust trust;
  copy_trust(document.keyring, production, &trust);
  return {trust.view().begin(), trust.view().end()};
}

}  // namespace

std::vector<std::uint8_t> read_keyring_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> bytes(limits::keyring_bytes_max + 1);
  if (file) {
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  // A folder opens, and then cannot be read.
  if (!file.is_open() || (file.gcount() == 0 && !file.eof())) {
    throw Error(Exit::bad_input, std::string("cannot read the file: ") + std::strerror(errno),
                path);
  }
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

KeyringDocument parse_keyring_file(ByteSpan bytes, const std::string& path) {
  KeyringDocument document;
  const Status status = read_keyring(bytes, &document);
  if (status == Status::bad_magic || status == Status::unsupported_format) {
    throw Error(Exit::bad_input, std::string("not a keyring (") + to_string(status) + ")", path,
                "`pkgtool keyring init` makes one");
  }
  if (status != Status::ok) {
    throw Error(Exit::bad_input, "not a whole keyring: " + describe(status), path,
                "get the file again; `pkgtool keyring` writes whole ones");
  }
  return document;
}

bool looks_like_keyring(ByteSpan bytes) {
  std::uint32_t field_bytes = 0;
  const std::size_t size = package_header_bytes;
  return bytes.size() >= size &&
         parse_document_header(bytes.first(size), DocumentKind::keyring,
                               limits::keyring_body_bytes_max, &field_bytes) == Status::ok;
}

std::vector<PublicKey> load_trust(const std::vector<std::string>& paths, bool production) {
  std::vector<PublicKey> keys;
  for (const std::string& path : paths) {
    const std::vector<std::uint8_t> bytes = read_keyring_file(path);
    if (looks_like_keyring(bytes)) {
      const std::vector<PublicKey> more = keys_of_keyring(bytes, path, production);
      keys.insert(keys.end(), more.begin(), more.end());
    } else {
      keys.push_back(parse_public_key(read_text(path), path));
    }
  }
  return keys;
}

}  // namespace romdelta::cli
