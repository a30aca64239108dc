// The verbs of pkgtool: one file each. Every add_* function declares its options on `app` and what
// to do when the verb was given; main.cc calls them all.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "pkgtool/password.h"
#include "pkgtool/signer.h"

namespace romdelta::pkgtool {

using cli::ProgressMode;
using cli::ProgressPrinter;
using cli::ReportFormat;

// What all verbs share: where results and talk go, and how the program ends.
struct Context {
  std::ostream& out;
  std::ostream& err;
  Exit exit = Exit::done;
  ProgressMode progress = ProgressMode::automatic;
  bool quiet = false;

  // One line of talk on standard error, unless --quiet.
  void say(const std::string& text) const {
    if (!quiet) err << text << '\n';
  }
};

void add_keygen(CLI::App& app, Context& context);
void add_keyring(CLI::App& app, Context& context);
void add_build(CLI::App& app, Context& context);
void add_sign(CLI::App& app, Context& context);
void add_super(CLI::App& app, Context& context);
void add_attach(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_apply(CLI::App& app, Context& context);
void add_prove(CLI::App& app, Context& context);
void add_select(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_explain_size(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);

// Who signs: a key file, or a command together with the public key that its signatures match.
struct SignerOptions {
  std::string key_path;
  std::string command;
  std::string public_path;
  PasswordSource password;

  void add_to(CLI::App& verb);
  bool given() const { return !key_path.empty() || !command.empty(); }
  // Throws Error when not exactly one signer is given or it cannot be made.
  std::unique_ptr<Signer> make() const;
};

// A detached signature: our own text form, or the 64 bytes that an HSM gives. Throws Error.
Signature read_signature(const std::string& path, const PublicKey& key);

// Who is trusted: --trust FILE, public keys or keyrings, once or more.
struct TrustOptions {
  std::vector<std::string> paths;

  void add_to(CLI::App& verb);
  std::vector<PublicKey> load() const;
};

}  // namespace romdelta::pkgtool
