// ota_server: the DM server. Its command line; server.h does the work.
#include <CLI/CLI.hpp>

#include "installer/cli/command_line.h"
#include "samples/ota/server.h"

namespace romdelta::ota {
namespace {

int run(int argument_count, char** arguments) {
  CLI::App app("A DM server that brings devices to a release.", "ota_server");
  std::string config_path;
  const cli::Exit exit = cli::Exit::done;
  app.add_option("--config", config_path, "The server, its devices and the release")
      ->type_name("server.toml")
      ->required();
  app.require_subcommand(1);
  app.fallthrough();
  app.footer("Exit status: 0 done, 2 usage, 3 bad input, 5 I/O, 70 internal.");
  app.add_subcommand("run", "Serve until a signal says to stop")->callback([&] {
    Server(read_server_config(config_path)).run();
  });
  return cli::run_command_line(app, argument_count, arguments, &exit);
}

}  // namespace
}  // namespace romdelta::ota

int main(int argument_count, char** arguments) {
  return romdelta::ota::run(argument_count, arguments);
}
