#include <sodium.h>

#include <algorithm>

#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/package_file.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::string path;
  bool detach = false;
  bool digest = false;
  SignerOptions signer;
  std::string output_path;
};

void run(const Options& options, Context& context) {
  if (options.digest && options.signer.given()) {
    throw Error(Exit::usage, "--digest signs nothing: it takes no key and no signer");
  }
  const PackageFile package(options.path);
  if (options.digest) {
    write_file(options.output_path.empty() ? "-" : options.output_path, package.digest().value);
    return;
  }
  const std::unique_ptr<Signer> signer = options.signer.make();
  const Signature signature = signer->sign(package.digest());
  if (options.detach) {
    const std::string path =
        options.output_path.empty() ? options.path + ".sig" : options.output_path;
    write_text(path, format_signature(signature));
    context.say("wrote " + path + ": signature by " + to_string(signature.key_id));
    return;
  }
  const std::string path = options.output_path.empty() ? options.path : options.output_path;
  write_file(path, package.with_signature(signature, signer->public_key()));
  context.say(path + ": signed by " + to_string(signature.key_id));
}

}  // namespace

void add_sign(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("sign", "Add a signature, or make a detached one");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->path, "The package")->required();
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
  verb->footer(
      "Signing without giving this tool a key:\n"
      "  pkgtool build ... --unsigned -o kernel.pku\n"
      "  pkgtool sign --digest kernel.pku -o kernel.digest     # carry it to the key\n"
      "  pkgtool attach kernel.pku kernel.raw --public release.pub");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
