#include "samples/ota/campaign.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "installer/cli/error.h"
#include "samples/ota/auth.h"

namespace romdelta::ota {
namespace {

constexpr const char* kRoot = "./FwUpdate";
constexpr const char* kRomPackages = "./Vendor/MSFT/ROMPackage";
constexpr const char* kAlertPrefix = "org.openmobilealliance.dm.firmwareupdate.";
constexpr const char* kOldAlertPrefix = "org.openmobilealliance.firmwareupdate.";
constexpr const char* kTypePrefix = "Reversed-Domain-Name:";
constexpr std::size_t kInfoMax = 100;  // Nodes and ROM packages that are kept of a device.
constexpr std::size_t kResultsMax = 50;

bool is_below(const std::string& uri, const std::string& root) {
  return uri.starts_with(root + '/');
}

// "org.openmobilealliance.dm.firmwareupdate.download" -> "download"; empty for what is not FUMO's.
std::string operation_of(std::string type) {
  const auto trim = [&] {
    type.erase(0, type.find_first_not_of(" \t\r\n"));
    type.erase(type.find_last_not_of(" \t\r\n") + 1);
  };
  trim();
  if (type.starts_with(kTypePrefix)) type.erase(0, std::string(kTypePrefix).size());
  trim();
  for (const std::string prefix : {kAlertPrefix, kOldAlertPrefix}) {
    if (type.starts_with(prefix)) return type.substr(prefix.size());
  }
  return {};
}

Command get(const std::string& uri) {
  Command command;
  command.verb = Verb::get;
  command.items.emplace_back().target = uri;
  return command;
}

}  // namespace

Campaign::Campaign(const CampaignConfig& config, const Shelf& shelf, DeviceRecord* record,
                   std::uint64_t now_s)
    : config_(config), shelf_(shelf), record_(record), now_s_(now_s) {
  record_->last_seen_s = now_s;
}

bool Campaign::wants_session(const DeviceRecord& record, std::uint64_t now_s) {
  switch (record.phase) {
    case Phase::unknown:
    case Phase::downloaded: return true;
    case Phase::waiting: return now_s >= record.try_again_s;
    case Phase::executing:  // It calls when it has something to tell.
    case Phase::done:
    case Phase::stopped: break;
  }
  return false;
}

void Campaign::on_device_info(const Item& item) {
  const std::string& uri = item.source.empty() ? item.target : item.source;
  if (!is_below(uri, "./DevInfo") || record_->info.size() >= kInfoMax) return;
  record_->info[uri] = item.data.value_or("");
}

void Campaign::on_result(const Item& item) {
  const std::string& uri = item.source;
  const std::string data = item.data.value_or("");
  if (uri == kRoot) {
    objects_.clear();
    for (std::size_t begin = 0; begin < data.size();) {
      const std::size_t end = std::min(data.find('/', begin), data.size());
      objects_.push_back(data.substr(begin, end - begin));
      begin = end + 1;
    }
  } else if (!record_->object_id.empty() && uri == node("State")) {
    record_->fumo_state = data;
    state_is_known_ = true;
  } else if (is_below(uri, kRomPackages) && versions_.size() < kInfoMax) {
    const std::string rest = uri.substr(std::string(kRomPackages).size() + 1);
    const std::size_t slash = rest.find('/');
    if (slash == std::string::npos) return;
    const std::string leaf = rest.substr(slash + 1);
    if (leaf == "PkgVersion") versions_[rest.substr(0, slash)].version = data;
    if (leaf == "State") versions_[rest.substr(0, slash)].state = data;
  }
}

void Campaign::on_status(Verb verb, const std::string& target, int code) {
  if (step_ != Step::await) return;
  if (verb == Verb::exec && code < 300) record_->phase = Phase::executing;
  if (code < 300) return;
  if (verb == Verb::get || verb == Verb::remove) return;
  stop(std::string(to_string(verb)) + " of " + target + " was answered " + std::to_string(code));
}

int Campaign::on_alert(const Command& command) {
  if (command.items.empty()) return status::incomplete;
  const Item& item = command.items[0];
  const std::string operation = operation_of(item.meta.type);
  if (operation == "devicerequest" || operation == "userrequest") {
    // What the device lacks is found out in this session anyway.
    if (record_->phase != Phase::executing) record_->phase = Phase::unknown;
    record_->note = operation + ": " + item.data.value_or("");
    return status::ok;
  }
  if (operation != "download" && operation != "update" && operation != "downloadandupdate") {
    return status::optional_feature;
  }
  const std::string text = item.data.value_or("");
  const bool is_code = text.size() == 3 && text.find_first_not_of("0123456789") == text.npos;
  if (!is_code) return status::incomplete;
  // An alert that is told twice has one effect, and one of another operation none.
  const std::string object = std::string(kRoot) + '/' + record_->object_id;
  const bool is_ours = record_->is_open && record_->correlator == command.correlator &&
                       (item.source.empty() || item.source == object || item.source == kRoot ||
                        is_below(item.source, object));
  if (!is_ours) return status::ok;
  react(operation, std::stoi(text));
  return status::ok;
}

// docs/result-codes.md: what a server can do without a person.
void Campaign::react(const std::string& type, int code) {
  record_->is_open = false;
  if (record_->results.size() >= kResultsMax) record_->results.erase(record_->results.begin());
  record_->results.push_back({record_->package, type, code});
  const std::string name = type + " of " + record_->package + " ended with " + std::to_string(code);
  record_->note = name;
  if (code >= 200 && code < 300) {
    record_->failures = 0;
    if (type != "download") record_->full_only = false;
    record_->phase = type == "download" ? Phase::downloaded : Phase::unknown;
    return;
  }
  switch (code) {
    case 401:  // The user may say yes another time.
    case 402:
    case 407:
    case 410:
    case 412:
    case 457:
    case 503: try_again(name); return;
    case 403:
    case 455:
      // What the device has is not what its versions say.
      if (record_->full_only) {
        stop(name + ", of a full package, too");
        return;
      }
      record_->full_only = true;
      record_->phase = Phase::unknown;
      return;
    default: stop(name); return;
  }
}

void Campaign::try_again(const std::string& why) {
  if (++record_->failures > config_.retries) {
    stop(why + ", " + std::to_string(record_->failures) + " times");
    return;
  }
  record_->phase = Phase::waiting;
  record_->try_again_s = now_s_ + (config_.retry_s << (record_->failures - 1));
}

void Campaign::stop(const std::string& why) {
  record_->phase = Phase::stopped;
  record_->note = why;
  step_ = Step::end;
}

std::vector<Command> Campaign::next() {
  switch (step_) {
    case Step::ask: {
      step_ = Step::prepare;
      std::vector<Command> commands{get(std::string(kRomPackages) + "?list=StructData"),
                                    get(kRoot)};
      if (!record_->object_id.empty()) commands.push_back(get(node("State")));
      return commands;
    }
    case Step::prepare: {
      if (!versions_.empty()) record_->versions = versions_;
      step_ = Step::end;
      if (record_->phase == Phase::waiting && now_s_ < record_->try_again_s) return {};
      if (record_->phase == Phase::stopped) return {};
      // The device is at it. If it knows nothing of that, it was reset, or never heard it: from the
      // beginning.
      if (record_->is_open && state_is_known_ && record_->fumo_state != "10") {
        record_->phase = Phase::executing;
        return {};
      }
      if (record_->phase == Phase::downloaded) {
        step_ = Step::await;
        record_->is_open = true;
        return {exec("Update")};
      }
      return begin_operation();
    }
    case Step::await: step_ = Step::end; return read_state();
    case Step::end: break;
  }
  return {};
}

std::vector<Command> Campaign::begin_operation() {
  Choice choice;
  try {
    choice = shelf_.choose(record_->versions, record_->full_only);
  } catch (const cli::Error& error) {
    choice.reason = std::string(error.what()) + " (" + error.where() + ')';
  }
  std::vector<Command> commands;
  // What earlier operations left.
  for (const std::string& object : objects_) {
    commands.push_back(remove(std::string(kRoot) + '/' + object));
  }
  if (!choice.is_reached) {
    stop("nothing leads to " + config_.release + ": " + choice.reason);
    return {};
  }
  if (choice.file.empty()) {
    record_->phase = Phase::done;
    record_->note = "has " + config_.release;
    return commands;
  }
  ++record_->operations;
  const std::string number = std::to_string(record_->operations);
  record_->object_id = "update" + number;
  record_->correlator = config_.with_correlator ? "operation-" + number : "";
  record_->package = choice.file;
  record_->is_open = true;
  record_->phase = Phase::unknown;
  record_->note = "gets " + choice.file;
  step_ = Step::await;
  Command add;
  add.verb = Verb::add;
  add.items.push_back(make_value(node("PkgName"), "chr", shelf_.name_of(choice.file)));
  add.items.push_back(make_value(node("PkgVersion"), "chr", config_.release));
  const std::string url = config_.packages_url + choice.file;
  switch (config_.delivery) {
    case Delivery::download_and_update:
      add.items.push_back(make_value(node("DownloadAndUpdate/PkgURL"), "chr", url));
      commands.insert(commands.end(), {add, exec("DownloadAndUpdate")});
      break;
    case Delivery::download_then_update:
      add.items.push_back(make_value(node("Download/PkgURL"), "chr", url));
      commands.insert(commands.end(), {add, exec("Download")});
      break;
    case Delivery::push: {
      std::ifstream file(shelf_.path_of(choice.file), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      Command replace;
      replace.verb = Verb::replace;
      replace.items.push_back(make_value(node("Update/PkgData"), "b64", base64(bytes)));
      replace.items[0].meta.type = "application/octet-stream";
      commands.insert(commands.end(), {add, replace, exec("Update")});
      break;
    }
  }
  return commands;
}

std::vector<Command> Campaign::read_state() {
  return record_->phase == Phase::executing ? std::vector<Command>{get(node("State"))}
                                            : std::vector<Command>{};
}

Command Campaign::exec(const char* operation) {
  Command command;
  command.verb = Verb::exec;
  command.correlator = record_->correlator;
  command.items.emplace_back().target = node(operation);
  return command;
}

Command Campaign::remove(const std::string& uri) {
  Command command;
  command.verb = Verb::remove;
  command.items.emplace_back().target = uri;
  return command;
}

std::string Campaign::node(const std::string& leaf) const {
  return std::string(kRoot) + '/' + record_->object_id + '/' + leaf;
}

}  // namespace romdelta::ota
