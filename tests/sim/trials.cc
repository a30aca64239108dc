#include "tests/sim/trials.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <sstream>

#include "format/journal_record.h"
#include "pkgtool/device_pool.h"
#include "pkgtool/parallel.h"
#include "pkgtool/recovery.h"

namespace romdelta::test {
namespace {

using pkgtool::Baseline;
using pkgtool::Bytes;
using pkgtool::FaultKind;
using pkgtool::FlashOp;
using pkgtool::FlashOpKind;
using pkgtool::FlashSimulator;
using pkgtool::Part;
using pkgtool::ProofDevice;
using pkgtool::ProofSubject;
using pkgtool::SimulatedStorage;

constexpr const char* kKindNames[] = {"journal", "other", "dropped"};

constexpr std::uint32_t kJournalVariants = 4;
constexpr std::uint64_t kNoiseSeed = 0x6a6f7572;

// One device, the installation that nothing disturbs, and what is known about it.
class Judge {
 public:
  Judge(ProofDevice* device, const Baseline& baseline, std::size_t intent_end)
      : device_(device), baseline_(baseline), intent_end_(intent_end) {}

  // What was lost, or empty. `*given_up`: see TrialVerdict.
  std::string judge(const Trial& trial, bool* given_up);

 private:
  FlashSimulator& simulator() { return device_->simulator(); }
  bool cut_before(std::uint64_t op);
  SimulatedStorage without_journal(std::uint32_t variant);
  std::string judge_journal(const Trial& trial, bool* given_up);
  std::string judge_other(const Trial& trial);
  std::string judge_dropped(const Trial& trial);
  std::string finish();

