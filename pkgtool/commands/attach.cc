#include "pkgtool/commands/signing.h"
#include "pkgtool/package_file.h"

namespace romdelta::pkgtool {
namespace {

void run(const AttachOptions& options, Context& context) {
  const PackageFile package(options.path);
  const KeyId id = attach_signature(options, {package.digest(), package});
  context.say(options.signed_path() + ": signed by " + to_string(id));
}

}  // namespace

void add_attach(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("attach", "Add a signature that was made elsewhere");
  auto options = std::make_shared<AttachOptions>();
  options->add_to(*verb, "The package");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
