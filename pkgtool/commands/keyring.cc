#include "pkgtool/commands/keyring.h"

#include "pkgtool/file.h"

namespace romdelta::pkgtool {
namespace {

struct SignOptions {
  std::string path;
  bool detach = false;
  bool digest = false;
  SignerOptions signer;
  std::string output_path;
};

struct AttachOptions {
  std::string path;
  std::string signature_path;
  std::string public_path;
  std::string output_path;
};

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
  if (options.digest && options.signer.given()) {
    throw Error(Exit::usage, "--digest signs nothing: it takes no key and no signer");
  }
  const KeyringFile file(options.path);
  if (options.digest) {
    write_file(options.output_path.empty() ? "-" : options.output_path,
               file.document().digest.value);
    return;
  }
  const std::unique_ptr<Signer> signer = options.signer.make();
  const Signature signature = signer->sign(file.document().digest);
  if (options.detach) {
    const std::string path =
        options.output_path.empty() ? options.path + ".sig" : options.output_path;
    write_text(path, format_signature(signature));
    context.say("wrote " + path + ": signature by " + to_string(signature.key_id));
    return;
  }
  const std::string path = options.output_path.empty() ? options.path : options.output_path;
  write_file(path, file.with_signature(signature, signer->public_key()));
  say_signed(path, file, signature.key_id, context);
}

void run_attach(const AttachOptions& options, Context& context) {
  const KeyringFile file(options.path);
  const PublicKey key = parse_public_key(read_text(options.public_path), options.public_path);
  const Signature signature = read_signature(options.signature_path, key);
  const std::string path = options.output_path.empty() ? options.path : options.output_path;
  write_file(path, file.with_signature(signature, key));
  say_signed(path, file, signature.key_id, context);
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
  verb->add_option("FILE", options->path, "The keyring")->required();
  CLI::Option* detach = verb->add_flag("--detach", options->detach,
                                       "Write the signature to a file of its own (FILE.sig)");
  verb->add_flag("--digest", options->digest,
                 "Write the 32 bytes that are to be signed elsewhere, and sign nothing")
      ->excludes(detach);
  options->signer.add_to(*verb);
  verb->add_option("-o,--output", options->output_path,
                   "The result (default: FILE itself; with --detach FILE.sig; with --digest "
                   "standard output)")
      ->type_name("OUT");
  verb->callback([options, &context] { run_sign(*options, context); });
}

void add_attach_verb(CLI::App& keyring, Context& context) {
  auto options = std::make_shared<AttachOptions>();
  CLI::App* verb = keyring.add_subcommand("attach", "Add a signature that was made elsewhere");
  verb->add_option("FILE", options->path, "The keyring")->required();
  verb->add_option("SIGNATURE", options->signature_path,
                   "What sign --detach wrote, or 64 raw bytes")
      ->required();
  verb->add_option("--public", options->public_path, "Public key that the signature must match")
      ->type_name("NAME.pub")
      ->required();
  verb->add_option("-o,--output", options->output_path, "The result (default: FILE itself)")
      ->type_name("OUT");
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
