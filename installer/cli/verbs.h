// Verbs: what `installer` does, one function a verb. They drive the engine with files and print
// what a management server would be told.
#pragma once

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "format/limits.h"
#include "installer/cli/command_line.h"
#include "installer/cli/pending_note.h"
#include "installer/cli/pending_update.h"
#include "installer/cli/rom_config.h"
#include "installer/inventory.h"
#include "installer/journal.h"
#include "installer/keyring.h"
#include "installer/super_session.h"

namespace romdelta::cli {

// The command line.
struct Options {
  std::string rom_path;
  std::vector<std::string> trust_paths;
  ProgressMode progress = ProgressMode::automatic;
  ReportFormat format = ReportFormat::text;
  std::string package_path;  // install, resume
  std::string package_id;    // provision
  std::string version;
  std::string slot = "a";
  std::uint64_t security_counter = 0;
  std::uint64_t device_counter = 0;
  bool force = false;
  std::string keyring_path;  // provision-keyring, accept-keyring
};

// What a program ends with, and how verbs that are no installation fail. Throws Error.
Exit exit_of(Status status);
void check(Status status, const std::string& where);

// Results go to standard output, talk to standard error. Every verb gives the exit status, or
// throws Error.
class Verbs {
 public:
  explicit Verbs(const Options& options) : options_(options) {}
  Exit provision();
  Exit install();
  Exit resume();
  Exit status();
  Exit inventory();
  // In trust_verbs.cc.
  Exit confirm();
  Exit provision_keyring();
  Exit accept_keyring();
  Exit keyring();

 private:
  PendingNote note() const { return PendingNote(options_.rom_path); }
  void open_inventory(const RomConfig& rom);
  void open_journal(const RomConfig& rom);
  bool is_pending() const;
  bool is_pending_in_place() const {
    return is_pending() && journal_.newest().layout == Layout::in_place;
  }
  // The pending installation. Requires: is_pending().
  PendingUpdate pending() const { return PendingUpdate(journal_.newest(), note().read()); }
  // What could not be finished in place left neither the source nor the target.
  bool is_broken_in_place() const;
  void close_journal();
  // The file is what the journal's newest record names.
  bool is_pending_file(const std::string& path) const;
  // Whom an installation trusts: the device's keyring, or --trust on one that has none.
  Status load_trusted_keys(const RomConfig& rom, std::vector<PublicKey>* keys);
  Exit report_keyring(Status status) const;
  Exit install_package(const std::string& path);
  void hint_pending() const;
  void report(const Session& session, Status status, const std::string& path) const;
  void report(const SuperSession& session, Status status, const std::string& path) const;
  void report_json(const Session& session, Status status) const;

  const Options& options_;
  std::array<std::uint8_t, limits::record_buffer_bytes> record_buffer_;
  Inventory inventory_;
  Journal journal_;
  KeyringStore keyring_;
};

// Stops an installation at the next progress step, as Ctrl-C does: it can be resumed.
void stop_on_interrupt();

}  // namespace romdelta::cli
