// Flash: the seam between the engine and a device's storage. docs/porting.md is its contract.
#pragma once

#include <cstdint>

#include "format/bytes.h"
#include "format/status.h"

namespace romdelta {

struct FlashGeometry {
  // Smallest range that erase() takes; offsets and sizes of erases are multiples of it.
  std::uint32_t erase_block_bytes = 0;
  // Smallest range that program() takes; offsets and sizes of programs are multiples of it.
  // At most limits::program_unit_bytes_max, and a divisor of erase_block_bytes.
  std::uint32_t program_unit_bytes = 0;
  // True when a unit can be programmed only after its block was erased (NOR, NAND). False for
  // storage that overwrites (files, eMMC, disks): the engine then never calls erase().
  bool erase_before_program = false;
};

// One storage device. The engine calls it from the thread that calls the Session, one call at a
// time, and holds a pointer to it for the Session's lifetime.
//
// What an implementation promises: a program or erase that returned ok reads back as written until
// the next erase; after sync() returned ok it also survives loss of power. What it need not
// promise: anything about a range that was being programmed or erased when power failed.
class Flash {
 public:
  virtual FlashGeometry geometry() const = 0;
  // Bytes that can be addressed.
  virtual std::uint64_t size_bytes() const = 0;

  // Reads exactly `into.size()` bytes, or flash_read_failed.
  virtual Status read(std::uint64_t offset, MutableByteSpan into) = 0;
  // Sets the range to 0xff, or flash_erase_failed.
  virtual Status erase(std::uint64_t offset, std::uint64_t count) = 0;
  // Writes the bytes, or flash_program_failed.
  virtual Status program(std::uint64_t offset, ByteSpan bytes) = 0;
  // A barrier: what was programmed and erased before is durable before anything after. Or
  // flash_sync_failed.
  virtual Status sync() = 0;

 protected:
  ~Flash() = default;  // Owned by the caller, never deleted through this interface.
};

// A part of a Flash. Offsets are relative to the part; every access is checked against its end.
class FlashRegion {
 public:
  FlashRegion() = default;
  FlashRegion(Flash* flash, std::uint64_t offset_bytes, std::uint64_t size_bytes)
      : flash_(flash), offset_bytes_(offset_bytes), size_bytes_(size_bytes) {}

  bool present() const { return flash_ != nullptr; }
  std::uint64_t size_bytes() const { return size_bytes_; }
  FlashGeometry geometry() const { return flash_->geometry(); }

  // Smallest range that can be written again without touching what lies beside it: the erase block
  // where erase comes before program, else the program unit.
  std::uint32_t rewrite_unit_bytes() const {
    const FlashGeometry g = geometry();
    return g.erase_before_program ? g.erase_block_bytes : g.program_unit_bytes;
  }

  // A part of this region. Requires: it lies inside.
  FlashRegion part(std::uint64_t offset, std::uint64_t count) const {
    return {flash_, offset_bytes_ + offset, count};
  }

  // True when the geometry makes sense and the region begins and ends on what it can erase and
  // program. Everything below requires it.
  bool is_usable() const;

  Status read(std::uint64_t offset, MutableByteSpan into) const;
  // Does nothing on storage that needs no erase.
  Status erase(std::uint64_t offset, std::uint64_t count) const;
  Status program(std::uint64_t offset, ByteSpan bytes) const;
  Status sync() const { return flash_->sync(); }

  // Reads [begin, begin + count) piece by piece into `window`, which is not empty, and calls
  // `take(at, piece)` for each, `at` counted from `begin`. Ends with the first failure, which may
  // be take's.
  template <typename Take>
  Status read_pieces(std::uint64_t begin, std::uint64_t count, MutableByteSpan window,
                     Take take) const {
    for (std::uint64_t at = 0; at < count; at += window.size()) {
      if (window.size() > count - at) window = window.first(static_cast<std::size_t>(count - at));
      Status status = read(begin + at, window);
      if (status == Status::ok) status = take(at, ByteSpan(window));
      if (status != Status::ok) return status;
    }
    return Status::ok;
  }

 private:
  Flash* flash_ = nullptr;
  std::uint64_t offset_bytes_ = 0;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace romdelta
