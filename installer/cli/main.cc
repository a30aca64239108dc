// installer: the reference device program. Its command line; verbs.h does the work.
#include <CLI/CLI.hpp>

#include "installer/cli/command_line.h"
#include "installer/cli/verbs.h"

namespace romdelta::cli {
namespace {

void add_globals(CLI::App& app, Options* options) {
  app.add_option("--rom", options->rom_path, "The device: its regions, journal and inventory")
      ->type_name("ROM.toml")
      ->required();
  app.add_option("--trust", options->trust_paths,
                 "Public key or keyring that is trusted, on a device without a keyring of its own; "
                 "may be given again")
      ->type_name("FILE")
      ->allow_extra_args(false);
  add_progress(app, &options->progress);
  add_format(app, &options->format);
  app.set_version_flag("--version", "installer " ROMDELTA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "stdout is the result, stderr is talk. Exit status: 0 done, 1 refused (the FUMO code says\n"
      "why), 2 usage, 3 bad input, 4 key, 5 I/O or space, 70 internal.");
}

void add_verbs(CLI::App& app, Options* options, Exit* exit) {
  const auto verb = [&](const char* name, const char* help, Exit (Verbs::*function)()) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([options, exit, function] {
      Verbs verbs(*options);
      *exit = (verbs.*function)();
    });
    return sub;
  };
  CLI::App* provision =
      verb("provision", "Record which version the factory wrote", &Verbs::provision);
  provision->add_option("ID", options->package_id, "The ROM package")->required();
  provision->add_option("VERSION", options->version, "Its version")->required();
  provision->add_option("--slot", options->slot, "Where it is: a or b")
      ->capture_default_str()
      ->check(CLI::IsMember({"a", "b"}));
  provision
      ->add_option("--security-counter", options->security_counter,
                   "Lowest security counter that packages must have")
      ->check(not_negative);
  provision
      ->add_option("--device-counter", options->device_counter,
                   "The same of the device as a whole; it is never lowered")
      ->check(not_negative);
  provision->add_flag("--force", options->force, "Even if a package was installed since");
  verb("install", "Install a package into the other slot, or over the only one", &Verbs::install)
      ->add_option("FILE", options->package_path, "The package")
      ->required();
  verb("resume", "Finish an installation that was interrupted", &Verbs::resume)
      ->add_option("FILE", options->package_path, "Its package (default: as at install)");
  verb("status", "Say whether an installation is pending", &Verbs::status);
  verb("inventory", "List the ROM packages and their versions", &Verbs::inventory);
  verb("confirm", "Say that what was installed works: its security counters hold from now on",
       &Verbs::confirm)
      ->add_option("ID", options->package_id, "One ROM package (default: all that wait for it)");
  CLI::App* first = verb("provision-keyring", "Store the keyring that the device leaves with",
                         &Verbs::provision_keyring);
  first->add_option("FILE", options->keyring_path, "The keyring")->required();
  first->add_flag("--force", options->force, "Even if the device has one");
  verb("accept-keyring", "Replace the device's keyring by the one that follows it",
       &Verbs::accept_keyring)
      ->add_option("FILE", options->keyring_path, "The keyring")
      ->required();
  verb("keyring", "Show the device's keyring", &Verbs::keyring);
}

int run(int argument_count, char** arguments) {
  CLI::App app("Installs romdelta packages on the device that ROM.toml describes.", "installer");
  Options options;
  Exit exit = Exit::done;
  add_globals(app, &options);
  add_verbs(app, &options, &exit);
  stop_on_interrupt();
  return run_command_line(app, argument_count, arguments, &exit);
}

}  // namespace
}  // namespace romdelta::cli

int main(int argument_count, char** arguments) {
  return romdelta::cli::run(argument_count, arguments);
}
