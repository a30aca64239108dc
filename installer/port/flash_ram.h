// RamFlash: flash in the caller's memory, strict about its rules. For tests, for pkgtool's replay
// and for devices that update an image in RAM.
#pragma once

#include "installer/port/flash.h"
#include "installer/simd/kernels.h"

namespace romdelta {

class RamFlash final : public Flash {
 public:
  // `memory` stays the caller's and must outlive this object.
  RamFlash(MutableByteSpan memory, const FlashGeometry& geometry)
      : memory_(memory), geometry_(geometry) {}

  FlashGeometry geometry() const override { return geometry_; }
  std::uint64_t size_bytes() const override { return memory_.size(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override;
  // Fails on a range that is not whole erase blocks.
  Status erase(std::uint64_t offset, std::uint64_t count) override;
  // Fails on a range that is not whole program units and, where erase comes before program, on a
  // unit that is not erased.
  Status program(std::uint64_t offset, ByteSpan bytes) override;
  Status sync() override { return Status::ok; }

  // What has been done so far, for budgets.
  std::uint64_t programmed_bytes() const { return programmed_bytes_; }
  std::uint64_t erased_blocks() const { return erased_blocks_; }

 private:
  MutableByteSpan range(std::uint64_t offset, std::uint64_t count) const;

  MutableByteSpan memory_;
  FlashGeometry geometry_;
  const Kernels& kernels_ = best_kernels();
  std::uint64_t programmed_bytes_ = 0;
  std::uint64_t erased_blocks_ = 0;
};

}  // namespace romdelta
