#include "samples/ota/shelf.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "installer/cli/error.h"
#include "samples/ota/files.h"

namespace romdelta::ota {
namespace {

namespace fs = std::filesystem;
using cli::Error;
using cli::Exit;
using Json = nlohmann::ordered_json;

// Runs pkgtool and reads the object that it prints. `exit` gets its status: 1 is an answer, too.
Json run_pkgtool(const CampaignConfig& campaign, std::vector<std::string> arguments, int* exit) {
  arguments.insert(arguments.begin(), campaign.pkgtool);
  arguments.insert(arguments.end(), {"--format", "json"});
  const ProgramResult result = run_program(arguments);
  *exit = result.exit;
  Json json = Json::parse(result.output, nullptr, false);
  if (result.exit > 1 || !json.is_object()) {
    throw Error(Exit::bad_input, "pkgtool ended with status " + std::to_string(result.exit),
                arguments[1]);
  }
  return json;
}

}  // namespace

Shelf::Shelf(const CampaignConfig& campaign, std::string work_folder)
    : campaign_(campaign), work_folder_(std::move(work_folder)) {
  fs::create_directories(work_folder_ + "/full");
  link_full_packages();
}

void Shelf::link_full_packages() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(campaign_.catalog, error)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".pku") continue;
    int exit = 0;
    try {
      const Json info = run_pkgtool(campaign_, {"info", path.string()}, &exit);
      if (!info.at("source").is_null()) continue;
      const fs::path link = fs::path(work_folder_) / "full" / path.filename();
      fs::remove(link);
      fs::create_symlink(fs::absolute(path), link);
    } catch (const std::exception&) {
      // What pkgtool does not understand is no package to send. `pkgtool select` skips it, too.
    }
  }
  if (error) {
    throw Error(Exit::bad_input, "cannot read the folder: " + error.message(), campaign_.catalog);
  }
}

Choice Shelf::choose(const std::map<std::string, RomVersion>& versions, bool full_only) const {
  Json packages = Json::array();
  for (const auto& [package_id, version] : versions) {
    packages.push_back({{"package_id", package_id}, {"version", version.version}});
  }
  const std::string inventory_path = work_folder_ + "/inventory.json";
  write_durably(inventory_path, Json{{"schema", 1}, {"packages", packages}}.dump(
                                    2, ' ', false, Json::error_handler_t::replace));
  std::vector<std::string> arguments{"select",
                                     "--inventory",
                                     inventory_path,
                                     "--catalog",
                                     full_only ? work_folder_ + "/full" : campaign_.catalog,
                                     "--trust",
                                     campaign_.trust_path};
  for (const auto& [package_id, version] : campaign_.wanted) {
    std::string want = package_id;
    want.append("=").append(version);
    arguments.insert(arguments.end(), {"--want", want});
  }
  int exit = 0;
  const Json selection = run_pkgtool(campaign_, arguments, &exit);
  Choice choice;
  choice.is_reached = selection.at("reached");
  if (!choice.is_reached) {
    for (const Json& package : selection.at("packages")) {
      for (const Json& reason : package.at("reasons")) {
        choice.reason += (choice.reason.empty() ? "" : "; ") + reason.get<std::string>();
      }
    }
    return choice;
  }
  const Json& rounds = selection.at("rounds");
  if (rounds.empty()) return choice;
  // One operation after the other; a super package is one. What is left is chosen after it.
  choice.file = fs::path(rounds[0][0].get<std::string>()).filename();
  return choice;
}

std::string Shelf::name_of(const std::string& file) const { return fs::path(file).stem().string(); }

}  // namespace romdelta::ota
