// The power-cut campaign over whole transactions: a super package of six members, A/B and in place,
// delta and full, cut at each of its operations.
//
//   super_campaign cuts    one cut at each operation, in every way
//   super_campaign pairs   a second cut at each operation of each recovery
//   super_campaign others  after each cut another package, and another super package, is offered
//
// After every cut the inventory must name all sources or all targets (L8), and what may be started
// must hold what it names; the next boot with the super package must end with all targets. The
// short form is for every change; --long takes more flashes, and every way to tear.
#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

#include "pkgtool/simulated_shapes.h"
#include "tests/super/product.h"

namespace romdelta::test {
namespace {

using pkgtool::Fault;
using pkgtool::FaultKind;
using pkgtool::FaultPath;
using pkgtool::FlashOp;
using pkgtool::Part;
using pkgtool::SimulatedStorage;

constexpr const char* kModes[] = {"cuts", "pairs", "others"};
constexpr const char* kShort[] = {"tiny", "disk"};
constexpr const char* kLong[] = {"tiny", "tiny64", "tiny1", "mini", "disk", "disk-sync", "nor16"};
constexpr std::size_t kLossesShown = 5;

struct Options {
  std::string mode;
  bool is_long = false;
  std::string only;
  std::string replay;
  std::uint64_t seed = 1;
  std::size_t every = 0;  // Of the operations; 0: as the mode has it.
  unsigned thread_count = std::max(1u, std::thread::hardware_concurrency());
};

// What one thread found.
struct Count {
  std::uint64_t cuts = 0;
  std::uint64_t boots = 0;
  std::uint64_t sources = 0;  // After the cut all sources were named,
  std::uint64_t targets = 0;  // or all targets.
  std::uint64_t blocked = 0;  // Others that were refused,
  std::uint64_t taken = 0;    // or accepted.
  std::vector<std::string> losses;

  void add(const Count& other) {
    cuts += other.cuts;
    boots += other.boots;
    sources += other.sources;
    targets += other.targets;
    blocked += other.blocked;
    taken += other.taken;
    losses.insert(losses.end(), other.losses.begin(), other.losses.end());
  }
};

// The other things that somebody may offer in between.
struct Others {
  explicit Others(const Product& product) {
    const RomPart& kernel = product.parts().front();
    package = product.build(kernel, {}, kernel.source, "1.5");
    std::vector<Bytes> members;
    for (const RomPart& part : product.parts()) {
      members.push_back(product.build(part, {}, part.target, "2.0"));
    }
    SuperFacts facts = product.facts();
    (void)facts.release.assign("other");
    super = product.super_of(members, facts);
  }
  Bytes package;  // The kernel's source under another version.
  MadeSuper super;
};

class Campaign {
 public:
  Campaign(const Options& options, const char* geometry)
      : options_(options), geometry_(geometry), product_(product_options(geometry)) {
    if (options.mode == "others") others_.emplace(product_);
    ProductDevice device(product_);
    device.boot(device.provisioned());
    device.simulator().record_ops(true);
    const InstallResult result = device.install_super(product_.super().file);
    log_ = device.simulator().log();
    if (result.status != Status::ok || !device.simulator().violations().empty()) {
      total_.losses.push_back(std::string("the uninterrupted installation ends with ") +
                              to_string(result.status));
    }
    limits_.every_style = options.is_long && options.mode == "cuts";
    limits_.prefixes = options.is_long ? 16 : 4;
    limits_.subsets = options.is_long ? 64 : 8;
    limits_.losses = options.is_long ? 128 : 16;
  }

