// ProofDevice: a simulated device that one package is proven on: provisioned with the source,
// booted from any state of its storage, and asked what it would boot now.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/package.h"
#include "format/result_code.h"
#include "installer/session.h"
#include "pkgtool/flash_simulator.h"

namespace romdelta::pkgtool {

struct ApplierResult {
  Status status = Status::internal;
  std::uint64_t arena_used_bytes = 0;
};

// What installs: one boot of the device, given the whole package. Nothing survives in memory.
using Applier =
    std::function<ApplierResult(const Device& device, ByteSpan package, MutableByteSpan arena)>;

// The installer's own engine, in memory that held something else before.
ApplierResult apply_with_session(const Device& device, ByteSpan package, MutableByteSpan arena);

// What a device went through before: one boot, with one of ProofSubject::others.
struct PastBoot {
  std::size_t other = 0;
  std::optional<Fault> fault;  // A cut; absent: it ended.
};

struct ProofSubject {
  ByteSpan package;
  std::optional<ByteSpan> source;  // A delta needs it; a full package replaces it.
  TrustedKeys keys;
  SimulatedShape shape;
  Applier applier = apply_with_session;
  // Other authentic packages, full ones: of the same ROM package, or of a second one, whose slots
  // the shape has then.
  std::vector<ByteSpan> others;
  std::vector<PastBoot> past;
};

class ProofDevice {
 public:
  // `subject` must outlive this object. Throws Error when the package is not authentic.
  explicit ProofDevice(const ProofSubject& subject);
  ProofDevice(const ProofDevice&) = delete;
  ProofDevice& operator=(const ProofDevice&) = delete;

  const Manifest& manifest() const { return head_.manifest; }
  bool has_two_slots() const;
  // The source in slot A and in the inventory; other bytes wherever the package may write.
  const SimulatedStorage& provisioned();
  // What an installation must make. Requires: called before the judgements below.
  void set_target(std::shared_ptr<const Bytes> target) { target_ = std::move(target); }
  // Of the slot that `storage` names active; empty when it names none.
  Bytes active_image(const SimulatedStorage& storage);

  FlashSimulator& simulator() { return simulator_; }
  const FlashSimulator& simulator() const { return simulator_; }
  // Boots from this state; then plan faults on simulator() and run().
  void boot(SimulatedStorage storage);
  ApplierResult run();
  // The same with a package of ProofSubject::others.
  ApplierResult run_other(std::size_t index);
  std::size_t other_count() const { return other_heads_.size(); }
  const Manifest& other_manifest(std::size_t index) const { return other_heads_[index].manifest; }
  // Of the last run().
  Status last_status() const { return last_status_; }

  // What is wrong with a device that claims to be updated; empty: nothing.
  std::string fault_of_target(const SimulatedStorage& storage);
  // What is wrong with a device on which power failed at any time: it must boot the whole source or
  // the whole target. Where there is one slot only the second ROM package is judged.
  std::string fault_of_boot(const SimulatedStorage& storage);
  // What is wrong with the second ROM package of a device that has one: it must be as it was, or
  // one of ProofSubject::others, whole.
  std::string fault_of_second(const SimulatedStorage& storage);
  // What of ProofSubject::others the inventory names, and what is wrong with it; empty: nothing.
  std::string fault_of_other(const SimulatedStorage& storage, std::size_t index);
  // The target is what the inventory names.
  bool is_committed(const SimulatedStorage& storage);
  // How far the journal says that this package is: 0 nothing.
  std::uint64_t journal_progress(const SimulatedStorage& storage);

 private:
  void read_plan();
  void add_others();
  bool has_second() const { return region_count_ == 2; }
  SimulatedStorage provision();
  void provision_inventory(SimulatedStorage* storage);
  ApplierResult run_package(ByteSpan package, const Manifest& manifest);
  std::optional<InventoryRecord> installed(const SimulatedStorage& settled, std::size_t region = 0);
  std::string fault_of_image(const SimulatedStorage& settled, const InventoryRecord& record);
  // Of the state that installed() looked at last.
  std::string fault_of_counters(const InventoryRecord& record) const;
  bool names_target(const InventoryRecord& record) const;

  const ProofSubject& subject_;
  PackageHead head_;
  FlashSimulator simulator_;
  FlashSimulator inspector_;                      // For looking at a state without the engine.
  std::vector<std::uint32_t> chunk_first_steps_;  // In place.
  std::optional<SimulatedStorage> provisioned_;
  std::vector<PackageHead> other_heads_;
  PackageId second_id_;
  std::array<RomRegion, 2> regions_;
  std::size_t region_count_ = 1;
  Device device_;
  Status last_status_ = Status::internal;
  std::unique_ptr<std::uint64_t[]> arena_;
  std::uint64_t device_counter_ = 0;
  Bytes record_buffer_;
  Bytes image_buffer_;
  std::shared_ptr<const Bytes> target_;
};

}  // namespace romdelta::pkgtool
