// The update agent: hands a downloaded package over to the installer, a process of its own, and
// reads its report. A package whose installation was interrupted is simply given again: the
// installer goes on where its journal says.
#pragma once

#include <string>
#include <vector>

#include "format/status.h"

namespace romdelta::ota {

struct InstallerCommand {
  std::string program;
  std::string rom_path;
  std::vector<std::string> trust_paths;
};

struct InstallReport {
  Status status = Status::internal;
  bool is_pending = false;         // The package is needed again.
  bool already_installed = false;  // Nothing had to be written.
  std::string text;                // What the installer says, for people.
};

// Installs the package, however long that takes. Throws cli::Error (io) when there is no installer.
InstallReport install_package(const InstallerCommand& installer, const std::string& package_path);

// The report that the installer printed as JSON, or what stands for its exit status when it could
// not print one.
InstallReport read_install_report(const std::string& output, int exit);

}  // namespace romdelta::ota
