#include <algorithm>

#include "pkgtool/commands/commands.h"

namespace romdelta::pkgtool {
namespace {

// The long options of a verb, those of verbs below it, and those of the program that work behind
// it, with the two dashes; each once.
std::vector<std::string> long_options(const CLI::App& verb) {
  std::vector<const CLI::App*> apps = {&verb};
  for (const CLI::App* below : verb.get_subcommands({})) apps.push_back(below);
  apps.push_back(verb.get_parent());
  std::vector<std::string> names;
  for (const CLI::App* app : apps) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& lname : option->get_lnames()) {
        const std::string name = "--" + lname;
        const bool is_wanted = app != apps.back() || (lname != "help" && lname != "version");
        if (is_wanted && std::ranges::find(names, name) == names.end()) names.push_back(name);
      }
    }
  }
  return names;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  return names;
}

void print_bash(const CLI::App& app, std::ostream& out) {
  out << "_pkgtool() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} words=\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    words=\""
      << join(verb_names(app)) << "\"\n  else\n    case ${COMP_WORDS[1]} in\n";
  for (const CLI::App* verb : app.get_subcommands({})) {
    out << "      " << verb->get_name() << ") words=\"" << join(long_options(*verb)) << "\" ;;\n";
  }
  out << "    esac\n  fi\n"
         "  case $word in\n"
         "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n"
         "    *) if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "         COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "       else\n"
         "         COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "       fi ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _pkgtool pkgtool\n";
}

void print_zsh(const CLI::App& app, std::ostream& out) {
  out << "#compdef pkgtool\nautoload -U +X bashcompinit && bashcompinit\n";
  print_bash(app, out);
}

void print_fish(const CLI::App& app, std::ostream& out) {
  for (const CLI::App* verb : app.get_subcommands({})) {
    out << "complete -c pkgtool -n __fish_use_subcommand -f -a " << verb->get_name() << " -d '"
        << verb->get_description() << "'\n";
    for (const std::string& name : long_options(*verb)) {
      out << "complete -c pkgtool -n '__fish_seen_subcommand_from " << verb->get_name() << "' -l "
          << name.substr(2) << '\n';
    }
  }
}

}  // namespace

void add_completion(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer("  source <(pkgtool completion bash)");
  verb->callback([shell, &app, &context] {
    if (*shell == "bash") print_bash(app, context.out);
    if (*shell == "zsh") print_zsh(app, context.out);
    if (*shell == "fish") print_fish(app, context.out);
  });
}

}  // namespace romdelta::pkgtool
