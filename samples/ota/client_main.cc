// ota_client: the DM client of one device. Its command line; device.h does the work.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "installer/cli/command_line.h"
#include "samples/ota/device.h"

namespace romdelta::ota {
namespace {

int run(int argument_count, char** arguments) {
  CLI::App app("A device's DM client, download agent and update agent.", "ota_client");
  std::string config_path;
  std::string request;
  bool until_idle = false;
  cli::Exit exit = cli::Exit::done;
  bool must_reboot = false;
  app.add_option("--device", config_path, "The device")->type_name("device.toml")->required();
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit status: 0 done, 2 usage, 3 bad input, 5 I/O, 70 internal. A reboot of the device is a\n"
      "new start of this program with the same arguments.");
  CLI::App* run = app.add_subcommand("run", "Work until a signal says to stop");
  run->add_flag("--until-idle", until_idle,
                "Call the server now, and end when nothing is to be done");
  run->callback([&] {
    Device device(read_device_config(config_path));
    must_reboot = device.run(until_idle) == RunEnd::reboot;
  });
  CLI::App* ask =
      app.add_subcommand("request", "Ask the server for an update, on behalf of the user");
  ask->add_option("TEXT", request, "What to tell the server");
  ask->callback([&] {
    Device device(read_device_config(config_path));
    device.request_update(request);
  });
  const int status = cli::run_command_line(app, argument_count, arguments, &exit);
  if (status == 0 && must_reboot) {
    (void)::execvp(arguments[0], arguments);
    return static_cast<int>(cli::Exit::io);
  }
  return status;
}

}  // namespace
}  // namespace romdelta::ota

int main(int argument_count, char** arguments) {
  return romdelta::ota::run(argument_count, arguments);
}
