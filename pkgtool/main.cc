// pkgtool: the command line. Wiring, the one catch, and the exit status; nothing else.
#include <iostream>
#include <new>

#include "pkgtool/commands/commands.h"

namespace romdelta::pkgtool {
namespace {

int report(const Error& error, std::ostream& err) {
  err << "pkgtool: ";
  if (!error.where().empty()) err << error.where() << ": ";
  err << error.what() << '\n';
  if (!error.hint().empty()) err << "hint: " << error.hint() << '\n';
  return static_cast<int>(error.exit());
}

void add_globals(CLI::App& app, Context& context) {
  static const std::map<std::string, ProgressMode> modes = {{"auto", ProgressMode::automatic},
                                                            {"bar", ProgressMode::bar},
                                                            {"plain", ProgressMode::plain},
                                                            {"json", ProgressMode::json},
                                                            {"none", ProgressMode::none}};
  app.add_option("--progress", context.progress, "auto, bar, plain, json or none")
      ->transform(CLI::CheckedTransformer(modes))
      ->type_name("MODE");
  app.add_flag("-q,--quiet", context.quiet, "Results and errors only");
  app.set_version_flag("--version", std::string("pkgtool ") + ROMDELTA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "stdout is the result, stderr is talk. Exit status: 0 done, 1 the answer is no, 2 usage,\n"
      "3 bad input, 4 key or signature, 5 I/O or space, 70 internal.");
}

int run(int argument_count, char** arguments) {
  CLI::App app("Builds signed firmware update packages from ROM images.", "pkgtool");
  Context context{std::cout, std::cerr};
  add_globals(app, context);
  add_keygen(app, context);
  add_build(app, context);
  add_sign(app, context);
  add_attach(app, context);
  add_verify(app, context);
  add_info(app, context);
  add_apply(app, context);
  add_explain(app, context);
  add_completion(app, context);
  try {
    app.parse(argument_count, arguments);
    std::cout.flush();
    if (!std::cout) throw Error(Exit::io, "cannot write to standard output");
    return static_cast<int>(context.exit);
  } catch (const CLI::ParseError& error) {
    // CLI11 has exit codes of its own; ours are a contract.
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
  } catch (const Error& error) {
    return report(error, std::cerr);
  } catch (const std::bad_alloc&) {
    return report(Error(Exit::io, "not enough memory"), std::cerr);
  } catch (const std::exception& error) {
    return report(Error(Exit::internal, error.what()), std::cerr);
  }
}

}  // namespace
}  // namespace romdelta::pkgtool

int main(int argument_count, char** arguments) {
  return romdelta::pkgtool::run(argument_count, arguments);
}
