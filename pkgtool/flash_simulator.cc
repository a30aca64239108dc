#include "pkgtool/flash_simulator.h"

#include <algorithm>

namespace romdelta::pkgtool {
namespace {

FaultKind io_kind(FlashOpKind kind) {
  switch (kind) {
    case FlashOpKind::erase: return FaultKind::io_erase;
    case FlashOpKind::program: return FaultKind::io_program;
    case FlashOpKind::sync: return FaultKind::io_sync;
  }
  return FaultKind::io_sync;
}

bool is_io(FaultKind kind) { return kind >= FaultKind::io_read && kind <= FaultKind::io_sync; }

bool is_cut(FaultKind kind) { return kind <= FaultKind::unsynced; }

// The cut that leaves the first half of the operation done.
Fault half_of(const FlashOp& op, const FlashGeometry& flash) {
  // Both number their variants by what was complete: see power_cut.cc.
  if (op.kind == FlashOpKind::erase) return {FaultKind::torn_erase, 0, 3, 0};
  const std::uint64_t units = op.count / flash.program_unit_bytes;
  return {FaultKind::torn_program, 0, static_cast<std::uint32_t>(units / 2 * 9), 0};
}

}  // namespace

// --- The port. ---

FlashGeometry FlashSimulator::Port::geometry() const {
  return simulator_->storage_.geometry(part_).flash;
}

std::uint64_t FlashSimulator::Port::size_bytes() const {
  return simulator_->bytes_of(part_) + 2 * guard_bytes();
}

Status FlashSimulator::Port::read(std::uint64_t offset, MutableByteSpan into) {
  return simulator_->read(part_, offset - guard_bytes(), into);
}

Status FlashSimulator::Port::erase(std::uint64_t offset, std::uint64_t count) {
  const FlashOp op = {part_, FlashOpKind::erase, offset - guard_bytes(), count, nullptr};
  return simulator_->change(op, Status::flash_erase_failed);
}

Status FlashSimulator::Port::program(std::uint64_t offset, ByteSpan bytes) {
  const FlashOp op = {part_, FlashOpKind::program, offset - guard_bytes(), bytes.size(),
                      std::make_shared<const Bytes>(bytes.begin(), bytes.end())};
  return simulator_->change(op, Status::flash_program_failed);
}

Status FlashSimulator::Port::sync() {
  return simulator_->change({part_, FlashOpKind::sync, 0, 0, nullptr}, Status::flash_sync_failed);
}

// --- The simulator. ---

FlashSimulator::FlashSimulator(const SimulatedShape& shape) : storage_(shape) {
  for (std::size_t i = 0; i < part_count; ++i) ports_.emplace_back(this, static_cast<Part>(i));
}

void FlashSimulator::boot(SimulatedStorage storage) {
  storage_ = std::move(storage);
  storage_.boot();
  fault_.reset();
  protected_ = {};
  ops_max_ = ~std::uint64_t{0};
  record_ = false;
  observer_ = nullptr;
  is_on_ = true;
  fired_ = false;
  overran_ = false;
  op_count_ = 0;
  io_counts_ = {};
  programmed_ = {};
  erased_ = {};
  log_.clear();
  violations_.clear();
}

FlashRegion FlashSimulator::region(Part part) {
  if (bytes_of(part) == 0) return {};
  return {&ports_[static_cast<std::size_t>(part)], storage_.geometry(part).flash.erase_block_bytes,
          bytes_of(part)};
}

Status FlashSimulator::violation(Part part, const std::string& what, Status status) {
  violations_.push_back(std::string(to_string(part)) + ": " + what);
  return status;
}

std::string FlashSimulator::broken_program_rule(const FlashOp& op) const {
  const SimulatedGeometry& geometry = storage_.geometry(op.part);
  const std::uint64_t unit = geometry.flash.program_unit_bytes;
  if (op.offset % unit != 0 || op.count % unit != 0) return "program that is not whole units";
  if (!geometry.flash.erase_before_program) return {};
  const FlashContents& contents = storage_.image(op.part).contents;
  const std::uint64_t block = geometry.flash.erase_block_bytes;
  for (std::uint64_t at = op.offset; at < op.offset + op.count; at += unit) {
    if (contents.touched(at)) return "program of a unit that is not erased";
  }
  if (!geometry.ascending) return {};
  for (std::uint64_t at = op.offset + op.count; at % block != 0; at += unit) {
    if (contents.touched(at)) return "program before a unit that is programmed already";
  }
  return {};
}

std::string FlashSimulator::broken_rule(const FlashOp& op) const {
  if (bytes_of(op.part) == 0) return "access to a part that the device does not have";
  if (op.kind == FlashOpKind::sync) return {};
  if (!range_inside(op.offset, op.count, bytes_of(op.part))) return "write outside of the region";
  if (protected_[static_cast<std::size_t>(op.part)]) return "write to what must stay";
  if (op.kind == FlashOpKind::program) return broken_program_rule(op);
  const FlashGeometry flash = storage_.geometry(op.part).flash;
  if (op.offset % flash.erase_block_bytes != 0 || op.count % flash.erase_block_bytes != 0) {
    return "erase that is not whole blocks";
  }
  return flash.erase_before_program ? std::string() : "erase of storage that overwrites";
}

bool FlashSimulator::io_fails(FaultKind io) {
  const std::uint64_t index = io_counts_[io_index(io)]++;
  if (!fault_ || !is_io(fault_->kind)) return false;
  const bool for_good = io_fault(fault_->variant).for_good;
  const bool fails = (io == fault_->kind && index == fault_->op) || (fired_ && for_good);
  fired_ = fired_ || fails;
  return fails;
}

Status FlashSimulator::read(Part part, std::uint64_t offset, MutableByteSpan into) {
  if (!is_on_) return Status::flash_read_failed;
  if (!range_inside(offset, into.size(), bytes_of(part))) {
    return violation(part, "read outside of the region", Status::flash_read_failed);
  }
  if (io_fails(FaultKind::io_read)) return Status::flash_read_failed;
  storage_.read(part, offset, into);
  return Status::ok;
}

Status FlashSimulator::change(const FlashOp& op, Status failure) {
  if (!is_on_) return failure;
  const std::string broken = broken_rule(op);
  if (!broken.empty()) return violation(op.part, broken, failure);
  if (op_count_ >= ops_max_) {
    overran_ = true;
    is_on_ = false;
    return failure;
  }
  const std::uint64_t index = op_count_++;
  if (fault_ && is_cut(fault_->kind) && fault_->op == index) {
    fired_ = cut_power(&storage_, op, *fault_);
    is_on_ = false;
    return failure;
  }
  if (io_fails(io_kind(op.kind))) {
    const IoFault::Effect effect = io_fault(fault_->variant).effect;
    if (effect == IoFault::Effect::all) storage_.apply(op);
    if (effect == IoFault::Effect::half && op.kind != FlashOpKind::sync) {
      (void)cut_power(&storage_, op, half_of(op, storage_.geometry(op.part).flash));
    }
    return failure;
  }
  const bool strays =
      fault_ && fault_->op == index && can_stray(storage_, op) &&
      (fault_->kind == FaultKind::misdirected || fault_->kind == FaultKind::duplicated);
  if (strays) misdirect(op);
  if (!strays || fault_->kind == FaultKind::duplicated) storage_.apply(op);
  complete(op);
  return Status::ok;
}

bool FlashSimulator::can_stray(const SimulatedStorage& storage, const FlashOp& op) {
  return op.kind == FlashOpKind::program &&
         op.count < storage.shape()[static_cast<std::size_t>(op.part)].bytes;
}

// The same bytes somewhere else: a place that is a whole number of units away. Or nowhere.
void FlashSimulator::misdirect(const FlashOp& op) {
  const FlashGeometry flash = storage_.geometry(op.part).flash;
  const std::uint64_t places = (bytes_of(op.part) - op.count) / flash.program_unit_bytes;
  fired_ = true;
  if (fault_->variant == stray_nowhere) return;
  FlashOp stray = op;
  stray.offset = mixed(fault_->seed, fault_->variant) % places * flash.program_unit_bytes;
  if (stray.offset >= op.offset) stray.offset += flash.program_unit_bytes;
  if (flash.erase_before_program) {
    // What is there already keeps its cleared bits.
    Bytes bytes(static_cast<std::size_t>(op.count));
    storage_.image(op.part).contents.read(stray.offset, bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::uint8_t>(bytes[i] & (*op.data)[i]);
    }
    stray.data = std::make_shared<const Bytes>(std::move(bytes));
  }
  storage_.apply(stray);
}

bool FlashSimulator::fills_slot(const FlashOp& op) const {
  if (op.kind != FlashOpKind::program || (op.part != Part::slot_a && op.part != Part::slot_b)) {
    return false;
  }
  const auto after = std::ranges::upper_bound(lent_, op.offset);
  return after == lent_.begin() || op.offset - *(after - 1) >= lent_bytes_;
}

void FlashSimulator::complete(const FlashOp& op) {
  const bool is_slot = op.part == Part::slot_a || op.part == Part::slot_b;
  if (op.kind == FlashOpKind::program && (!is_slot || fills_slot(op))) {
    programmed_[static_cast<std::size_t>(op.part)] += op.count;
  }
  if (op.kind == FlashOpKind::erase) {
    erased_[static_cast<std::size_t>(op.part)] +=
        op.count / storage_.geometry(op.part).flash.erase_block_bytes;
  }
  if (record_) log_.push_back(op);
  if (observer_ && !observer_(op)) is_on_ = false;
}

}  // namespace romdelta::pkgtool
