// installer: the reference device program. It drives the engine with files and prints what a
// management server would be told; the verbs are functions of App.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "installer/cli/key_text.h"
#include "installer/cli/rom_config.h"
#include "installer/session.h"

namespace romdelta::cli {
namespace {

using Json = nlohmann::ordered_json;

// How much of a package is read and pushed at once.
constexpr std::size_t kPieceBytes = 64 << 10;

volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

std::string slot_name(Slot slot) { return slot == Slot::a ? "A" : "B"; }
std::string text_of(std::string_view view) { return std::string(view); }

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
  bool force = false;
};

// Remembers where the package of an unfinished installation is, so that `resume` needs no argument.
// A convenience of this program: the engine does not depend on it.
class PendingNote {
 public:
  explicit PendingNote(const std::string& rom_path) : path_(rom_path + ".pending") {}

  // Whole or not at all, and durable before the journal says that there is something to resume.
  void write(const std::string& package_path) const {
    const std::string text = std::filesystem::absolute(package_path).string() + "\n";
    const std::string fresh = path_ + ".new";
    const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) return;
    const bool written =
        ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(descriptor) == 0;
    (void)::close(descriptor);
    if (written) (void)std::rename(fresh.c_str(), path_.c_str());
  }
  std::optional<std::string> read() const {
    std::ifstream file(path_);
    std::string package_path;
    if (!std::getline(file, package_path) || package_path.empty()) return std::nullopt;
    return package_path;
  }
  void clear() const { (void)::unlink(path_.c_str()); }

 private:
  std::string path_;
};

