#include "pkgtool/password.h"

#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "installer/cli/error.h"

namespace romdelta::pkgtool {

using cli::Error;
using cli::Exit;

namespace {

// Switches the terminal's echo off as long as it lives.
class SilentTerminal {
 public:
  SilentTerminal() {
    known_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (known_) (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    if (known_) (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  termios before_{};
  bool known_ = false;
};

std::string prompt(const std::string& question) {
  std::cerr << question << std::flush;
  std::string answer;
  {
    const SilentTerminal silent;
    std::getline(std::cin, answer);
  }
  std::cerr << '\n';
  return answer;
}

// Throws Error when there is not even an empty line: a key must not end up without a password
// because a descriptor was mistyped.
std::string read_line(int descriptor) {
  std::string line;
  char c = 0;
  ssize_t got = 0;
  while ((got = ::read(descriptor, &c, 1)) == 1 && c != '\n') line += c;
  if (got < 0 || (got == 0 && line.empty())) {
    throw Error(Exit::key_or_signature, "no password can be read from the descriptor",
                "--password-fd " + std::to_string(descriptor));
  }
  return line;
}

std::optional<std::string> without_terminal(const PasswordSource& source) {
  if (source.descriptor >= 0) return read_line(source.descriptor);
  if (const char* text = std::getenv("ROMDELTA_PASSWORD")) return text;
  return std::nullopt;
}

}  // namespace

std::string ask_password(const PasswordSource& source, const std::string& where) {
  if (std::optional<std::string> password = without_terminal(source)) return *password;
  if (::isatty(STDIN_FILENO) == 1) return prompt("Password of " + where + ": ");
  throw Error(Exit::key_or_signature, "the key is protected by a password", where,
              "give --password-fd or ROMDELTA_PASSWORD, or run on a terminal");
}

std::optional<std::string> ask_new_password(const PasswordSource& source) {
  if (std::optional<std::string> password = without_terminal(source)) return password;
  if (::isatty(STDIN_FILENO) != 1) return std::nullopt;
  while (true) {
    std::string first = prompt("Password for the new key (empty: none): ");
    if (first == prompt("The same again: ")) return first;
    std::cerr << "They differ; try again.\n";
  }
}

}  // namespace romdelta::pkgtool