  ProofDevice* device_;
  const Baseline& baseline_;
  std::size_t intent_end_;
};

bool Judge::cut_before(std::uint64_t op) {
  device_->boot(device_->provisioned());
  simulator().plan({FaultKind::cut_before, op, 0, 0});
  (void)device_->run();
  return simulator().fired();
}

// The package once more, to its end.
std::string Judge::finish() {
  SimulatedStorage storage = simulator().storage();
  const std::string lost = recover(device_, baseline_, storage, {.to_end = true}).fault;
  if (!lost.empty()) return lost;
  storage = simulator().storage();
  device_->boot(storage);
  if (device_->run().status != Status::ok) return "L9 what is installed is not said to be";
  return simulator().op_count() == 0 ? std::string() : "L3 what is installed is written again";
}

SimulatedStorage Judge::without_journal(std::uint32_t variant) {
  SimulatedStorage storage = simulator().storage();
  const pkgtool::SimulatedPart part = storage.shape()[static_cast<std::size_t>(Part::journal)];
  const std::uint64_t block = part.geometry.flash.erase_block_bytes;
  const std::uint64_t half = part.bytes / 2 / block * block;
  const std::uint64_t begin = variant == 3 ? half : 0;
  const std::uint64_t bytes = variant >= 2 ? half : part.bytes;
  pkgtool::FlashContents& contents = storage.image(Part::journal).contents;
  if (variant != 1) {
    contents.erase(begin, bytes);
  } else {
    Bytes noise(static_cast<std::size_t>(bytes));
    pkgtool::fill_noise(kNoiseSeed, noise);
    contents.write(begin, noise);
    for (std::uint64_t at = 0; at < bytes; at += part.geometry.flash.program_unit_bytes) {
      contents.touch(at);
    }
  }
  return storage;
}

// Says that the update cannot be finished, and why; a full package repairs.
bool gives_up(Status status) {
  return status == Status::source_damaged || status == Status::target_mismatch ||
         status == Status::wrong_source || status == Status::scratch_too_small;
}

std::string Judge::judge_journal(const Trial& trial, bool* given_up) {
  const SimulatedStorage storage = without_journal(trial.variant);
  device_->boot(storage);
  const std::string lost = finish();
  if (lost.empty()) return {};
  // Of a half only older records may be left: then the update may have to be given up, and never is
  // anything else taken for the target. When all is lost, the slot and the spill tell; only room
  // may be lacking.
  const Status status = device_->last_status();
  const bool is_allowed =
      trial.variant >= 2 ? gives_up(status) : status == Status::scratch_too_small;
  *given_up = device_->manifest().plan.present() && is_allowed &&
              !device_->is_committed(simulator().storage());
  if (!*given_up) return lost;
  // Then a full one must be welcome.
  const std::size_t last = device_->other_count() - 1;
  const SimulatedStorage ruined = simulator().storage();
  device_->boot(ruined);
  const Status repaired = device_->run_other(last).status;
  if (repaired != Status::ok) {
    return std::string("L1 after it was given up a full package gets ") + to_string(repaired);
  }
  return device_->fault_of_other(simulator().storage(), last);
}

std::string Judge::judge_other(const Trial& trial) {
  const SimulatedStorage storage = simulator().storage();
  const bool was_committed = device_->is_committed(storage);
  const bool in_place = device_->manifest().layout == Layout::in_place;
  const bool is_blocked = in_place && trial.op >= intent_end_ && !was_committed;
  const bool may_block = in_place && !was_committed;
  const bool is_second = device_->other_manifest(trial.variant).package_id.view() !=
                         device_->manifest().package_id.view();
  // Either slot may be its target.
  simulator().boot(storage);
  const Status status = device_->run_other(trial.variant).status;
  const bool was_refused = status == Status::update_pending;
  if (is_blocked && !was_refused) {
    return std::string("L8 while an update is pending another package gets ") + to_string(status);
  }
  if (was_refused) {
    if (!may_block) return "L9 nothing is pending, and another package is refused";
    if (simulator().op_count() != 0) return "L4 what was refused has written";
    return finish();
  }
  if (status != Status::ok) return std::string("L1 another package gets ") + to_string(status);
  std::string lost = device_->fault_of_other(simulator().storage(), trial.variant);
  if (!lost.empty()) return "L2 " + lost;
  // A second ROM package is a matter of its own. Of the same one the delta has lost its source.
  if (is_second) {
    lost = finish();
    if (!lost.empty()) return lost;
    lost = device_->fault_of_other(simulator().storage(), trial.variant);
    return lost.empty() ? lost : "L8 " + lost;
  }
  if (device_->manifest().is_full()) return {};
  const SimulatedStorage after = simulator().storage();
  device_->boot(after);
  const Status again = device_->run().status;
  if (again != Status::wrong_source) {
    return std::string("L9 a delta from what is not there any more gets ") + to_string(again);
  }
  lost = device_->fault_of_other(simulator().storage(), trial.variant);
  return lost.empty() ? lost : "L8 " + lost;
}

// Read back where nothing else would tell in time, else found when the target is checked.
std::string Judge::judge_dropped(const Trial& trial) {
  device_->boot(device_->provisioned());
  simulator().plan({FaultKind::misdirected, trial.op, pkgtool::stray_nowhere, 0});
  const Status status = device_->run().status;
  if (!simulator().fired()) return "the fault did not fire";
  const bool is_read_back = device_->manifest().plan.present();
  const Status expected = is_read_back ? Status::flash_program_failed : Status::target_mismatch;
  if (status != expected) {
    return std::string("L10 a write that was not done gives ") + to_string(status);
  }
  const std::string lost = finish();
  return lost.empty() || is_read_back ? lost : finish();
}

std::string Judge::judge(const Trial& trial, bool* given_up) {
  if (trial.kind == TrialKind::dropped) return judge_dropped(trial);
  if (!cut_before(trial.op)) return "the cut did not fire";
  return trial.kind == TrialKind::journal ? judge_journal(trial, given_up) : judge_other(trial);
}

// From here on the journal says that this package has begun.
std::size_t end_of_intent(const Baseline& baseline) {
  bool is_written = false;
  for (std::size_t i = 0; i < baseline.log.size(); ++i) {
    const FlashOp& op = baseline.log[i];
    if (op.part != Part::journal) continue;
    JournalRecord record;
    if (op.kind == FlashOpKind::program && op.data->size() >= JournalRecord::bytes) {
      is_written = is_written ||
                   parse_journal_record(ByteSpan(*op.data).first(JournalRecord::bytes), &record) ==
                       Status::ok;
    }
    if (op.kind == FlashOpKind::sync && is_written) return i + 1;
  }
  return baseline.log.size();
}

std::uint32_t variants_of(TrialKind kind, const ProofSubject& subject) {
  switch (kind) {
    case TrialKind::journal: return kJournalVariants;
    case TrialKind::other: return static_cast<std::uint32_t>(subject.others.size());
    case TrialKind::dropped: return 1;
  }
  return 0;
}

// The operations before, or at, which it is tried: at most `most`, spread evenly.
std::vector<std::uint64_t> places_of(TrialKind kind, const ProofSubject& subject,
                                     const Baseline& baseline, std::size_t most) {
  std::vector<std::uint64_t> all;
  const ProofDevice device(subject);
  const SimulatedStorage& storage = baseline.snapshots[0];
  for (std::size_t i = 0; i < baseline.log.size(); ++i) {
    const bool can_drop = device.simulator().fills_slot(baseline.log[i]) &&
                          FlashSimulator::can_stray(storage, baseline.log[i]);
    if (kind != TrialKind::dropped || can_drop) all.push_back(i);
  }
  if (most == 0 || all.size() <= most) return all;
  std::vector<std::uint64_t> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(all[i * all.size() / most]);
  return some;
}

}  // namespace

std::string to_string(const Trial& trial) {
  return "op=" + std::to_string(trial.op) +
         " trial=" + kKindNames[static_cast<std::size_t>(trial.kind)] +
         " variant=" + std::to_string(trial.variant);
}

std::optional<Trial> parse_trial(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string op;
  std::string kind;
  std::string variant;
  words >> op >> kind >> variant;
  Trial trial;
  const auto number = [](std::string_view word, std::string_view name, auto* value) {
    if (!word.starts_with(name)) return false;
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data() + name.size(), end, *value);
    return error == std::errc() && stop == end;
  };
  if (!number(op, "op=", &trial.op) || !number(variant, "variant=", &trial.variant)) return {};
  for (const TrialKind each : {TrialKind::journal, TrialKind::other, TrialKind::dropped}) {
    trial.kind = each;
    if (kind == std::string("trial=") + kKindNames[static_cast<std::size_t>(each)]) return trial;
  }
  return std::nullopt;
}

