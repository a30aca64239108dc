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
  return make_key_signer(parse_secret_key(read_text(key_path), key_path,
                                          [this] { return ask_password(password, key_path); }));
}

void TrustOptions::add_to(CLI::App& verb) {
  verb.add_option("--trust", paths, "Public key that is trusted; may be given again")
      ->type_name("NAME.pub")
      ->required()
      ->allow_extra_args(false);
}

std::vector<PublicKey> TrustOptions::load() const {
  std::vector<PublicKey> keys;
  for (const std::string& path : paths) keys.push_back(parse_public_key(read_text(path), path));
  return keys;
}

}  // namespace romdelta::pkgtool
