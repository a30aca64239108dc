// Bytes -> commands of servers, reports of agents, restarts and cuts of power, on the management
// object, whose flash may hold a forged record at first. Whatever happens, an operation that was
// accepted is at work or its alert waits, until that was answered; it has one result; and states
// change along the arrows of Figure 2.
#include <algorithm>
#include <map>

#include "installer/dm/dm_log.h"
#include "installer/dm/dm_state.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/dm_rig.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr std::uint64_t kRegionBytes = 16 * 1024;
constexpr FlashGeometry kDisk = {4096, 512, false};
constexpr FlashGeometry kNor = {4096, 128, true};
constexpr int kStepsMax = 200;

std::string text_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

// What the world knows of an operation.
struct Operation {
  bool has_correlator = false;
  std::string correlator;
  std::string result;  // As the server saw it.
  bool is_answered = false;
  bool may_be_answered = false;  // Power failed while the answer was written.
  bool is_foreign = false;       // Of a forged record: its correlator is not known yet.
};

class World {
 public:
  World(const std::uint8_t* data, std::size_t size)
      : input_(data, size), rig_((data[0] & 1) != 0 ? kNor : kDisk, kRegionBytes) {}

  void run() {
    const std::uint8_t options = input_.u8();
    is_forged_ = (options & 2) != 0;
    if (is_forged_) forge();
    restart();
    check();
    may_appear_ = is_forged_ = false;
    for (int i = 0; i < kStepsMax && !input_.empty(); ++i) step();
    rig_.access = nullptr;
    rig_.discard_fails = false;
    restart();
    finish();
  }

 private:
  // A record with a right checksum and any content.
  void forge() {
    const Bytes content = input_.take(input_.u16() % 1200);
    DmRecordHeader header{
        static_cast<std::uint32_t>(content.size()), std::uint64_t{1} + input_.u8(), {}};
    ChecksumStream checksum = begin_dm_checksum(header);
    checksum.update(content);
    header.checksum = checksum.finish();
    Bytes bytes(DmRecordHeader::bytes);
    ByteWriter writer(bytes);
    encode_dm_header(header, &writer);
    bytes.insert(bytes.end(), content.begin(), content.end());
    bytes.resize(round_up(bytes.size(), rig_.flash.geometry().program_unit_bytes), 0xff);
    require(rig_.flash.program(0, bytes), "blank flash is programmed");
    may_appear_ = true;
  }

  std::string uri() {
    static constexpr const char* kUris[] = {"./FwUpdate",
                                            "./FwUpdate/A",
                                            "./FwUpdate/B",
                                            "./FwUpdate/A/PkgName",
                                            "./FwUpdate/A/PkgVersion",
                                            "./FwUpdate/A/Download",
                                            "./FwUpdate/A/Download/PkgURL",
                                            "./FwUpdate/A/Update",
                                            "./FwUpdate/A/Update/PkgData",
                                            "./FwUpdate/A/DownloadAndUpdate",
                                            "./FwUpdate/A/DownloadAndUpdate/PkgURL",
                                            "./FwUpdate/A/State",
                                            "./FwUpdate/B/Download",
                                            "./FwUpdate/B/Download/PkgURL",
                                            "./FwUpdate/B/Update",
                                            "./FwUpdate/B/Update/PkgData",
                                            "./Vendor/MSFT/ROMPackage"};
    static constexpr const char* kQueries[] = {"",           "?list=StructData", "?list=Struct",
                                               "?prop=Type", "?prop=Size",       "?prop=Name"};
    const std::uint8_t which = input_.u8();
    std::string uri;
    if (which < 192) {
      uri = kUris[which % std::size(kUris)];
    } else {
      uri = which < 224 ? "./FwUpdate/" : "";
      for (const std::uint8_t byte : input_.take(which % 32 * 8)) {
        if (byte != 0) uri.push_back(static_cast<char>(byte));
      }
    }
    const std::uint8_t query = input_.u8();
    return query < 200 ? uri : uri + kQueries[query % std::size(kQueries)];
  }

  void step() {
    if (cut_next_) rig_.flash.cut_after(input_.u8() % 8);
    const bool is_cut_planned = cut_next_;
    cut_next_ = false;
    command(input_.u8() % 20);
    const bool has_to_restart = is_cut_planned || rig_.flash.is_cut();
    if (has_to_restart) restart();
    check();
    may_appear_ = false;
  }

