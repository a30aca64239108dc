// FlashWriter: writes a region in ascending order through one buffer, erasing ahead.
#pragma once

#include <cstdint>

#include "installer/port/flash.h"
#include "installer/simd/kernels.h"

namespace romdelta {

class FlashWriter {
 public:
  FlashWriter() = default;
  // Writes [offset, ...) of `region`. Requires: the region is usable; `offset` is a multiple of the
  // rewrite unit; the buffer is a multiple of the program unit and outlives the writer.
  FlashWriter(const FlashRegion& region, std::uint64_t offset, MutableByteSpan buffer,
              const Kernels& kernels)
      : region_(region), buffer_(buffer), kernels_(&kernels), base_(offset), erased_end_(offset) {}

  // Called after each programmed buffer with offset(); its failure becomes the writer's.
  using Observer = Status (*)(void* context, std::uint64_t offset);
  void set_observer(Observer observer, void* context) {
    observer_ = observer;
    observer_context_ = context;
  }

  // Where the next byte goes.
  std::uint64_t offset() const { return base_ + filled_; }
  // True when everything taken so far was programmed.
  bool is_flushed() const { return filled_ == 0; }

  // Free space of the buffer, at least one byte: fill the front of it, then call advance().
  MutableByteSpan room() { return buffer_.subspan(filled_); }
  // Takes `count` bytes of room(); programs the buffer when it is full.
  Status advance(std::size_t count);
  Status append(ByteSpan bytes);
  // Programs what is left, filled up with 0xff to a program unit, and syncs. Only at the end, or
  // where offset() is a multiple of the program unit.
  Status flush();

 private:
  Status program_buffer();

  FlashRegion region_;
  MutableByteSpan buffer_;
  const Kernels* kernels_ = nullptr;
  std::uint64_t base_ = 0;        // Where buffer_[0] goes.
  std::size_t filled_ = 0;        // Bytes waiting in buffer_.
  std::uint64_t erased_end_ = 0;  // Erased up to here.
  Observer observer_ = nullptr;
  void* observer_context_ = nullptr;
};

}  // namespace romdelta
