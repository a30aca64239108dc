#include "installer/cli/command_line.h"

#include <sodium.h>

#include <iostream>
#include <new>
#include <vector>

#include "format/result_code.h"

namespace romdelta::cli {
namespace {

int report(const std::string& program, const Error& error) {
  std::cerr << program << ": ";
  if (!error.where().empty()) std::cerr << error.where() << ": ";
  std::cerr << error.what() << '\n';
  if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << '\n';
  return static_cast<int>(error.exit());
}

}  // namespace

void add_progress(CLI::App& app, ProgressMode* mode) {
  app.add_option_function<std::string>(
         "--progress",
         [mode](const std::string& name) {
           for (std::size_t i = 0; i < kProgressModeNames.size(); ++i) {
             if (name == kProgressModeNames[i]) *mode = static_cast<ProgressMode>(i);
           }
         },
         "Progress on standard error (auto: a bar on a terminal)")
      ->check(CLI::IsMember(
          std::vector<std::string>(kProgressModeNames.begin(), kProgressModeNames.end())))
      ->type_name("MODE");
}

CLI::Option* add_format(CLI::App& app, ReportFormat* format) {
  return app
      .add_option_function<std::string>(
          "--format",
          [format](const std::string& name) {
            *format = name == "json" ? ReportFormat::json : ReportFormat::text;
          },
          "Result for people or for programs")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
}

std::string not_negative(const std::string& text) {
  const bool negative = text.find('-') != std::string::npos;
  return negative ? text + " is not a number of 0 or more" : "";
}

int run_command_line(CLI::App& app, int argument_count, char** arguments, const Exit* exit) {
  const std::string& program = app.get_name();
  try {
    // Without it libsodium works, but does not use what the CPU has: BLAKE2b takes twice as long.
    if (sodium_init() < 0) throw Error(Exit::internal, "libsodium cannot start");
    app.parse(argument_count, arguments);
    std::cout.flush();
    if (!std::cout) throw Error(Exit::io, "cannot write to standard output");
    return static_cast<int>(*exit);
  } catch (const CLI::RequiredError& error) {
    // CLI11 misses a verb before it complains about what stands in its place.
    const std::vector<std::string> unknown = app.remaining();
    (void)(unknown.empty() ? app.exit(error) : app.exit(CLI::ExtrasError(unknown)));
    return static_cast<int>(Exit::usage);
  } catch (const CLI::ParseError& error) {
    // CLI11 has exit codes of its own; ours are a contract.
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
  } catch (const Error& error) {
    return report(program, error);
  } catch (const std::bad_alloc&) {
    return report(program, Error(Exit::io, "not enough memory"));
  } catch (const std::exception& error) {
    return report(program, Error(Exit::internal, error.what()));
  }
}

std::string describe(Status status) {
  const ResultRow& row = result_row(status);
  return std::string(row.meaning) + " (" + to_string(status) + ", FUMO " +
         std::to_string(static_cast<int>(row.code)) + ")";
}

std::string to_hex(ByteSpan bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace romdelta::cli
