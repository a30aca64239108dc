// FaultyFlash: counts what is done to a flash, and makes one operation fail.
#pragma once

#include <array>
#include <cstdint>

#include "installer/port/flash.h"

namespace romdelta::test {

enum class FlashOperation : std::uint8_t { read, erase, program, sync };
inline constexpr std::size_t flash_operation_count = 4;

// Shared by all flashes of a device, so that an operation has one number among all.
struct FaultPlan {
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  // The operation that fails, by number, and all after it when `for_good`.
  std::uint64_t fail_at = never;
  bool for_good = false;
  // What a failing operation leaves: nothing done, half of it done, all of it done.
  enum class Effect : std::uint8_t { none, half, all } effect = Effect::none;

  std::array<std::uint64_t, flash_operation_count> counts{};
  bool fired = false;
  FlashOperation fired_on = FlashOperation::read;

  std::uint64_t total() const;
  std::uint64_t count(FlashOperation operation) const {
    return counts[static_cast<std::size_t>(operation)];
  }
  // Erases and programs: what wears a flash.
  std::uint64_t writes() const {
    return count(FlashOperation::erase) + count(FlashOperation::program);
  }
  // Forgets the counts and what was planned.
  void reset() { *this = {}; }
  // Counts one operation; true when it has to fail.
  bool fails(FlashOperation operation);
};

class FaultyFlash final : public Flash {
 public:
  // Both are the caller's and must outlive this object.
  FaultyFlash(Flash* flash, FaultPlan* plan) : flash_(flash), plan_(plan) {}

  FlashGeometry geometry() const override { return flash_->geometry(); }
  std::uint64_t size_bytes() const override { return flash_->size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override;
  Status erase(std::uint64_t offset, std::uint64_t count) override;
  Status program(std::uint64_t offset, ByteSpan bytes) override;
  Status sync() override;

 private:
  Flash* flash_;
  FaultPlan* plan_;
};

}  // namespace romdelta::test
