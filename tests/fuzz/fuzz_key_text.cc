// Key and signature texts -> the parsers of both tools. Only Error may come out, and what parses
// comes back from its own text.
#include <string>

#include "pkgtool/key_file.h"
#include "tests/fuzz/fuzz_input.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

// No key is ever unlocked here: scrypt would be all that the fuzzer does.
std::string no_password() { throw pkgtool::Error(pkgtool::Exit::usage, "no password"); }

void check_public_key(const std::string& text) {
  const PublicKey key = cli::parse_public_key(text, "key");
  const std::string again = cli::format_public_key(key);
  const PublicKey same = cli::parse_public_key(again, "again");
  require(same.id == key.id && same.value == key.value, "a public key survives its text");
  require(cli::format_public_key(same) == again, "a public key has one text");
}

void check_signature(const std::string& text) {
  const Signature signature = pkgtool::parse_signature(text, "signature");
  const Signature same =
      pkgtool::parse_signature(pkgtool::format_signature(signature), "signature again");
  require(same.key_id == signature.key_id && same.value == signature.value,
          "a signature survives its text");
}

void check_secret_key(const std::string& text) {
  const pkgtool::SecretKey key = pkgtool::parse_secret_key(text, "key", no_password);
  const std::string again = pkgtool::format_secret_key(key, {});
  require(pkgtool::parse_secret_key(again, "again", no_password).id() == key.id(),
          "a secret key survives its text");
}

template <typename Check>
void tolerate_errors(Check check) {
  try {
    check();
  } catch (const pkgtool::Error& error) {
    require(error.what()[0] != '\0', "an error says what is wrong");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  tolerate_errors([&] { check_public_key(text); });
  tolerate_errors([&] { check_signature(text); });
  tolerate_errors([&] { check_secret_key(text); });
  return 0;
}
