#include "samples/ota/device.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "installer/cli/console.h"
#include "installer/cli/rom_config.h"
#include "samples/ota/download.h"
#include "samples/ota/files.h"
#include "samples/ota/http_post.h"
#include "samples/ota/message_log.h"
#include "samples/ota/update_agent.h"

namespace romdelta::ota {
namespace {

namespace fs = std::filesystem;
using cli::Error;
using cli::Exit;

// The adapter's records: two halves of whole erase blocks (docs/dm.md).
constexpr std::uint64_t kRecordsBytes = 128 << 10;
constexpr FlashGeometry kRecordsGeometry{4096, 512, false};
// A server that cannot be reached is called again, less and less often.
constexpr int kRetryMs = 1000;
constexpr int kRetryMsMax = 60'000;
// How often a postponed question and the time for a call are looked at.
constexpr int kTickMs = 1000;

volatile std::sig_atomic_t stop_asked = 0;
void on_stop(int) { stop_asked = 1; }

void check(romdelta_status status, const char* where) {
  if (status == ROMDELTA_OK) return;
  const ResultRow& row = result_row(static_cast<Status>(status));
  throw Error(Exit::io, row.meaning, where, row.action);
}

std::uint64_t now_s() { return static_cast<std::uint64_t>(std::time(nullptr)); }

// The id is the server's text: not a name for a file.
std::string location_of(const std::string& object_id) {
  const std::string digest = md5(object_id);
  return cli::to_hex({reinterpret_cast<const std::uint8_t*>(digest.data()), digest.size()}) +
         ".pkg";
}

}  // namespace

Device::Device(const DeviceConfig& config)
    : config_(config),
      state_path_(config.state_folder + "/device.json"),
      push_(config.push_host, config.push_port),
      user_(config_) {
  fs::create_directories(config_.state_folder + "/packages");
  lock_ = std::make_unique<FileLock>(config_.state_folder + "/lock");
  state_ = load_state(state_path_);
  if (state_.client_nonce.empty()) state_.client_nonce = config_.account.client.nonce;
  if (state_.server_nonce.empty()) state_.server_nonce = config_.account.server.nonce;
  rom_ = std::make_unique<cli::RomConfig>(config_.rom_path, cli::RomAccess::read_only);
  const std::string records_path = config_.state_folder + "/fwupdate.records";
  int error_number = 0;
  if (records_file_.open(records_path.c_str(), FileFlash::Access::create, kRecordsBytes,
                         kRecordsGeometry, &error_number) != Status::ok) {
    throw Error(Exit::io, "cannot open: " + std::string(std::strerror(error_number)), records_path);
  }
  records_ =
      std::make_unique<RegionFlash>(FlashRegion(&records_file_, 0, records_file_.size_bytes()));
  inventory_ = std::make_unique<RegionFlash>(rom_->device().inventory);
  host_.context = this;
  host_.records = records_->region();
  host_.inventory = inventory_->region();
  host_.access = &allows;
  host_.package_begin = &package_begin;
  host_.package_write = &package_write;
  host_.package_commit = &package_commit;
  host_.package_discard = &package_discard;
  host_.state_changed = &state_changed;
  dm_ = std::make_unique<romdelta_dm>();
  check(romdelta_dm_begin(dm_.get(), &host_), records_path.c_str());
  tree_ = std::make_unique<DmTree>(dm_.get(), config_.facts);
}

Device::~Device() = default;

RunEnd Device::run(bool until_idle) {
  (void)std::signal(SIGTERM, on_stop);
  (void)std::signal(SIGINT, on_stop);
  bool must_call = until_idle;
  std::uint64_t next_poll_s = now_s() + config_.poll_s;
  int retry_ms = kRetryMs;
  while (stop_asked == 0) {
    bool must_reboot = false;
    if (work_on_task(&must_reboot)) {
      if (must_reboot) return RunEnd::reboot;
      continue;
    }
    if (config_.poll_s > 0 && now_s() >= next_poll_s) must_call = true;
    if (must_call || has_alert()) {
      next_poll_s = now_s() + config_.poll_s;
      if (hold_session(false, 0)) {
        must_call = false;
        retry_ms = kRetryMs;
      } else if (wait_for_push(retry_ms)) {
        must_call = false;
      } else {
        retry_ms = std::min(2 * retry_ms, kRetryMsMax);
      }
      continue;
    }
    if (until_idle && had_session_) return RunEnd::stopped;
    (void)wait_for_push(kTickMs);
  }
  return RunEnd::stopped;
}

void Device::request_update(const std::string& text) {
  check(romdelta_dm_request(dm_.get(), ROMDELTA_DM_USER_REQUEST, nullptr, text.c_str()), "request");
}

bool Device::has_alert() {
  romdelta_dm_alert pending{};
  return romdelta_dm_next_alert(dm_.get(), config_.account.server.name.c_str(), 0, &pending);
}

// True when the session came to its end, and the server believed us.
bool Device::hold_session(bool from_server, std::uint16_t session_id) {
  if (!from_server) session_id = ++state_.session_id;
  Account account = config_.account;
  account.client.nonce = state_.client_nonce;
  account.server.nonce = state_.server_nonce;
  ClientSession session(
      account, config_.facts.id, dm_.get(), tree_.get(), {session_id, from_server},
      [this](const std::string& text, bool question) { return user_.show(text, question); });
  MessageLog log(config_.log_folder, account.encoding);
  say("session " + session_id_text(session_id) + (from_server ? ", as notified" : ""));
  try {
    std::optional<Envelope> message = session.begin();
    while (message) {
      log.add(session_id, "client", *message);
      const Envelope reply = post_message(account.server_url, account.encoding, *message);
      log.add(session_id, "server", reply);
      message = session.answer(reply);
    }
    say(session.text());
  } catch (const Error& error) {
    say(std::string(error.what()) + " (" + error.where() + ")");
  }
  tree_->drop_object();
  state_.client_nonce = session.client_nonce();
  state_.server_nonce = session.server_nonce();
  state_.server_nonce_before = session.server_nonce_before();
  save();
  had_session_ = had_session_ || session.end() == ClientSession::End::done;
  return session.end() == ClientSession::End::done;
}

// True when a notification came and its session was held.
bool Device::wait_for_push(int timeout_ms) {
  const std::optional<std::string> datagram = push_.wait(timeout_ms);
  if (!datagram) return false;
  try {
    const Notification notification = authentic_notification(unwrap_push(*datagram));
    state_.ui_mode = notification.ui_mode;
    save();
    return hold_session(true, notification.session_id);
  } catch (const Error& error) {
    say(std::string(error.what()) + " (" + error.where() + ")");
    return false;
  }
}

// A session that broke off may have left the server with the nonce before.
Notification Device::authentic_notification(std::string_view package) const {
  Identity server = config_.account.server;
  if (!state_.server_nonce_before.empty() && state_.server_nonce_before != state_.server_nonce) {
    server.nonce = state_.server_nonce_before;
    try {
      return decode_notification(package, server);
    } catch (const Error&) {
      // Then it has to be the newest.
    }
  }
  server.nonce = state_.server_nonce;
  return decode_notification(package, server);
}

bool Device::work_on_task(bool* must_reboot) {
  romdelta_dm_task task{};
  if (!romdelta_dm_next_task(dm_.get(), &task)) return false;
  if (state_.accepted != task.number && !ask_user(task)) return false;
  if (task.work == ROMDELTA_DM_DOWNLOAD) {
    download_package(task);
    return stop_asked == 0;
  }
  *must_reboot = update(task);
  return true;
}

// True when the task may go on now.
bool Device::ask_user(const romdelta_dm_task& task) {
  if (state_.postponed == task.number && now_s() < state_.ask_again_s) return false;
  const std::uint64_t postpones = state_.postponed == task.number ? state_.postpones : 0;
  switch (user_.decide(task.object_id, state_.ui_mode, postpones)) {
    case Decision::accept:
      state_.accepted = task.number;
      save();
      return true;
    case Decision::postpone:
      state_.postponed = task.number;
      state_.ask_again_s = now_s() + config_.postpone_s;
      state_.postpones = postpones + 1;
      save();
      say("the user postpones the update");
      return false;
    case Decision::decline: break;
  }
  say("the user declines the update");
  check(task.work == ROMDELTA_DM_DOWNLOAD
            ? romdelta_dm_download_done(dm_.get(), task.number, ROMDELTA_CANCELLED, nullptr)
            : romdelta_dm_update_done(dm_.get(), task.number, ROMDELTA_CANCELLED, false),
        "records");
  return false;
}

void Device::download_package(const romdelta_dm_task& task) {
  const std::string location = location_of(task.object_id);
  cli::ProgressPrinter printer(cli::ProgressMode::automatic, std::cerr);
  DownloadOptions options;
  options.url = task.url;
  options.path = package_path(location);
  options.user = config_.download_user;
  options.password = config_.download_password;
  options.space_bytes_max = config_.space_bytes_max;
  options.attempts = config_.attempts;
  options.pause_ms = config_.pause_ms;
  options.stall_timeout_s = config_.stall_timeout_s;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    printer.update("download", done, total);
    return stop_asked == 0;
  };
  options.log = [this](const std::string& line) { say(line); };
  say("download " + options.url);
  const DownloadResult result = download(options);
  printer.finish();
  // Power off by a signal is not the user's word: the download goes on at the next start.
  if (result.status == Status::cancelled && stop_asked != 0) return;
  say("download: " + result.text + ", " + std::to_string(result.received_bytes) + " of " +
      std::to_string(result.total_bytes) + " bytes received in " + std::to_string(result.requests) +
      " requests");
  check(romdelta_dm_download_done(dm_.get(), task.number,
                                  static_cast<romdelta_status>(result.status), location.c_str()),
        "records");
}

