#include "pkgtool/commands/keyring.h"

#include "pkgtool/commands/signing.h"

namespace romdelta::pkgtool {
namespace {

struct ShowOptions {
  std::string path;
  std::string before_path;
  ReportFormat format = ReportFormat::text;
};

// Not an error: the root keys of the version before sign, too.
void say_signed(const std::string& path, const KeyringFile& file, const KeyId& id,
                Context& context) {
  const bool is_root = file.document().keyring.roots.find(id) != nullptr;
  context.say(path + ": signed by " + to_string(id) +
              (is_root ? "" : ", which is no root key of this version"));
}

void run_sign(const SignOptions& options, Context& context) {
  options.check();
  const KeyringFile file(options.path);
  const std::optional<KeyId> id = sign_document(options, {file.document().digest, file}, context);
  if (id) say_signed(options.signed_path(), file, *id, context);
}

void run_attach(const AttachOptions& options, Context& context) {
  const KeyringFile file(options.path);
  say_signed(options.signed_path(), file, attach_signature(options, {file.document().digest, file}),
             context);
}

void run_show(const ShowOptions& options, Context& context) {
  const KeyringFile file(options.path);
  std::optional<KeyringFile> before;
  if (!options.before_path.empty()) before.emplace(options.before_path);
  const KeyringDocument* previous = before ? &before->document() : nullptr;
  context.out << (options.format == ReportFormat::json ? keyring_json(file.document(), previous)
                                                       : keyring_text(file.document(), previous));
  const Status status = judge_keyring(file.document(), previous);
  if (status != Status::ok) context.exit = Exit::negative_answer;
}

void add_sign_verb(CLI::App& keyring, Context& context) {
  auto options = std::make_shared<SignOptions>();
  CLI::App* verb =
      keyring.add_subcommand("sign", "Add a root key's signature, or make a detached one");
  options->add_to(*verb, "The keyring");
  verb->callback([options, &context] { run_sign(*options, context); });
}

void add_attach_verb(CLI::App& keyring, Context& context) {
  auto options = std::make_shared<AttachOptions>();
  CLI::App* verb = keyring.add_subcommand("attach", "Add a signature that was made elsewhere");
  options->add_to(*verb, "The keyring");
  verb->callback([options, &context] { run_attach(*options, context); });
}

void add_show_verb(CLI::App& keyring, Context& context) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* verb = keyring.add_subcommand("show", "Show a keyring, and whether devices accept it");
  verb->add_option("FILE", options->path, "The keyring")->required();
  verb->add_option("--after", options->before_path,
                   "The version that devices have: judge as they do")
      ->type_name("BEFORE.pkk");
  cli::add_format(*verb, &options->format);
  verb->footer("Exit status 0: good; 1: not good.");
  verb->callback([options, &context] { run_show(*options, context); });
}

}  // namespace

void add_keyring(CLI::App& app, Context& context) {
  CLI::App* keyring = app.add_subcommand("keyring", "Make and show keyrings: who may sign what");
  keyring->require_subcommand(1);
  keyring->fallthrough();
  add_keyring_edits(*keyring, context);
  add_sign_verb(*keyring, context);
  add_attach_verb(*keyring, context);
  add_show_verb(*keyring, context);
  keyring->footer(
      "A keyring counts when the threshold of its root keys has signed; devices that have the\n"
      "version before ask the threshold of that one, too. docs/keys.md walks through it.");
}

}  // namespace romdelta::pkgtool