TrialVerdict run_trials(const ProofSubject& subject, TrialKind kind, std::size_t places,
                        unsigned thread_count) {
  pkgtool::DevicePool pool(subject);
  Baseline baseline;
  TrialVerdict verdict;
  {
    const auto lease = pool.lease(nullptr);
    baseline = run_baseline(lease.get());
  }
  verdict.broken = baseline.broken;
  if (!verdict.broken.empty()) return verdict;
  verdict.op_count = baseline.log.size();
  const std::vector<std::uint64_t> ops = places_of(kind, subject, baseline, places);
  const std::uint32_t variants = variants_of(kind, subject);
  const std::size_t intent_end = end_of_intent(baseline);
  std::mutex mutex;
  pkgtool::parallel_for(ops.size(), thread_count, [&](std::size_t i) {
    const auto lease = pool.lease(baseline.target);
    Judge judge(lease.get(), baseline, intent_end);
    for (std::uint32_t variant = 0; variant < variants; ++variant) {
      const Trial trial = {kind, ops[i], variant};
      bool given_up = false;
      const std::string lost = judge.judge(trial, &given_up);
      const std::lock_guard lock(mutex);
      ++verdict.count.planned;
      ++verdict.count.fired;
      verdict.given_up += given_up ? 1 : 0;
      if (!lost.empty()) verdict.losses.emplace_back(trial, lost);
    }
  });
  std::ranges::sort(verdict.losses, {}, [](const auto& loss) { return loss.first.op; });
  return verdict;
}

std::string replay_trial(const ProofSubject& subject, const Trial& trial) {
  ProofDevice device(subject);
  const Baseline baseline = run_baseline(&device);
  if (!baseline.broken.empty()) return baseline.broken;
  bool given_up = false;
  return Judge(&device, baseline, end_of_intent(baseline)).judge(trial, &given_up);
}

}  // namespace romdelta::test