// True when the device has to be started again.
bool Device::update(const romdelta_dm_task& task) {
  check(romdelta_dm_update_started(dm_.get(), task.number), "records");
  say(std::string("install ") + task.location);
  InstallReport report;
  try {
    report = install_package({config_.installer, config_.rom_path, config_.trust_paths},
                             package_path(task.location));
  } catch (const Error& error) {
    report.text = error.what();
  }
  if (stop_asked != 0 && report.status != Status::ok) return false;
  // The new release has to run before it is reported: what is installed is asked for once more
  // then.
  if (report.status == Status::ok && state_.installed != task.number) {
    state_.installed = task.number;
    save();
    say("installed; the device starts again");
    return true;
  }
  const ResultCode code = result_code(report.status);
  say("update: " + report.text + ", FUMO " + std::to_string(static_cast<int>(code)));
  check(romdelta_dm_update_done(dm_.get(), task.number, static_cast<romdelta_status>(report.status),
                                report.is_pending),
        "records");
  return false;
}

std::string Device::package_path(const std::string& location) const {
  return config_.state_folder + "/packages/" + fs::path(location).filename().string();
}

void Device::save() const { save_state(state_, state_path_); }

void Device::say(const std::string& text) const {
  std::cerr << config_.facts.id << ": " << text << '\n';
}

