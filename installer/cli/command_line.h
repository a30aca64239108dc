// What the command lines of both tools share: options, the one catch, exit statuses.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "format/bytes.h"
#include "format/status.h"
#include "installer/cli/console.h"
#include "installer/cli/error.h"

namespace romdelta::cli {

enum class ReportFormat { text, json };

void add_progress(CLI::App& app, ProgressMode* mode);
// The option, for those who want to restrict it.
CLI::Option* add_format(CLI::App& app, ReportFormat* format);

// A check for options that take a number: CLI11 reads "-1" as the largest number there is.
std::string not_negative(const std::string& text);

// Parses the command line, which runs the callbacks of `app`, and gives the exit status: `*exit` as
// a callback left it, usage for a wrong command line, or what an Error says. Prints errors on
// standard error.
int run_command_line(CLI::App& app, int argument_count, char** arguments, const Exit* exit);

// "the device does not hold the source of this delta (wrong_source, FUMO 403)".
std::string describe(Status status);

inline std::string text_of(std::string_view view) { return std::string(view); }

// Lower-case hex digits.
std::string to_hex(ByteSpan bytes);

}  // namespace romdelta::cli
