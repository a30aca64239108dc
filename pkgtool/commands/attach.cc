#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/package_file.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::string path;
  std::string signature_path;
  std::string public_path;
  std::string output_path;
};

void run(const Options& options, Context& context) {
  const PackageFile package(options.path);
  const PublicKey key = parse_public_key(read_text(options.public_path), options.public_path);
  const Signature signature = read_signature(options.signature_path, key);
  const std::string path = options.output_path.empty() ? options.path : options.output_path;
  write_file(path, package.with_signature(signature, key));
  context.say(path + ": signed by " + to_string(signature.key_id));
}

}  // namespace

void add_attach(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("attach", "Add a signature that was made elsewhere");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->path, "The package")->required();
  verb->add_option("SIGNATURE", options->signature_path,
                   "What sign --detach wrote, or 64 raw bytes")
      ->required();
  verb->add_option("--public", options->public_path, "Public key that the signature must match")
      ->type_name("NAME.pub")
      ->required();
  verb->add_option("-o,--output", options->output_path, "The result (default: FILE itself)")
      ->type_name("OUT");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