  void command(std::uint8_t which) {
    switch (which) {
      case 0:
      case 1: rig_.add(uri(), text_of(input_.take(input_.u8()))); break;
      case 2:
      case 3: rig_.replace(uri(), text_of(input_.take(input_.u8())), "chr"); break;
      case 4: rig_.remove(uri()); break;
      case 5:
      case 6:
      case 7: exec(); break;
      case 8: get(); break;
      case 9:
      case 10: piece(); break;
      case 11: static_cast<void>(rig_.download_done(status())); break;
      case 12: static_cast<void>(rig_.update_started()); break;
      case 13: static_cast<void>(rig_.update_done(status(), (input_.u8() & 1) != 0)); break;
      case 14: answer(); break;
      case 15: request(); break;
      case 16: restart(); break;
      case 17: mishaps(); break;
      case 18: cut_next_ = true; break;
      default: look(); break;
    }
  }

  Status status() {
    const std::uint8_t byte = input_.u8();
    return byte < 128 ? Status::ok : static_cast<Status>(byte - 128);
  }

  void exec() {
    const std::string node = uri();
    const std::uint8_t length = input_.u8();
    last_exec_ = {};
    last_exec_.has_correlator = length >= 64;
    for (const std::uint8_t byte : input_.take(length % 80)) {
      if (byte != 0) last_exec_.correlator.push_back(static_cast<char>(byte));
    }
    if (!last_exec_.has_correlator) last_exec_.correlator.clear();
    const bool was_at_work = rig_.task().has_value();
    const int answered =
        rig_.exec(node, last_exec_.has_correlator ? last_exec_.correlator.c_str() : nullptr);
    if (answered == ROMDELTA_DM_ACCEPTED) {
      require(!was_at_work, "one operation at a time");
      const auto task = rig_.task();
      require(task.has_value(), "what was accepted is at work");
      require(operations_.emplace(task->number, last_exec_).second, "a number is new");
    } else if (rig_.flash.is_cut()) {
      may_appear_ = true;
    }
  }

  void get() {
    std::vector<DmItem> items;
    if (rig_.get(uri(), &items) != ROMDELTA_DM_OK) return;
    require(!items.empty(), "a Get that succeeds brings something");
    for (const DmItem& item : items) {
      DmAddress address;
      require(parse_dm_address(item.uri, &address) == ROMDELTA_DM_OK, "items have addresses");
      require(dm_uri(address.node, address.id).text == item.uri, "addresses are canonical");
      require(is_dm_text(item.value), "values can be put into XML");
    }
  }

  void piece() {
    const std::string node = uri();
    const std::uint8_t bits = input_.u8();
    const std::string bytes = text_of(input_.take(bits % 64));
    const std::uint64_t total = (bits & 64) != 0 ? input_.u16() : 0;
    rig_.piece((bits & 1) != 0 ? ROMDELTA_DM_ADD : ROMDELTA_DM_REPLACE, node, bytes,
               (bits & 128) != 0, total);
  }

  void answer() {
    const auto alert = rig_.alert();
    if (!alert) return;
    const int with = (input_.u8() & 3) == 0 ? 401 : 200;
    const Status done = rig_.answer(with);
    const auto found = operations_.find(alert->number);
    if (found == operations_.end()) return;
    if (done == Status::ok && with == 200) found->second.is_answered = true;
    if (done != Status::ok) found->second.may_be_answered = true;
  }

  void request() {
    const std::uint8_t bits = input_.u8();
    std::string text;
    for (const std::uint8_t byte : input_.take(bits % 80)) {
      if (byte != 0) text.push_back(static_cast<char>(byte));
    }
    romdelta_dm_request(rig_.dm.get(), static_cast<romdelta_dm_request_kind>(bits & 3),
                        (bits & 4) != 0 ? "A" : nullptr, text.c_str());
  }

