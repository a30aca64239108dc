// UnstableFlash: memory of which a cut of power leaves what was being written unstable: each read
// gives one of the contents that its units may have, until they are erased.
#pragma once

#include <cstdint>
#include <vector>

#include "installer/port/flash.h"
#include "tests/support/random.h"

namespace romdelta::test {

class UnstableFlash final : public Flash {
 public:
  UnstableFlash(const FlashGeometry& geometry, std::uint64_t size_bytes, Random* random);

  FlashGeometry geometry() const override { return geometry_; }
  std::uint64_t size_bytes() const override { return units_.size() * geometry_.program_unit_bytes; }
  Status read(std::uint64_t offset, MutableByteSpan into) override;
  Status erase(std::uint64_t offset, std::uint64_t count) override;
  Status program(std::uint64_t offset, ByteSpan bytes) override;
  Status sync() override;

  // Power fails during the write (program, erase) that begins after `writes` more of them.
  void cut_after(std::uint64_t writes) { writes_left_ = writes; }
  bool is_cut() const { return is_cut_; }
  // Power is back: the unstable stays so.
  void restart();
  // The bytes of the range read as `bytes` or as they are now, until they are erased.
  void make_unstable(std::uint64_t offset, ByteSpan bytes);

  // What unstable units read as: any of their contents, or always the first or the last of them.
  enum class Mood : std::uint8_t { any, old, latest } mood = Mood::any;
  std::uint64_t writes() const { return writes_; }
  // Programs of units that were not erased as a whole since they were last touched.
  unsigned violations = 0;

 private:
  struct Unit {
    std::vector<Bytes> contents;  // More than one when it is unstable.
    bool is_erased = false;
  };
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  // Counts a write; true when power fails in it.
  bool fails();
  void change(Unit* unit, ByteSpan bytes, bool is_erase, bool is_torn);
  const Bytes& content(const Unit& unit);

  FlashGeometry geometry_;
  std::vector<Unit> units_;
  Random* random_;
  std::uint64_t writes_left_ = kNever;
  std::uint64_t writes_ = 0;
  bool is_cut_ = false;
};

}  // namespace romdelta::test
