// pkgtool: the command line. Wiring only; installer/cli/command_line.cc has the one catch.
#include <iostream>

#include "pkgtool/commands/commands.h"

namespace romdelta::pkgtool {
namespace {

int run(int argument_count, char** arguments) {
  CLI::App app("Builds signed firmware update packages from ROM images.", "pkgtool");
  Context context{std::cout, std::cerr};
  cli::add_progress(app, &context.progress);
  app.add_flag("-q,--quiet", context.quiet, "Results and errors only");
  app.set_version_flag("--version", "pkgtool " ROMDELTA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "stdout is the result, stderr is talk. Exit status: 0 done, 1 the answer is no, 2 usage,\n"
      "3 bad input, 4 key or signature, 5 I/O or space, 70 internal.");
  add_keygen(app, context);
  add_keyring(app, context);
  add_build(app, context);
  add_super(app, context);
  add_sign(app, context);
  add_attach(app, context);
  add_verify(app, context);
  add_info(app, context);
  add_apply(app, context);
  add_prove(app, context);
  add_select(app, context);
  add_explain(app, context);
  add_explain_size(app, context);
  add_completion(app, context);
  return cli::run_command_line(app, argument_count, arguments, &context.exit);
}

}  // namespace
}  // namespace romdelta::pkgtool

int main(int argument_count, char** arguments) {
  return romdelta::pkgtool::run(argument_count, arguments);
}
