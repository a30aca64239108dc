#include "pkgtool/recovery.h"

#include <algorithm>
#include <optional>

#include "format/journal_record.h"

namespace romdelta::pkgtool {
namespace {

// Boots after damage until the target must be there: one finds it, one begins again.
constexpr int kBootsAfterDamage = 3;

bool is_slot(Part part) { return part == Part::slot_a || part == Part::slot_b; }

std::uint64_t slot_bytes(const FlashSimulator& simulator) {
  return simulator.programmed_bytes(Part::slot_a) + simulator.programmed_bytes(Part::slot_b);
}

// The device at the moment when the journal has grown: everything but the sequence numbers and the
// older records of the journal. Nothing where a unit is unstable: it may come to life.
std::optional<Fingerprint> milestone(const SimulatedStorage& storage, const FlashOp& newest) {
  if (!storage.is_stable()) return std::nullopt;
  JournalRecord record;
  const ByteSpan bytes = *newest.data;
  if (bytes.size() < JournalRecord::bytes ||
      parse_journal_record(bytes.first(JournalRecord::bytes), &record) != Status::ok) {
    return std::nullopt;
  }
  record.sequence = 1;
  Bytes key(JournalRecord::bytes);
  ByteWriter writer(key);
  encode_journal_record(record, &writer);
  for (const Part part :
       {Part::slot_a, Part::slot_b, Part::inventory, Part::scratch, Part::other_a, Part::other_b}) {
    const Fingerprint part_fingerprint = storage.fingerprint(part);
    for (unsigned shift = 0; shift < 64; shift += 8) {
      key.push_back(static_cast<std::uint8_t>(part_fingerprint.low >> shift));
      key.push_back(static_cast<std::uint8_t>(part_fingerprint.high >> shift));
    }
  }
  return fingerprint_of(key);
}

// Calls `reached` after each sync of a journal record that was just programmed.
template <typename Reached>
FlashSimulator::Observer journal_observer(FlashSimulator* simulator, Reached reached) {
  return [simulator, reached, newest = FlashOp()](const FlashOp& op) mutable {
    if (op.part != Part::journal) return true;
    if (op.kind == FlashOpKind::program) newest = op;
    if (op.kind != FlashOpKind::sync || newest.data == nullptr) return true;
    const std::optional<Fingerprint> key = milestone(simulator->storage(), newest);
    return !key || reached(*key);
  };
}

std::string first_violation(const FlashSimulator& simulator) {
  return simulator.violations().empty() ? std::string() : "L4 " + simulator.violations().front();
}

std::string refused(Status status) {
  return std::string("L1 the installation ended with ") + to_string(status);
}

std::uint64_t ops_allowed(const Baseline& baseline) { return 2 * baseline.log.size() + 64; }

// Budgets that hold on any device: the manifest's geometry may be another.
std::string broken_budget(const ProofDevice& device, const FlashSimulator& simulator,
                          std::uint64_t arena_used_bytes) {
  const Manifest& manifest = device.manifest();
  const Budgets& budgets = manifest.budgets;
  const FlashGeometry flash = simulator.storage().geometry(Part::slot_a).flash;
  if (arena_used_bytes > budgets.ram_bytes) return "L5 more RAM is used than declared";
  if (slot_bytes(simulator) > budgets.flash_write_bytes + flash.program_unit_bytes) {
    return "L5 more is written to flash than declared";
  }
  const std::uint64_t blocks =
      simulator.erased_blocks(Part::slot_a) + simulator.erased_blocks(Part::slot_b);
  if (flash.erase_block_bytes == manifest.erase_block_bytes && blocks > budgets.erase_count) {
    return "L5 more blocks are erased than declared";
  }
  return {};
}

// `before`: what the uninterrupted run had written when power failed; `now`: what it had written at
// the state that was reached by writing `written`.
std::string redo_fault(const ProofDevice& device, std::uint64_t written, std::uint64_t before,
                       std::uint64_t now) {
  // The last group is filled up to a program unit.
  const std::uint64_t allowed =
      device.manifest().budgets.redo_bytes + limits::program_unit_bytes_max;
  if (written + before <= allowed + now) return {};
  return "L6 " + std::to_string(written + before - now) +
         " bytes are written again; declared are " +
         std::to_string(device.manifest().budgets.redo_bytes);
}

std::string target_fault(ProofDevice* device) {
  const std::string fault = device->fault_of_target(device->simulator().storage());
  return fault.empty() ? fault : "L2 " + fault;
}

}  // namespace

SimulatedStorage Baseline::before(std::size_t op) const {
  SimulatedStorage storage = snapshots[op / snapshot_ops];
  for (std::size_t i = op / snapshot_ops * snapshot_ops; i < op; ++i) storage.apply(log[i]);
  return storage;
}

Baseline run_baseline(ProofDevice* device) {
  Baseline result;
  FlashSimulator& simulator = device->simulator();
  const SimulatedStorage begin = device->provisioned();
  device->boot(begin);
  simulator.record_ops(true);
  simulator.observe(journal_observer(&simulator, [&](const Fingerprint& key) {
    result.milestones.emplace(key, slot_bytes(simulator));
    return true;
  }));
  const ApplierResult run = device->run();
  result.log = simulator.log();
  result.read_count = simulator.count_of(FaultKind::io_read);
  result.total_slot_bytes = slot_bytes(simulator);
  result.broken = first_violation(simulator);
  if (result.broken.empty() && run.status != Status::ok) result.broken = refused(run.status);
  if (result.broken.empty()) {
    result.broken = broken_budget(*device, simulator, run.arena_used_bytes);
  }
  if (!result.broken.empty()) return result;

  result.target = std::make_shared<const Bytes>(device->active_image(simulator.storage()));
  device->set_target(result.target);
  const bool same =
      digest_of(DigestDomain::image, *result.target) == device->manifest().target.digest;
  result.broken =
      same ? target_fault(device) : std::string("L2 the target does not have its digest");

  SimulatedStorage storage = begin;
  std::uint64_t written = 0;
  result.commit_op = result.log.size();
  for (std::size_t i = 0; i < result.log.size(); ++i) {
    const FlashOp& op = result.log[i];
    if (i % Baseline::snapshot_ops == 0) result.snapshots.push_back(storage);
    result.slot_bytes.push_back(written);
    if (simulator.fills_slot(op)) written += op.count;
    if (op.part == Part::inventory) result.commit_op = std::min(result.commit_op, i);
    storage.apply(op);
  }
  return result;
}

Recovery recover(ProofDevice* device, const Baseline& baseline, const SimulatedStorage& storage,
                 const RecoveryOptions& options) {
  Recovery result;
  FlashSimulator& simulator = device->simulator();
  device->boot(storage);
  simulator.limit_ops(ops_allowed(baseline));
  simulator.record_ops(options.record);
  std::uint64_t baseline_bytes = baseline.total_slot_bytes;
  simulator.observe(journal_observer(&simulator, [&](const Fingerprint& key) {
    const auto met = baseline.milestones.find(key);
    if (options.to_end || met == baseline.milestones.end()) return true;
    result.met_baseline = true;
    baseline_bytes = met->second;
    return false;
  }));
  const ApplierResult run = device->run();
  if (options.record) result.log = simulator.log();
  result.fault = first_violation(simulator);
  if (result.fault.empty() && simulator.overran()) {
    result.fault = "L3 more than " + std::to_string(ops_allowed(baseline)) + " operations";
  }
  if (result.fault.empty() && !result.met_baseline) {
    if (run.status != Status::ok) result.fault = refused(run.status);
    if (result.fault.empty()) result.fault = target_fault(device);
    if (run.arena_used_bytes > device->manifest().budgets.ram_bytes) {
      result.fault = "L5 more RAM is used than declared";
    }
  }
  if (result.fault.empty() && options.judge_redo) {
    result.fault =
        redo_fault(*device, slot_bytes(simulator), options.slot_bytes_before, baseline_bytes);
  }
  return result;
}

namespace {

// Boots without faults until the target is there.
std::string recover_from_damage(ProofDevice* device, const Baseline& baseline) {
  std::string fault;
  for (int i = 0; i < kBootsAfterDamage; ++i) {
    const SimulatedStorage storage = device->simulator().storage();
    fault = recover(device, baseline, storage, {.to_end = true}).fault;
    if (fault.empty()) return {};
    const std::string boot_fault = device->fault_of_boot(device->simulator().storage());
    if (!boot_fault.empty()) return "L10 " + boot_fault;
  }
  return fault;
}

// A delta in place has one copy of what its source still has to give. Damage to it cannot be
// undone; it must be noticed, and nothing may be taken for the target.
bool notices_damage(const ProofDevice& device, Status status) {
  return device.manifest().plan.present() &&
         (status == Status::source_damaged || status == Status::target_mismatch ||
          status == Status::wrong_source || status == Status::scratch_too_small);
}

bool says_flash_failed(Status status) {
  return status >= Status::flash_read_failed && status <= Status::flash_sync_failed;
}

// The first installation, which meets `fault`.
Status install_with(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                    bool* fired) {
  FlashSimulator& simulator = device->simulator();
  device->boot(device->provisioned());
  simulator.plan(fault);
  simulator.limit_ops(ops_allowed(baseline));
  const Status status = device->run().status;
  *fired = simulator.fired();
  return status;
}

}  // namespace

std::string judge_io(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                     bool* fired) {
  const FlashSimulator& simulator = device->simulator();
  const Status status = install_with(device, baseline, fault, fired);
  std::string lost = first_violation(simulator);
  if (!lost.empty()) return lost;
  if (simulator.overran()) return "L3 the installation does not end";
  if (status != Status::ok && !says_flash_failed(status)) {
    return std::string("L9 a flash failed, and the result is ") + to_string(status);
  }
  lost = status == Status::ok ? device->fault_of_target(simulator.storage())
                              : device->fault_of_boot(simulator.storage());
  if (!lost.empty()) return "L1 " + lost;
  return status == Status::ok ? std::string() : recover_from_damage(device, baseline);
}

// What a write in the wrong place does to the rules of a flash is not the engine's doing.
std::string judge_stray(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                        bool* fired) {
  const FlashSimulator& simulator = device->simulator();
  const Status status = install_with(device, baseline, fault, fired);
  const std::string lost = device->fault_of_boot(simulator.storage());
  if (!lost.empty()) return "L10 " + lost;
  if (status == Status::ok) {
    const std::string wrong = device->fault_of_target(simulator.storage());
    return wrong.empty() ? wrong : "L10 " + wrong;
  }
  std::string fault_left = recover_from_damage(device, baseline);
  const bool is_noticed =
      notices_damage(*device, status) || notices_damage(*device, device->last_status());
  if (!is_noticed) return fault_left;
  return device->is_committed(simulator.storage()) ? fault_left : std::string();
}

std::string judge_flip(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                       bool* fired) {
  FlashSimulator& simulator = device->simulator();
  const auto part = static_cast<Part>(fault.variant / 2);
  const std::uint64_t part_bytes = simulator.storage().shape()[fault.variant / 2].bytes;
  device->boot(device->provisioned());
  simulator.plan({FaultKind::cut_before, fault.op, 0, fault.seed});
  (void)device->run();
  *fired = simulator.fired() && part_bytes != 0;
  if (!*fired) return {};
  const bool is_target = is_slot(part) && (part == Part::slot_b) == device->has_two_slots();
  const std::uint64_t image_bytes = is_target || device->manifest().is_full()
                                        ? device->manifest().target.bytes
                                        : device->manifest().sources[0].bytes;
  const std::uint64_t range = is_slot(part) ? std::min(image_bytes, part_bytes) : part_bytes;
  SimulatedStorage damaged = simulator.storage();
  FlashContents& contents = damaged.image(part).contents;
  for (std::uint32_t bit = 0; range != 0 && bit <= fault.variant % 2; ++bit) {
    const std::uint64_t number = mixed(fault.seed, fault.op * flip_variants + fault.variant, bit);
    Bytes byte(1);
    contents.read(number / 8 % range, byte);
    byte[0] = static_cast<std::uint8_t>(byte[0] ^ 1u << number % 8);
    contents.write(number / 8 % range, byte);
  }
  Status status = Status::internal;
  for (int i = 0; i < kBootsAfterDamage && status != Status::ok; ++i) {
    device->boot(damaged);
    simulator.limit_ops(ops_allowed(baseline));
    status = device->run().status;
    damaged = simulator.storage();
    if (simulator.overran()) return "L3 the installation does not end";
  }
  if (status == Status::ok) {
    const std::string lost = device->fault_of_target(damaged);
    return lost.empty() ? lost : "L10 " + lost;
  }
  // A source that is not the source any more, or an inventory that names nothing, is refused.
  const bool is_source = part == Part::slot_a && !device->manifest().is_full();
  if (part == Part::inventory || (is_source && status == Status::wrong_source)) return {};
  if (notices_damage(*device, status) && !device->is_committed(damaged)) return {};
  return refused(status);
}

std::string judge_watchdog(ProofDevice* device, const Baseline& baseline, const Fault& fault,
                           bool* fired) {
  FlashSimulator& simulator = device->simulator();
  SimulatedStorage storage = device->provisioned();
  std::uint64_t progress = 0;
  bool committed = false;
  // The most operations between two records of the journal, and what a boot does before.
  std::size_t most = 0;
  std::size_t journal_most = 0;
  for (std::size_t i = 0, last = 0, other = 0; i < baseline.log.size(); ++i) {
    (baseline.log[i].part == Part::journal ? last : other) = i;
    most = std::max(most, i - last);
    journal_most = std::max(journal_most, i - other);
  }
  const bool must_end = fault.op > 2 * (most + journal_most) + 8;
  // Without progress in so many boots there will be none.
  const int patience = must_end ? 64 : 8;
  for (int idle = 0; idle < patience; ++idle) {
    device->boot(std::move(storage));
    simulator.plan({FaultKind::cut_before, fault.op, 0, fault.seed});
    const Status status = device->run().status;
    storage = simulator.storage();
    std::string lost = first_violation(simulator);
    if (!lost.empty()) return lost;
    if (!simulator.fired()) {
      const bool good = status == Status::ok;
      return good ? target_fault(device) : refused(status);
    }
    *fired = true;
    const bool committed_now = device->is_committed(storage);
    const std::uint64_t progress_now = device->journal_progress(storage);
    if (committed && !committed_now) return "L3 a committed target is not committed any more";
    if (!committed && progress_now < progress) return "L3 progress goes backwards";
    if (committed != committed_now || progress != progress_now) idle = 0;
    committed = committed_now;
    progress = progress_now;
  }
  return must_end ? "L3 the installation does not end" : std::string();
}

}  // namespace romdelta::pkgtool
