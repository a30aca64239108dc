#include <cctype>

#include "pkgtool/commands/commands.h"

namespace romdelta::pkgtool {
namespace {

void print_row(const ResultRow& row, std::ostream& out) {
  out << "  " << to_string(row.status) << ": " << row.meaning << "\n    what to do: " << row.action
      << '\n';
}

void explain_code(unsigned code, Context& context) {
  bool found = false;
  for (unsigned i = 0; i < status_count; ++i) {
    const ResultRow& row = result_row(static_cast<Status>(i));
    if (static_cast<unsigned>(row.code) != code || row.status == Status::need_input) continue;
    if (!found) context.out << "FUMO " << code << ": " << to_string(row.code) << '\n';
    found = true;
    print_row(row, context.out);
  }
  if (found) return;
  context.err << "pkgtool: the installer never reports FUMO code " << code << '\n';
  context.exit = Exit::negative_answer;
}

void explain_status(const std::string& name, Context& context) {
  for (unsigned i = 0; i < status_count; ++i) {
    const ResultRow& row = result_row(static_cast<Status>(i));
    if (name != to_string(row.status)) continue;
    context.out << "FUMO " << static_cast<unsigned>(row.code) << ": " << to_string(row.code)
                << '\n';
    print_row(row, context.out);
    return;
  }
  throw Error(Exit::usage, "'" + name + "' is neither a FUMO code nor a status", "CODE",
              "give a number such as 403 or a name such as wrong_source");
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("explain", "Say what a FUMO result code or status means and what to do");
  auto code = std::make_shared<std::string>();
  verb->add_option("CODE", *code, "A FUMO code (403) or a status (wrong_source)")->required();
  verb->callback([code, &context] {
    const bool is_number = code->size() <= 9 && !code->empty() &&
                           code->find_first_not_of("0123456789") == std::string::npos;
    if (is_number) {
      explain_code(static_cast<unsigned>(std::stoul(*code)), context);
    } else {
      explain_status(*code, context);
    }
  });
}

}  // namespace romdelta::pkgtool
