#include "installer/cli/verbs.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "installer/cli/device_lock.h"
#include "installer/cli/key_text.h"
#include "installer/cli/super_file.h"
#include "installer/cli/super_install.h"
#include "installer/confirm.h"

namespace romdelta::cli {
namespace {

using Json = nlohmann::ordered_json;

volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

std::string slot_name(Slot slot) { return slot == Slot::a ? "A" : "B"; }
Json ids_of(const InventoryRecord& record) {
  Json ids = Json::array();
  for (const KeyId& id : record.vouching_keys) {
    if (id != KeyId{}) ids.push_back(to_string(id));
  }
  return ids;
}

const RomRegion& find_region(const RomConfig& rom, const std::string& package_id) {
  for (const RomRegion& region : rom.device().regions) {
    if (region.package_id == package_id) return region;
  }
  throw Error(Exit::usage, "ROM.toml has no region for '" + package_id + "'", "ID");
}

Json release_json(const ReleaseOrder& order) {
  return {{"security_counter", order.security_counter},
          {"device_counter", order.device_counter},
          {"number", order.number}};
}

// What a package has to fit into: what holds for both slots when there are two.
Json slots_json(const RomRegion& region) {
  const FlashRegion& a = region.slot_a;
  const FlashRegion& b = region.slot_b.present() ? region.slot_b : a;
  return {{"count", region.slot_b.present() ? 2 : 1},
          {"bytes", std::min(a.size_bytes(), b.size_bytes())},
          {"rewrite_unit_bytes", std::max(a.rewrite_unit_bytes(), b.rewrite_unit_bytes())},
          {"program_unit_bytes",
           std::max(a.geometry().program_unit_bytes, b.geometry().program_unit_bytes)}};
}

// What is confirmed at once: all that a super package installed.
std::string_view package_of(const Session& session) {
  return session.head()->manifest.package_id.view();
}
std::string_view package_of(const SuperSession&) { return {}; }

bool on_progress(void* context, const Progress& progress) {
  auto* printer = static_cast<ProgressPrinter*>(context);
  printer->update(to_string(progress.stage), progress.done_bytes, progress.total_bytes);
  return interrupted == 0;
}

}  // namespace

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

void stop_on_interrupt() {
  (void)std::signal(SIGINT, on_interrupt);
  (void)std::signal(SIGTERM, on_interrupt);
}

Exit Verbs::provision() {
  const DeviceLock lock(options_.rom_path);
  const RomConfig rom(options_.rom_path, RomAccess::read_write);
  const RomRegion& region = find_region(rom, options_.package_id);
  InventoryRecord record;
  if (!record.package_id.assign(options_.package_id) || !is_valid_version(options_.version) ||
      !record.version.assign(options_.version)) {
    throw Error(Exit::usage, "'" + options_.version + "' is not a version", "VERSION",
                "use 1 to 48 of A-Z a-z 0-9 . _ - + ~ :");
  }
  record.active_slot = options_.slot == "b" ? Slot::b : Slot::a;
  if (!region.slot(record.active_slot).present()) {
    throw Error(Exit::usage, options_.package_id + " has one slot only: slot A", "--slot");
  }
  record.security_counter = options_.security_counter;
  open_journal(rom);
  const bool gives_up = is_pending_in_place() &&
                        pending().package_id().value_or(options_.package_id) == options_.package_id;
  if (gives_up && !options_.force) {
    throw Error(Exit::usage, "an update in place is pending; provisioning would give it up",
                options_.package_id, "give --force if the image was written anew");
  }
  open_inventory(rom);
  InventoryRecord before;
  const Status found = inventory_.find(options_.package_id, &before);
  if (found == Status::ok && before.state != PackageState::factory && !options_.force) {
    throw Error(Exit::usage,
                "version " + text_of(before.version.view()) +
                    " was installed since the factory; provisioning would forget it",
                options_.package_id, "give --force if that is what you want");
  }
  check(inventory_.update(record, options_.device_counter), "inventory");
  if (gives_up || (is_broken_in_place() && options_.force)) close_journal();
  std::cout << options_.package_id << ' ' << options_.version << " provisioned in slot "
            << slot_name(record.active_slot) << '\n';
  return Exit::done;
}

void Verbs::close_journal() {
  // What is appended first after opening has to repeat what is there.
  JournalRecord record = journal_.newest();
  check(journal_.append(record), "journal");
  record.kind = JournalKind::done;
  record.outcome = Status::cancelled;
  record.next = record.spill_sequence = 0;
  check(journal_.append(record), "journal");
  note().clear();
}

Exit Verbs::install() {
  const DeviceLock lock(options_.rom_path);
  return install_package(options_.package_path);
}

Exit Verbs::resume() {
  const DeviceLock lock(options_.rom_path);
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

Exit Verbs::status() {
  const RomConfig rom(options_.rom_path, RomAccess::read_only);
  open_journal(rom);
  const JournalRecord& newest = journal_.newest();
  if (options_.format == ReportFormat::json) {
    Json json{{"schema", 1}, {"pending", is_pending()}};
    if (is_pending()) pending().add_to(&json);
    if (is_broken_in_place()) {
      json["layout"] = to_string(newest.layout);
      json["runnable"] = false;
      json["outcome"] = to_string(newest.outcome);
      json["manifest_digest"] = to_hex(newest.manifest_digest.value);
    }
    std::cout << json.dump(2) << '\n';
    return Exit::done;
  }
  if (is_broken_in_place()) {
    std::cout << "failed: an update in place ended with " << to_string(newest.outcome)
              << "; the image cannot run until a full package is installed\n";
  } else if (!is_pending()) {
    std::cout << "idle: no installation is pending\n";
  } else {
    std::cout << pending().text() << '\n';
    if (const auto path = note().read()) std::cout << "package: " << *path << '\n';
  }
  return Exit::done;
}

Exit Verbs::inventory() {
  const RomConfig rom(options_.rom_path, RomAccess::read_only);
  open_inventory(rom);
  Json list = Json::array();
  const Device& device = rom.device();
  for (std::uint32_t i = 0; i < inventory_.count(); ++i) {
    InventoryRecord record;
    check(inventory_.at(i, &record), "inventory record " + std::to_string(i));
    list.push_back({{"package_id", text_of(record.package_id.view())},
                    {"version", text_of(record.version.view())},
                    {"active_slot", slot_name(record.active_slot)},
                    {"state", to_string(record.state)},
                    {"security_counter", record.security_counter},
                    {"release", release_json(record.release)},
                    {"vouching_keys", ids_of(record)},
                    {"image_bytes", record.image_bytes},
                    {"image_digest", to_hex(record.image_digest.value)},
                    {"manifest_digest", to_hex(record.manifest_digest.value)}});
    for (const RomRegion& region : device.regions) {
      if (region.package_id == record.package_id.view()) list.back()["slots"] = slots_json(region);
    }
  }
  if (options_.format == ReportFormat::json) {
    const Json traits{
        {"vendor", text_of(device.vendor)},
        {"model", text_of(device.model)},
        {"hardware", device.hardware},
        {"security_counter", inventory_.security_counter()},
        {"ram_bytes", rom.ram_budget_bytes()},
        {"scratch_bytes", device.scratch.present() ? device.scratch.size_bytes() : 0}};
    std::cout << Json{{"schema", 1}, {"device", traits}, {"packages", list}}.dump(2) << '\n';
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

void Verbs::open_inventory(const RomConfig& rom) {
  check(inventory_.open(rom.device().inventory, record_buffer_), "inventory");
}

void Verbs::open_journal(const RomConfig& rom) {
  check(journal_.open(rom.device().journal, record_buffer_), "journal");
}

bool Verbs::is_pending() const { return journal_.has_record() && journal_.newest().is_pending(); }

bool Verbs::is_broken_in_place() const {
  const JournalRecord& newest = journal_.newest();
  return journal_.has_record() && newest.kind == JournalKind::done &&
         newest.layout == Layout::in_place && newest.outcome != Status::ok &&
         newest.outcome != Status::cancelled;
}

bool Verbs::is_pending_file(const std::string& path) const {
  if (const std::optional<SuperFile> super = SuperFile::read(path)) {
    return super->index_of(journal_.newest()).has_value();
  }
  const std::optional<PackageHead> head = read_head(path);
  return head && head->manifest_digest == journal_.newest().manifest_digest;
}

Exit Verbs::install_package(const std::string& path) {
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
  const Status trust_status = load_trusted_keys(rom, &keys);
  Device device = rom.device();
  device.trusted_keys = keys;
  const std::optional<std::string> path_before = note().read();
  open_journal(rom);
  // Nothing takes the place of what is pending in place.
  if (!is_pending_in_place() || is_pending_file(path)) note().write(path);

  ProgressPrinter printer(options_.progress, std::cerr);
  SessionOptions session_options;
  session_options.progress = &on_progress;
  session_options.progress_context = &printer;
  std::vector<std::uint8_t> arena(static_cast<std::size_t>(rom.ram_budget_bytes()));
  const auto run = [&](auto* session) {
    Status status = trust_status;
    if (status == Status::ok) status = session->begin(device, arena, session_options);
    if (status == Status::need_input) status = push_file(session, &file);
    if (status == Status::ok) status = session->finish();
    if (status == Status::ok && rom.confirms_at_once()) {
      status = romdelta::confirm(device, record_buffer_, package_of(*session));
    }
    printer.finish();
    open_journal(rom);
    if (!is_pending()) {
      note().clear();
    } else if (path_before && (session->head() == nullptr || !is_pending_file(path))) {
      // This package was refused: what is pending is still the other one.
      note().write(*path_before);
    }
    report(*session, status, path);
    return exit_of(status);
  };
  if (SuperFile::read(path)) return run(std::make_unique<SuperSession>().get());
  return run(std::make_unique<Session>().get());
}

void Verbs::report(const SuperSession& session, Status status, const std::string& path) const {
  if (options_.format == ReportFormat::json) {
    print_super_json(session, status, is_pending());
    return;
  }
  print_super_report(session, status, path);
  if (status != Status::ok && is_pending()) hint_pending();
}

void Verbs::report(const Session& session, Status status, const std::string& path) const {
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
    if (is_pending()) hint_pending();
    return;
  }
  const Manifest& manifest = session.head()->manifest;
  std::cout << manifest.package_id.view() << ' ' << manifest.target.version.view()
            << (session.already_installed() ? " was installed already in slot "
                                            : " is installed in slot ")
            << slot_name(session.target_slot()) << ". " << fumo << '\n';
}

void Verbs::hint_pending() const {
  std::cerr << "hint: `resume` continues the unfinished installation";
  if (!pending().is_runnable()) {
    const std::string package_id = pending().package_id().value_or("a ROM package");
    std::cerr << "; until then " << package_id << " cannot run";
  }
  std::cerr << '\n';
}

void Verbs::report_json(const Session& session, Status status) const {
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
    json["layout"] = to_string(head->manifest.layout);
    json["ram_bytes"] = head->manifest.budgets.ram_bytes;
    json["already_installed"] = session.already_installed();
  }
  std::cout << json.dump(2) << '\n';
}

}  // namespace romdelta::cli