// One installer at a time for one ROM.toml.
class Lock {
 public:
  explicit Lock(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw Error(Exit::bad_input, std::string("cannot read the file: ") + std::strerror(errno),
                  path);
    }
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      (void)::close(descriptor_);
      throw Error(Exit::io, "another installer is at work on this device", path);
    }
  }
  ~Lock() { (void)::close(descriptor_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_;
};

Exit exit_of(Status status) {
  switch (status) {
    case Status::ok: return Exit::done;
    case Status::flash_read_failed:
    case Status::flash_erase_failed:
    case Status::flash_program_failed:
    case Status::flash_sync_failed: return Exit::io;
    case Status::internal:
    case Status::out_of_order: return Exit::internal;
    default: return Exit::negative_answer;
  }
}

void check(Status status, const std::string& where) {
  if (status == Status::ok) return;
  const ResultRow& row = result_row(status);
  throw Error(exit_of(status), std::string(row.meaning) + " (" + to_string(status) + ")", where,
              row.action);
}

class App {
 public:
  explicit App(const Options& options) : options_(options) {}

  Exit provision() {
    const Lock lock(options_.rom_path);
    const RomConfig rom(options_.rom_path, RomAccess::read_write);
    find_region(rom, options_.package_id);
    InventoryRecord record;
    if (!record.package_id.assign(options_.package_id) || !is_valid_version(options_.version) ||
        !record.version.assign(options_.version)) {
      throw Error(Exit::usage, "'" + options_.version + "' is not a version", "VERSION",
                  "use 1 to 48 of A-Z a-z 0-9 . _ - + ~ :");
    }
    record.active_slot = options_.slot == "b" ? Slot::b : Slot::a;
    record.security_counter = options_.security_counter;
    open_inventory(rom);
    InventoryRecord before;
    const Status found = inventory_.find(options_.package_id, &before);
    if (found == Status::ok && before.state == PackageState::installed && !options_.force) {
      throw Error(Exit::usage,
                  "version " + text_of(before.version.view()) +
                      " was installed since the factory; provisioning would forget it",
                  options_.package_id, "give --force if that is what you want");
    }
    check(inventory_.update(record), "inventory");
    std::cout << options_.package_id << ' ' << options_.version << " provisioned in slot "
              << slot_name(record.active_slot) << '\n';
    return Exit::done;
  }

  Exit install() {
    const Lock lock(options_.rom_path);
    return install_package(options_.package_path);
  }

  Exit resume() {
    const Lock lock(options_.rom_path);
    {
      const RomConfig rom(options_.rom_path, RomAccess::read_write);
      open_journal(rom);
    }
    if (!is_pending()) {
      note().clear();
      if (options_.format == ReportFormat::json) {
        std::cout << Json{{"schema", 1}, {"pending", false}, {"fumo_code", 200}}.dump(2) << '\n';
      } else {
        std::cout << "nothing to resume\n";
      }
      return Exit::done;
    }
    std::optional<std::string> path = note().read();
    if (!options_.package_path.empty()) path = options_.package_path;
    if (!path) {
      throw Error(Exit::usage, "the package of the unfinished installation is not known", {},
                  "give it: installer ... resume FILE.pku");
    }
    return install_package(*path);
  }

  Exit status() {
    const RomConfig rom(options_.rom_path, RomAccess::read_only);
    open_journal(rom);
    const JournalRecord& newest = journal_.newest();
    if (options_.format == ReportFormat::json) {
      Json json{{"schema", 1}, {"pending", is_pending()}};
      if (is_pending()) {
        json["target_slot"] = slot_name(newest.target_slot);
        json["next_chunk"] = newest.next_chunk;
        json["manifest_digest"] = to_hex(newest.manifest_digest.value);
        json["package"] = note().read() ? Json(*note().read()) : Json();
      }
      std::cout << json.dump(2) << '\n';
      return Exit::done;
    }
    if (!is_pending()) {
      std::cout << "idle: no installation is pending\n";
      return Exit::done;
    }
    std::cout << "pending: an installation into slot " << slot_name(newest.target_slot)
              << " was interrupted; `resume` continues at chunk " << newest.next_chunk
              << ", until then the device runs what it ran before\n";
    if (const auto path = note().read()) std::cout << "package: " << *path << '\n';
    return Exit::done;
  }

  Exit inventory() {
    const RomConfig rom(options_.rom_path, RomAccess::read_only);
    open_inventory(rom);
    Json list = Json::array();
    for (std::uint32_t i = 0; i < inventory_.count(); ++i) {
      InventoryRecord record;
      check(inventory_.at(i, &record), "inventory record " + std::to_string(i));
      list.push_back({{"package_id", text_of(record.package_id.view())},
                      {"version", text_of(record.version.view())},
                      {"active_slot", slot_name(record.active_slot)},
                      {"state", to_string(record.state)},
                      {"security_counter", record.security_counter},
                      {"image_bytes", record.image_bytes},
                      {"image_digest", to_hex(record.image_digest.value)},
                      {"manifest_digest", to_hex(record.manifest_digest.value)}});
    }
    if (options_.format == ReportFormat::json) {
      std::cout << Json{{"schema", 1}, {"packages", list}}.dump(2) << '\n';
      return Exit::done;
    }
    for (const Json& entry : list) {
      std::cout << entry["package_id"].get<std::string>() << "  "
                << entry["version"].get<std::string>() << "  slot "
                << entry["active_slot"].get<std::string>() << "  "
                << entry["state"].get<std::string>() << '\n';
    }
    if (list.empty()) std::cout << "the inventory is empty: `provision` comes first\n";
    return Exit::done;
  }

 private:
  static void find_region(const RomConfig& rom, const std::string& package_id) {
    for (const RomRegion& region : rom.device().regions) {
      if (region.package_id == package_id) return;
    }
    throw Error(Exit::usage, "ROM.toml has no region for '" + package_id + "'", "ID");
  }

  PendingNote note() const { return PendingNote(options_.rom_path); }

  void open_inventory(const RomConfig& rom) {
    check(inventory_.open(rom.device().inventory, record_buffer_), "inventory");
  }
  void open_journal(const RomConfig& rom) {
    check(journal_.open(rom.device().journal, record_buffer_), "journal");
  }
  bool is_pending() const {
    return journal_.has_record() && journal_.newest().kind != JournalKind::done;
  }

  bool is_pending_package(const Session& session) const {
    return session.head() != nullptr &&
           session.head()->manifest_digest == journal_.newest().manifest_digest;
  }

  Exit install_package(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      throw Error(Exit::bad_input, std::string("cannot read the file: ") + std::strerror(errno),
                  path);
    }
    if (!std::filesystem::is_regular_file(path) && !std::filesystem::is_block_file(path)) {
      throw Error(Exit::bad_input, "not a regular file", path);
    }
    RomConfig rom(options_.rom_path, RomAccess::read_write);
    std::vector<PublicKey> keys;
    for (const std::string& trust : options_.trust_paths) {
      keys.push_back(parse_public_key(read_text(trust), trust));
    }
    Device device = rom.device();
    device.trusted_keys = keys;
    const std::optional<std::string> path_before = note().read();
    note().write(path);

    ProgressPrinter printer(options_.progress, std::cerr);
    SessionOptions session_options;
    session_options.progress = &App::on_progress;
    session_options.progress_context = &printer;
    std::vector<std::uint8_t> arena(static_cast<std::size_t>(rom.ram_budget_bytes()));
    Session session;
    Status status = session.begin(device, arena, session_options);
    if (status == Status::need_input) status = push_file(&session, &file);
    if (status == Status::ok) status = session.finish();
    printer.finish();
    open_journal(rom);
    if (!is_pending()) {
      note().clear();
    } else if (path_before && !is_pending_package(session)) {
      // This package was refused: what is pending is still the other one.
      note().write(*path_before);
    }
    report(session, status, path);
    return exit_of(status);
  }

  // ok when the file was pushed to its end.
  static Status push_file(Session* session, std::ifstream* file) {
    std::vector<char> piece(kPieceBytes);
    while (true) {
      const std::uint64_t offset = session->next_offset_bytes();
      file->clear();
      file->seekg(static_cast<std::streamoff>(offset));
      file->read(piece.data(), static_cast<std::streamsize>(piece.size()));
      const auto got = static_cast<std::size_t>(file->gcount());
      if (got == 0) return Status::ok;
      const Status status =
          session->push(offset, {reinterpret_cast<const std::uint8_t*>(piece.data()), got});
      if (status != Status::ok && status != Status::need_input) return status;
    }
  }

  static bool on_progress(void* context, const Progress& progress) {
    auto* printer = static_cast<ProgressPrinter*>(context);
    printer->update(to_string(progress.stage), progress.done_bytes, progress.total_bytes);
    return interrupted == 0;
  }

  void report(const Session& session, Status status, const std::string& path) const {
    const ResultCode code = result_code(status);
    if (options_.format == ReportFormat::json) {
      report_json(session, status);
      return;
    }
    const std::string fumo =
        "FUMO " + std::to_string(static_cast<int>(code)) + " (" + to_string(code) + ")";
    if (status != Status::ok) {
      const ResultRow& row = result_row(status);
      std::cout << path << ": not installed: " << row.meaning << " [" << to_string(status) << "]. "
                << fumo << '\n';
      std::cerr << "hint: " << row.action << '\n';
      if (is_pending()) std::cerr << "hint: `resume` continues the unfinished installation\n";
      return;
    }
    const Manifest& manifest = session.head()->manifest;
    std::cout << manifest.package_id.view() << ' ' << manifest.target.version.view()
              << (session.already_installed() ? " was installed already in slot "
                                              : " is installed in slot ")
              << slot_name(session.target_slot()) << ". " << fumo << '\n';
  }

  void report_json(const Session& session, Status status) const {
    Json json{{"schema", 1},
              {"status", to_string(status)},
              {"fumo_code", static_cast<int>(result_code(status))},
              {"message", result_row(status).meaning},
              {"pending", is_pending()},
              {"arena_used_bytes", session.arena_used_bytes()},
              {"resumed_at_chunk", session.resumed_at_chunk()}};
    if (const PackageHead* head = session.head()) {
      json["package_id"] = text_of(head->manifest.package_id.view());
      json["target_version"] = text_of(head->manifest.target.version.view());
      json["target_slot"] = slot_name(session.target_slot());
      json["ram_bytes"] = head->manifest.budgets.ram_bytes;
      json["already_installed"] = session.already_installed();
    }
    std::cout << json.dump(2) << '\n';
  }

  const Options& options_;
  std::array<std::uint8_t, limits::record_buffer_bytes> record_buffer_;
  Inventory inventory_;
  Journal journal_;
};

