// TestDevice: a device in memory, with one ROM package in two slots, and sessions run on it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "installer/device.h"
#include "installer/inventory.h"
#include "installer/journal.h"
#include "installer/port/flash_ram.h"
#include "installer/session.h"
#include "tests/support/bytes.h"
#include "tests/support/faulty_flash.h"
#include "tests/support/random.h"
#include "tests/support/test_key.h"

namespace romdelta::test {

inline constexpr FlashGeometry nor_geometry = {1024, 16, true};
inline constexpr FlashGeometry nand_geometry = {8192, 2048, true};
inline constexpr FlashGeometry disk_geometry = {512, 512, false};

// Memory that begins on a cache line and ends where a sanitizer notices.
class AlignedMemory {
 public:
  explicit AlignedMemory(std::size_t bytes);
  MutableByteSpan span() { return {memory_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const;
  };
  std::unique_ptr<std::uint8_t, Free> memory_;
  std::size_t bytes_;
};

struct DeviceShape {
  FlashGeometry slots = nor_geometry;
  FlashGeometry records = nor_geometry;  // Journal and inventory.
  std::uint64_t slot_bytes = 64 * 1024;
  std::uint64_t journal_bytes = 32 * 1024;
  std::uint64_t inventory_bytes = 32 * 1024;
  std::uint64_t scratch_bytes = 0;  // None; else with the geometry of the slots.
  bool has_slot_b = true;
  std::string package_id = "com.example.app";
};

class TestDevice {
 public:
  explicit TestDevice(const DeviceShape& shape = {});
  TestDevice(const TestDevice&) = delete;
  TestDevice& operator=(const TestDevice&) = delete;

  // What a Session is told. Change it freely between sessions.
  Device device;
  RomRegion region;
  TestKey key = test_key(1);
  FaultPlan faults;

  // Writes `image` into slot A and an inventory record that says so.
  void provision(ByteSpan image, std::string_view version, std::uint64_t security_counter = 0);
  InventoryRecord installed();
  // The bytes of the slot that the inventory says is active, as long as it says.
  Bytes active_image();

  // The newest intact record of the journal, if there is one.
  std::optional<JournalRecord> newest_record();
  // Appends a record as the engine would: its sequence number is set here.
  void append_record(const JournalRecord& record);

  // The memory behind each flash.
  Bytes& slot_memory(Slot slot) { return memories_[slot == Slot::a ? 0 : 1]; }
  Bytes& journal_memory() { return memories_[2]; }
  Bytes& inventory_memory() { return memories_[3]; }
  Bytes& scratch_memory() { return memories_[4]; }
  RamFlash& slot_flash(Slot slot) { return *flashes_[slot == Slot::a ? 0 : 1]; }
  RamFlash& journal_flash() { return *flashes_[2]; }
  RamFlash& scratch_flash() { return *flashes_[4]; }

 private:
  static constexpr std::size_t kFlashCount = 5;
  FlashRegion whole(std::size_t flash);

  std::string package_id_;
  std::array<Bytes, kFlashCount> memories_;
  std::array<std::optional<RamFlash>, kFlashCount> flashes_;
  std::array<std::optional<FaultyFlash>, kFlashCount> faulty_;
  Bytes record_buffer_ = Bytes(limits::record_buffer_bytes);
};

// How one session is run.
struct RunOptions {
  std::uint64_t piece_bytes = 4096;
  Random* random = nullptr;     // Pieces of random size, at most piece_bytes.
  bool from_beginning = false;  // Push every byte; otherwise what the session asks for.
  std::uint64_t stop_at = ~std::uint64_t{0};  // Push nothing from here on, and do not finish.
  std::size_t arena_bytes = 256 * 1024;
  SessionOptions session;
};

struct RunResult {
  Status status = Status::internal;  // Of finish(), or the first failure, or need_input.
  std::uint32_t resumed_at_chunk = 0;
  bool already_installed = false;
  Slot target_slot = Slot::a;
  std::size_t arena_used_bytes = 0;
};

RunResult run_session(TestDevice* device, ByteSpan package, const RunOptions& options = {});

}  // namespace romdelta::test