  void run() {
    if (!total_.losses.empty()) return;
    if (!options_.replay.empty()) {
      replay();
      return;
    }
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < options_.thread_count; ++i) {
      threads.emplace_back([this] { work(); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  bool report() const {
    std::printf("%s/%s: %zu operations, %llu cuts, %llu boots; sources named %llu, targets %llu",
                options_.mode.c_str(), geometry_, log_.size(), number(total_.cuts),
                number(total_.boots), number(total_.sources), number(total_.targets));
    if (others_) {
      std::printf("; others refused %llu, taken %llu", number(total_.blocked),
                  number(total_.taken));
    }
    std::printf("; lost %zu\n", total_.losses.size());
    for (std::size_t i = 0; i < std::min(kLossesShown, total_.losses.size()); ++i) {
      std::printf("  LOST %s\n", total_.losses[i].c_str());
    }
    return total_.losses.empty() && (total_.cuts != 0 || !options_.replay.empty());
  }

 private:
  static unsigned long long number(std::uint64_t value) { return value; }

  static ProductOptions product_options(const char* geometry) {
    ProductOptions options;
    options.geometry = *pkgtool::find_geometry(geometry);
    // A block of 4 KiB is as much work as eight of 512.
    if (options.geometry.flash.erase_block_bytes >= 4096) options.scale = 0.5;
    return options;
  }

  void work() {
    ProductDevice device(product_);
    SimulatedStorage before = device.provisioned();
    std::size_t applied = 0;
    Count count;
    const std::size_t every = options_.every != 0                             ? options_.every
                              : options_.mode == "pairs" && !options_.is_long ? 5
                                                                              : 1;
    while (true) {
      const std::size_t op = every * next_op_.fetch_add(1);
      if (op >= log_.size()) break;
      for (; applied < op; ++applied) before.apply(log_[applied]);
      for (const Fault& fault : cuts_at(before, log_[op], op, limits_, options_.seed)) {
        // The other modes are about what comes after the cut.
        if (options_.mode != "cuts" && fault.kind != FaultKind::cut_before &&
            fault.variant % 7 != 0) {
          continue;
        }
        SimulatedStorage after = before;
        if (!cut_power(&after, log_[op], fault)) continue;
        ++count.cuts;
        judge(&device, after, {fault}, &count);
      }
    }
    const std::lock_guard lock(mutex_);
    total_.add(count);
  }

  void lose(const FaultPath& path, const std::string& what, Count* count) const {
    count->losses.push_back(std::string(geometry_) + ": " + to_string(path) + ": " + what);
  }

  void judge(ProductDevice* device, const SimulatedStorage& after, const FaultPath& path,
             Count* count) const {
    const std::string fault = device->fault_of(after, false);
    if (!fault.empty()) lose(path, fault, count);
    const bool is_stable = after.is_stable();
    const ProductSet set =
        device->set_of(is_stable ? after : after.settled(pkgtool::Settled::before));
    (set == ProductSet::source ? count->sources : count->targets) += 1;
    if (others_) offer(device, after, path, count);
    recover(device, after, path, options_.mode == "pairs" && path.size() == 1, count);
  }

  // Boots and gives it the super package again.
  void recover(ProductDevice* device, const SimulatedStorage& after, const FaultPath& path,
               bool cuts_again, Count* count) const {
    device->boot(after);
    device->simulator().record_ops(cuts_again);
    device->simulator().limit_ops(3 * log_.size() + 64);
    const InstallResult result = device->install_super(product_.super().file);
    ++count->boots;
    if (result.status != Status::ok) {
      lose(path, std::string("the next boot ends with ") + to_string(result.status), count);
      return;
    }
    const std::string fault = device->fault_of(device->simulator().storage(), true);
    if (!fault.empty()) lose(path, fault, count);
    if (device->set_of(device->simulator().storage()) != ProductSet::target) {
      lose(path, "the targets are not named", count);
    }
    if (!device->simulator().violations().empty()) {
      lose(path, device->simulator().violations().front(), count);
    }
    if (!cuts_again) return;
    const std::vector<FlashOp> log = device->simulator().log();
    SimulatedStorage before = after;
    before.boot();
    for (std::size_t op = 0; op < log.size(); ++op) {
      for (const Fault& second : seconds_at(before, log[op], op)) {
        SimulatedStorage twice = before;
        if (!cut_power(&twice, log[op], second)) continue;
        ++count->cuts;
        judge(device, twice, {path[0], second}, count);
      }
      before.apply(log[op]);
    }
  }

  // One way for each kind of cut.
  std::vector<Fault> seconds_at(const SimulatedStorage& storage, const FlashOp& op,
                                std::size_t index) const {
    pkgtool::FaultLimits few;
    few.prefixes = 1;
    few.subsets = few.losses = 2;
    few.every_style = false;
    std::vector<Fault> all = cuts_at(storage, op, index, few, options_.seed);
    if (!options_.is_long && all.size() > 2) {
      const Fault chosen = all[2 + pkgtool::mixed(options_.seed, index) % (all.size() - 2)];
      all = {all[0], chosen};
    }
    return all;
  }

  // Another package, then another super package: each is refused without a write, or does what it
  // says and nothing else.
  void offer(ProductDevice* device, const SimulatedStorage& after, const FaultPath& path,
             Count* count) const {
    for (const bool is_super : {false, true}) {
      device->boot(after);
      const Status status = is_super ? device->install_super(others_->super.file).status
                                     : device->install_package(others_->package);
      ++count->boots;
      SimulatedStorage& storage = device->simulator().storage();
      if (status == Status::update_pending) {
        ++count->blocked;
        if (device->simulator().op_count() != 0) lose(path, "a refusal that writes", count);
        continue;
      }
      // All targets are there already: the other super package has nothing to do.
      ++count->taken;
      if (status != Status::ok) {
        lose(path, std::string("another package ends with ") + to_string(status), count);
        continue;
      }
      if (is_super) {
        const std::string fault = device->fault_of(storage, true);
        if (!fault.empty() || device->set_of(storage) != ProductSet::target) {
          lose(path, "another super package: " + fault, count);
        }
        continue;
      }
      judge_package(device, storage, path, count);
    }
  }

  // The kernel has the version of the package, all others are as they were.
  void judge_package(ProductDevice* device, const SimulatedStorage& storage, const FaultPath& path,
                     Count* count) const {
    std::size_t sources = 0;
    std::size_t targets = 0;
    std::size_t given = 0;
    for (const InventoryRecord& record : device->records(storage)) {
      sources += record.version.view() == "1.0" ? 1u : 0u;
      targets += record.version.view() == "2.0" ? 1u : 0u;
      given += record.version.view() == "1.5" ? 1u : 0u;
    }
    const std::size_t rest = product_.parts().size() - 1;
    if (given != 1 || (sources != rest && targets != rest)) lose(path, "L8 a mixture", count);
  }

  void replay() {
    const std::optional<FaultPath> path = pkgtool::parse_fault_path(options_.replay);
    if (!path || path->empty()) throw CLI::ValidationError("--replay", "no line of this program");
    ProductDevice device(product_);
    SimulatedStorage before = device.provisioned();
    for (std::size_t i = 0; i < path->front().op; ++i) before.apply(log_[i]);
    FaultPath done = {path->front()};
    if (!cut_power(&before, log_[path->front().op], path->front())) return;
    if (path->size() == 2) {
      device.boot(before);
      device.simulator().record_ops(true);
      (void)device.install_super(product_.super().file);
      const std::vector<FlashOp> log = device.simulator().log();
      before.boot();
      for (std::size_t i = 0; i < path->back().op; ++i) before.apply(log[i]);
      if (!cut_power(&before, log[path->back().op], path->back())) return;
      done = *path;
    }
    ++total_.cuts;
    judge(&device, before, done, &total_);
  }

  const Options& options_;
  const char* geometry_;
  Product product_;
  std::optional<Others> others_;
  std::vector<FlashOp> log_;
  pkgtool::FaultLimits limits_;
  std::atomic<std::size_t> next_op_ = 0;
  std::mutex mutex_;
  Count total_;
};

int run(int argument_count, char** arguments) {
  CLI::App app("Cuts the power at every operation of a super package.", "super_campaign");
  Options options;
  app.add_option("MODE", options.mode, "cuts, pairs or others")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kModes), std::end(kModes))));
  app.add_flag("--long", options.is_long, "More flashes, and every way to tear");
  app.add_option("--only", options.only, "One flash, by name");
  app.add_option("--every", options.every, "First cuts only at every N-th operation");
  app.add_option("--seed", options.seed, "Of what is picked at random")->capture_default_str();
  app.add_option("--threads", options.thread_count, "Threads")->check(CLI::PositiveNumber);
  app.add_option("--replay", options.replay, "The faults of a line that was printed; needs --only");
  CLI11_PARSE(app, argument_count, arguments);
  std::vector<const char*> names;
  if (options.is_long) {
    names.assign(std::begin(kLong), std::end(kLong));
  } else {
    names.assign(std::begin(kShort), std::end(kShort));
  }
  if (!options.only.empty()) {
    if (!pkgtool::find_geometry(options.only)) {
      std::fprintf(stderr, "no such flash: %s\n", options.only.c_str());
      return 2;
    }
    names = {options.only.c_str()};
  }
  bool is_good = true;
  for (const char* name : names) {
    Campaign campaign(options, name);
    campaign.run();
    is_good = campaign.report() && is_good;
    std::fflush(stdout);
  }
  return is_good ? 0 : 1;
}

}  // namespace
}  // namespace romdelta::test

int main(int argument_count, char** arguments) {
  return romdelta::test::run(argument_count, arguments);
}