// Only the server of the account may touch the tree, and no other is ever asked.
romdelta_dm_answer Device::allows(void* self, const char* server_id, const char*,
                                  romdelta_dm_command) {
  const auto& device = *static_cast<Device*>(self);
  return device.config_.account.server.name == server_id ? ROMDELTA_DM_OK : ROMDELTA_DM_DENIED;
}

bool Device::package_begin(void* self, const char* object_id, std::uint64_t total_bytes) {
  const auto& device = *static_cast<Device*>(self);
  const std::string path = device.package_path(location_of(object_id));
  discard_download(path);
  return total_bytes <= device.config_.space_bytes_max;
}

bool Device::package_write(void* self, const char* object_id, std::uint64_t offset_bytes,
                           const std::uint8_t* bytes, std::size_t count) {
  const auto& device = *static_cast<Device*>(self);
  if (offset_bytes + count > device.config_.space_bytes_max) return false;
  const std::string path = device.package_path(location_of(object_id)) + ".part";
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file.write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(count));
  return static_cast<bool>(file.flush());
}

bool Device::package_commit(void* self, const char* object_id, char* location,
                            std::size_t capacity) {
  const auto& device = *static_cast<Device*>(self);
  const std::string name = location_of(object_id);
  const std::string path = device.package_path(name);
  if (name.size() >= capacity || !sync_file(path + ".part")) return false;
  std::error_code error;
  fs::rename(path + ".part", path, error);
  if (error) return false;
  sync_folder(device.config_.state_folder + "/packages");
  (void)std::snprintf(location, capacity, "%s", name.c_str());
  return true;
}

bool Device::package_discard(void* self, const char* location) {
  const auto& device = *static_cast<Device*>(self);
  discard_download(device.package_path(location));
  sync_folder(device.config_.state_folder + "/packages");
  return true;
}

void Device::state_changed(void* self, const char* object_id, int from, int to) {
  static_cast<Device*>(self)->say(std::string("./FwUpdate/") + object_id + ": State " +
                                  std::to_string(from) + " -> " + std::to_string(to));
}

}  // namespace romdelta::ota
