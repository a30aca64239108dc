// `pkgtool keyring`: the verbs below it, and what they share.
#pragma once

#include "pkgtool/commands/commands.h"
#include "pkgtool/keyring_file.h"

namespace romdelta::pkgtool {

// init, add, revoke, rotate: what makes drafts. In keyring_edit.cc.
void add_keyring_edits(CLI::App& keyring, Context& context);

}  // namespace romdelta::pkgtool
