// Passwords: from a file descriptor, the environment or a terminal; never from the command line.
#pragma once

#include <optional>
#include <string>

namespace romdelta::pkgtool {

struct PasswordSource {
  int descriptor = -1;  // --password-fd; -1: not given.
};

// The password of an existing key: the first line of the descriptor, else ROMDELTA_PASSWORD, else
// asked on the terminal. Throws Error (key_or_signature) when none of them can answer.
std::string ask_password(const PasswordSource& source, const std::string& where);

// The password of a new key, asked twice on a terminal; empty: leave the key unprotected. Without
// any source of a password the result is absent.
std::optional<std::string> ask_new_password(const PasswordSource& source);

}  // namespace romdelta::pkgtool