  void mishaps() {
    const std::uint8_t bits = input_.u8();
    rig_.store_is_full = (bits & 1) != 0;
    rig_.commit_fails = (bits & 2) != 0;
    rig_.discard_fails = (bits & 4) != 0;
    rig_.access = nullptr;
    if ((bits & 8) != 0) {
      rig_.access = [](const std::string&, const std::string&, romdelta_dm_command) {
        return ROMDELTA_DM_DENIED;
      };
    }
    if ((bits & 16) != 0) romdelta_dm_drop_object(rig_.dm.get());
  }

  void look() {
    const std::string node = uri();
    romdelta_dm_node described{};
    const bool is_node = romdelta_dm_is_node(rig_.dm.get(), node.c_str());
    const int answer = romdelta_dm_describe(rig_.dm.get(), node.c_str(), &described);
    if (!rig_.flash.is_cut()) {
      require(is_node == (answer == ROMDELTA_DM_OK), "a node is what can be described");
    }
    if (is_node) require(romdelta_dm_owns(node.c_str()), "its address belongs here");
  }

  void restart() { require(rig_.restart(), "the device starts"); }

  // No operation is lost, none comes back, none has two results.
  void check() {
    for (const DmMove& move : rig_.moves) {
      require(is_dm_arrow(static_cast<DmState>(move.from), static_cast<DmState>(move.to)),
              "states change along the arrows");
    }
    rig_.moves.clear();
    std::vector<std::uint32_t> present;
    if (const auto task = rig_.task()) {
      Operation& operation = known(task->number);
      require(operation.result.empty(), "nothing is tried again after its result was seen");
      require(!operation.is_answered, "what was answered is over");
      require(task->work == ROMDELTA_DM_DOWNLOAD ? task->url[0] != 0 : task->location[0] != 0,
              "a task says what to work on");
      present.push_back(task->number);
    }
    for (auto alert = rig_.alert(); alert; alert = rig_.alert(nullptr, alert->number)) {
      require(is_dm_text(alert->correlator), "a correlator can be put into XML");
      if (std::string(alert->type).ends_with("request")) continue;
      Operation& operation = known(alert->number);
      require(!operation.is_answered, "an alert that was answered is not sent again");
      if (operation.is_foreign) {
        operation.has_correlator = alert->has_correlator;
        operation.correlator = alert->correlator;
        operation.is_foreign = false;
      }
      require(operation.has_correlator == alert->has_correlator &&
                  operation.correlator == alert->correlator,
              "the correlator comes back");
      require(operation.result.empty() || operation.result == alert->data, "there is one result");
      operation.result = alert->data;
      present.push_back(alert->number);
    }
    for (auto& [number, operation] : operations_) {
      const bool is_present = std::ranges::find(present, number) != present.end();
      if (operation.may_be_answered && !is_present) operation.is_answered = true;
      operation.may_be_answered = false;
      require(operation.is_answered || is_present, "no operation is lost");
    }
  }

  // An operation that nobody has heard of comes from a forged record, or from an Exec whose answer
  // did not get out.
  Operation& known(std::uint32_t number) {
    const auto found = operations_.find(number);
    if (found != operations_.end()) return found->second;
    require(may_appear_, "operations do not come from nowhere");
    Operation operation = last_exec_;
    operation.is_foreign = is_forged_;
    return operations_.emplace(number, operation).first->second;
  }

  // Whatever was done to it, the device can be updated.
  void finish() {
    check();
    while (const auto task = rig_.task()) {
      const bool is_download = task->work == ROMDELTA_DM_DOWNLOAD;
      require(is_download ? rig_.download_done(Status::bad_url) : rig_.update_done(),
              "work can be ended");
    }
    while (rig_.alert()) require(rig_.answer(), "alerts can be answered");
    rig_.remove("./FwUpdate/A");
    require(rig_.add("./FwUpdate/A/Download/PkgURL", "http://a/b") == ROMDELTA_DM_OK ||
                rig_.get("./FwUpdate/A") == ROMDELTA_DM_NOT_FOUND,
            "an object can be made again, or there is no room for one");
  }

  FuzzInput input_;
  DmRig rig_;
  std::map<std::uint32_t, Operation> operations_;
  Operation last_exec_;
  bool is_forged_ = false;
  bool may_appear_ = false;  // An operation that nobody has heard of.
  bool cut_next_ = false;
};

}  // namespace

// [options u8][forged record][steps].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  World(data, size).run();
  return 0;
}
