#include "installer/cli/trust.h"
#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"

namespace romdelta::pkgtool {

void SignerOptions::add_to(CLI::App& verb) {
  CLI::Option* key = verb.add_option("--key", key_path, "Secret key file (minisign's form)")
                         ->type_name("NAME.key");
  CLI::Option* exec =
      verb.add_option("--signer", command,
                      "Shell command that signs: 32 bytes on its standard input, the signature "
                      "(raw, hex or base64) on its standard output")
          ->type_name("CMD");
  CLI::Option* pub =
      verb.add_option("--public", public_path, "Public key of --signer")->type_name("NAME.pub");
  key->excludes(exec);
  exec->needs(pub);
  pub->needs(exec);
  verb.add_option("--password-fd", password.descriptor,
                  "Read the key's password from this file descriptor (else ROMDELTA_PASSWORD, else "
                  "the terminal)")
      ->check(cli::not_negative)
      ->type_name("N")
      ->needs(key);
}

std::unique_ptr<Signer> SignerOptions::make() const {
  if (!command.empty()) {
    return make_command_signer(command, parse_public_key(read_text(public_path), public_path));
  }
  if (key_path.empty()) {
    throw Error(Exit::usage, "no key to sign with", "--key",
                "give --key NAME.key, or --signer CMD --public NAME.pub");
  }
  const WipedText text(read_text(key_path));
  return make_key_signer(
      parse_secret_key(text.value, key_path, [this] { return ask_password(password, key_path); }));
}

Signature read_signature(const std::string& path, const PublicKey& key) {
  const std::string text = read_text(path);
  if (text.size() != Signature::bytes) return parse_signature(text, path);
  Signature signature;
  signature.key_id = key.id;
  copy_bytes(signature.value.data(),
             {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return signature;
}

void TrustOptions::add_to(CLI::App& verb) {
  verb.add_option("--trust", paths, "Public key or keyring that is trusted; may be given again")
      ->type_name("FILE")
      ->required()
      ->allow_extra_args(false);
}

std::vector<PublicKey> TrustOptions::load() const {
  // This is no device: what a development key has signed is good here.
  return cli::load_trust(paths, false);
}

}  // namespace romdelta::pkgtool
