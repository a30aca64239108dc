#include "samples/ota/update_agent.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "installer/cli/error.h"
#include "samples/ota/files.h"

namespace romdelta::ota {
namespace {

std::optional<Status> status_named(const std::string& name) {
  for (unsigned i = 0; i < status_count; ++i) {
    const auto status = static_cast<Status>(i);
    if (name == to_string(status)) return status;
  }
  return std::nullopt;
}

}  // namespace

InstallReport read_install_report(const std::string& output, int exit) {
  InstallReport report;
  const nlohmann::json json = nlohmann::json::parse(output, nullptr, false);
  if (json.is_object() && json.contains("status") && json["status"].is_string()) {
    const std::string name = json["status"];
    report.status = status_named(name).value_or(Status::internal);
    const auto flag = [&](const char* key) {
      return json.contains(key) && json[key].is_boolean() && json[key].get<bool>();
    };
    report.is_pending = flag("pending");
    report.already_installed = flag("already_installed");
    report.text = name;
    return report;
  }
  // It did not come as far as a session with the package.
  report.is_pending = true;
  report.text = "the installer ended with status " + std::to_string(exit);
  report.status =
      exit == static_cast<int>(cli::Exit::io) ? Status::flash_read_failed : Status::internal;
  return report;
}

InstallReport install_package(const InstallerCommand& installer, const std::string& package_path) {
  if (!std::filesystem::is_regular_file(package_path)) {
    InstallReport report;
    report.status = Status::package_missing;
    report.text = "there is no package at " + package_path;
    return report;
  }
  std::vector<std::string> arguments{installer.program, "--rom", installer.rom_path, "--format",
                                     "json"};
  for (const std::string& path : installer.trust_paths) {
    arguments.insert(arguments.end(), {"--trust", path});
  }
  arguments.insert(arguments.end(), {"install", package_path});
  const ProgramResult result = run_program(arguments);
  return read_install_report(result.output, result.exit);
}

}  // namespace romdelta::ota
