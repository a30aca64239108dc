// FlashSimulator: the flashes of a device in memory, behind the engine's port, with power that can
// fail at any operation.
//
// Operations that change storage are counted over all flashes from 0; they are what a cut or a
// watchdog names. What an engine must not do is a violation: it is recorded, and the operation
// fails. docs/architecture.md, "Proof of power cuts", has the faults.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pkgtool/power_cut.h"

namespace romdelta::pkgtool {

class FlashSimulator {
 public:
  explicit FlashSimulator(const SimulatedShape& shape);
  FlashSimulator(const FlashSimulator&) = delete;
  FlashSimulator& operator=(const FlashSimulator&) = delete;

  // True when the write could also go to another place of its part: misdirected, duplicated.
  static bool can_stray(const SimulatedStorage& storage, const FlashOp& op);

  // Switches power on with these contents, and forgets all that was counted, planned and recorded.
  void boot(SimulatedStorage storage);

  // What the engine is given. Not present when the device has no such part. Every flash is larger
  // than its region: what lies beside it is not the engine's.
  FlashRegion region(Part part);

  // Before the engine runs:
  // Cuts, io_*, misdirected and duplicated; watchdog is a cut_before.
  void plan(const Fault& fault) { fault_ = fault; }
  // A change of this part is a violation.
  void protect(Part part) { protected_[static_cast<std::size_t>(part)] = true; }
  // Power fails after so many operations.
  void limit_ops(std::uint64_t count) { ops_max_ = count; }
  void record_ops(bool record) { record_ = record; }
  // Called after each operation that was done; false switches power off.
  using Observer = std::function<bool(const FlashOp&)>;
  void observe(Observer observer) { observer_ = std::move(observer); }

  // After it ran:
  SimulatedStorage& storage() { return storage_; }
  const SimulatedStorage& storage() const { return storage_; }
  bool is_on() const { return is_on_; }
  bool fired() const { return fired_; }
  bool overran() const { return overran_; }
  std::uint64_t op_count() const { return op_count_; }
  std::uint64_t count_of(FaultKind io) const { return io_counts_[io_index(io)]; }
  // Without what went into parts of slots that are lent to the spill.
  std::uint64_t programmed_bytes(Part part) const {
    return programmed_[static_cast<std::size_t>(part)];
  }
  // Of the slot that is updated in place: beginnings of ranges of `bytes`, ascending.
  void set_lent(std::vector<std::uint64_t> begins, std::uint64_t bytes) {
    lent_ = std::move(begins);
    lent_bytes_ = bytes;
  }
  // True when `op` programs a slot to stay.
  bool fills_slot(const FlashOp& op) const;
  std::uint64_t erased_blocks(Part part) const { return erased_[static_cast<std::size_t>(part)]; }
  const std::vector<FlashOp>& log() const { return log_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  class Port final : public Flash {
   public:
    Port(FlashSimulator* simulator, Part part) : simulator_(simulator), part_(part) {}
    FlashGeometry geometry() const override;
    std::uint64_t size_bytes() const override;
    Status read(std::uint64_t offset, MutableByteSpan into) override;
    Status erase(std::uint64_t offset, std::uint64_t count) override;
    Status program(std::uint64_t offset, ByteSpan bytes) override;
    Status sync() override;

   private:
    // The part begins behind one block that is nobody's.
    std::uint64_t guard_bytes() const { return geometry().erase_block_bytes; }

    FlashSimulator* simulator_;
    Part part_;
  };

  static std::size_t io_index(FaultKind io) {
    return static_cast<std::size_t>(io) - static_cast<std::size_t>(FaultKind::io_read);
  }
  std::uint64_t bytes_of(Part part) const {
    return storage_.shape()[static_cast<std::size_t>(part)].bytes;
  }
  Status violation(Part part, const std::string& what, Status status);
  // What is wrong with the operation; empty: nothing.
  std::string broken_rule(const FlashOp& op) const;
  std::string broken_program_rule(const FlashOp& op) const;
  Status read(Part part, std::uint64_t offset, MutableByteSpan into);
  Status change(const FlashOp& op, Status failure);
  // Counts the operation among those that io_* faults name; true when it has to fail.
  bool io_fails(FaultKind io);
  void misdirect(const FlashOp& op);
  void complete(const FlashOp& op);

  SimulatedStorage storage_;
  std::vector<Port> ports_;
  std::optional<Fault> fault_;
  std::array<bool, part_count> protected_{};
  std::uint64_t ops_max_ = ~std::uint64_t{0};
  bool record_ = false;
  Observer observer_;

  bool is_on_ = true;
  bool fired_ = false;
  bool overran_ = false;
  std::uint64_t op_count_ = 0;
  std::array<std::uint64_t, 4> io_counts_{};  // read, erase, program, sync.
  std::array<std::uint64_t, part_count> programmed_{};
  std::vector<std::uint64_t> lent_;
  std::uint64_t lent_bytes_ = 0;
  std::array<std::uint64_t, part_count> erased_{};
  std::vector<FlashOp> log_;
  std::vector<std::string> violations_;
};

}  // namespace romdelta::pkgtool
