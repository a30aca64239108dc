#include "samples/ota/user.h"

#include <unistd.h>
#include <iostream>

#include "samples/ota/files.h"

namespace romdelta::ota {
namespace {

UserMode mode_of(const DeviceConfig& config, UiMode ui_mode) {
  if (config.user_mode != UserMode::server) return config.user_mode;
  switch (ui_mode) {
    case UiMode::background: return UserMode::silent;
    case UiMode::informative: return UserMode::forced;
    case UiMode::interaction:
    case UiMode::not_specified: break;
  }
  return UserMode::ask;
}

}  // namespace

Decision User::decide(const std::string& package, UiMode ui_mode, std::uint64_t postpones) const {
  switch (mode_of(config_, ui_mode)) {
    case UserMode::silent: return Decision::accept;
    case UserMode::forced:
      std::cerr << "device: an update begins now: " << package << '\n';
      return Decision::accept;
    case UserMode::ask:
    case UserMode::server: break;
  }
  const bool may_postpone = postpones < config_.postpones_max;
  const std::string answer = ask("Install the update " + package +
                                 (may_postpone ? "? accept, postpone or decline: "
                                               : "? It was postponed often. accept or decline: "));
  if (answer == "accept") return Decision::accept;
  if (answer == "decline") return Decision::decline;
  // No answer is no consent, but it is no refusal either.
  return may_postpone ? Decision::postpone : Decision::decline;
}

bool User::show(const std::string& text, bool is_question) const {
  if (is_question) return ask(text + " accept or decline: ") == "accept";
  std::cerr << "device: the server says: " << text << '\n';
  return true;
}

// The first word of the answer; empty when there is nobody.
std::string User::ask(const std::string& text) const {
  std::string answer;
  if (!config_.ask_command.empty()) {
    answer = run_program({"/bin/sh", "-c", config_.ask_command, "ask", text}).output;
  } else if (::isatty(STDIN_FILENO) == 1) {
    std::cerr << text << std::flush;
    std::getline(std::cin, answer);
  }
  const std::size_t begin = answer.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return answer.substr(begin, answer.find_first_of(" \t\r\n", begin) - begin);
}

}  // namespace romdelta::ota
