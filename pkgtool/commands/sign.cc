#include "pkgtool/commands/signing.h"
#include "pkgtool/package_file.h"

namespace romdelta::pkgtool {
namespace {

void run(const SignOptions& options, Context& context) {
  options.check();
  const PackageFile package(options.path);
  const std::optional<KeyId> id = sign_document(options, {package.digest(), package}, context);
  if (id) context.say(options.signed_path() + ": signed by " + to_string(*id));
}

}  // namespace

void add_sign(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("sign", "Add a signature, or make a detached one");
  auto options = std::make_shared<SignOptions>();
  options->add_to(*verb, "The package");
  verb->footer(
      "Signing without giving this tool a key:\n"
      "  pkgtool build ... --unsigned -o kernel.pku\n"
      "  pkgtool sign --digest kernel.pku -o kernel.digest     # carry it to the key\n"
      "  pkgtool attach kernel.pku kernel.raw --public release.pub");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
