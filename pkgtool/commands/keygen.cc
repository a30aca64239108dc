#include <sodium.h>

#include <filesystem>

#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::string name;
  bool no_password = false;
  bool force = false;
  PasswordSource password;
};

void run(const Options& options, Context& context) {
  const std::string key_path = options.name + ".key";
  const std::string public_path = options.name + ".pub";
  for (const std::string& path : {key_path, public_path}) {
    if (!options.force && std::filesystem::exists(path)) {
      throw Error(Exit::usage, "the file exists already", path, "give --force to replace it");
    }
  }
  std::optional<std::string> password;
  if (!options.no_password) {
    password = ask_new_password(options.password);
    if (!password) {
      context.say("pkgtool: no terminal to ask for a password: the key is not protected by one");
    }
  }
  const SecretKey key = generate_key();
  const WipedText secret_password(password.value_or(""));
  if (password) sodium_memzero(password->data(), password->size());
  const WipedText text(format_secret_key(key, secret_password.value));
  write_text(key_path, text.value, {true, 0600});
  write_text(public_path, format_public_key(key.public_key()));
  context.out << to_string(key.id()) << '\n';
  context.say("wrote " + key_path + " (keep it secret) and " + public_path);
}

}  // namespace

void add_keygen(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("keygen", "Make a key pair: NAME.key and NAME.pub");
  auto options = std::make_shared<Options>();
  verb->add_option("-o,--output", options->name, "Where to write, without ending")
      ->type_name("NAME")
      ->required();
  verb->add_flag("--no-password", options->no_password, "Leave the secret key unprotected");
  verb->add_option("--password-fd", options->password.descriptor,
                   "Read the password from this file descriptor")
      ->check(cli::not_negative)
      ->type_name("N");
  verb->add_flag("--force", options->force, "Replace files that exist");
  verb->footer(
      "Prints the key id. The files have minisign's form. Without a terminal, --password-fd or\n"
      "ROMDELTA_PASSWORD the secret key is not protected by a password.");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