void add_globals(CLI::App& app, Options* options) {
  app.add_option("--rom", options->rom_path, "The device: its regions, journal and inventory")
      ->type_name("ROM.toml")
      ->required();
  app.add_option("--trust", options->trust_paths, "Public key that is trusted; may be given again")
      ->type_name("NAME.pub")
      ->allow_extra_args(false);
  add_progress(app, &options->progress);
  add_format(app, &options->format);
  app.set_version_flag("--version", "installer " ROMDELTA_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "stdout is the result, stderr is talk. Exit status: 0 done, 1 refused (the FUMO code says\n"
      "why), 2 usage, 3 bad input, 4 key, 5 I/O or space, 70 internal.");
}

void add_verbs(CLI::App& app, Options* options, Exit* exit) {
  const auto verb = [&](const char* name, const char* help, Exit (App::*function)()) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([options, exit, function] {
      App program(*options);
      *exit = (program.*function)();
    });
    return sub;
  };
  CLI::App* provision =
      verb("provision", "Record which version the factory wrote", &App::provision);
  provision->add_option("ID", options->package_id, "The ROM package")->required();
  provision->add_option("VERSION", options->version, "Its version")->required();
  provision->add_option("--slot", options->slot, "Where it is: a or b")
      ->capture_default_str()
      ->check(CLI::IsMember({"a", "b"}));
  provision
      ->add_option("--security-counter", options->security_counter,
                   "Lowest security counter that packages must have")
      ->check(not_negative);
  provision->add_flag("--force", options->force, "Even if a package was installed since");
  verb("install", "Install a package into the other slot", &App::install)
      ->add_option("FILE", options->package_path, "The package")
      ->required();
  verb("resume", "Finish an installation that was interrupted", &App::resume)
      ->add_option("FILE", options->package_path, "Its package (default: as at install)");
  verb("status", "Say whether an installation is pending", &App::status);
  verb("inventory", "List the ROM packages and their versions", &App::inventory);
}

int run(int argument_count, char** arguments) {
  CLI::App app("Installs romdelta packages on the device that ROM.toml describes.", "installer");
  Options options;
  Exit exit = Exit::done;
  add_globals(app, &options);
  add_verbs(app, &options, &exit);
  (void)std::signal(SIGINT, on_interrupt);
  (void)std::signal(SIGTERM, on_interrupt);
  return run_command_line(app, argument_count, arguments, &exit);
}

}  // namespace
}  // namespace romdelta::cli

int main(int argument_count, char** arguments) {
  return romdelta::cli::run(argument_count, arguments);
}
