// SpillRig: a spill in memory, that can be opened again as after a boot. And a source in memory.
#pragma once

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "installer/source_reader.h"
#include "installer/spill.h"
#include "tests/support/test_device.h"

namespace romdelta::test {

struct SpillShape {
  FlashGeometry flash = {512, 16, true};
  std::uint32_t scratch_blocks = 8;
  std::uint32_t blocks_per_group = 2;
  std::vector<Hole> holes = {};
  std::uint32_t fragment_count_max = 64;
  std::uint32_t reserve_blocks = 1;
  std::uint32_t program_unit_bytes = 16;
  std::uint32_t slot_groups = 8;
};

class SpillRig {
 public:
  explicit SpillRig(SpillShape a_shape = {}) : shape(std::move(a_shape)) {
    const std::uint32_t block = shape.flash.erase_block_bytes;
    manifest.erase_block_bytes = block;
    manifest.group_bytes = shape.blocks_per_group * block;
    manifest.target.bytes = std::uint64_t{shape.slot_groups} * manifest.group_bytes;
    manifest.budgets.scratch_bytes = std::uint64_t{shape.scratch_blocks} * block;
    manifest.plan.bytes = 1;
    manifest.plan.hole_count = static_cast<std::uint32_t>(shape.holes.size());
    manifest.plan.fragment_count_max = shape.fragment_count_max;
    manifest.plan.reserve_blocks = shape.reserve_blocks;
    manifest.plan.program_unit_bytes = shape.program_unit_bytes;
    digest.value.fill(0x11);
    scratch.assign(manifest.budgets.scratch_bytes, 0xff);
    slot.assign(manifest.target.bytes, 0x5a);
    scratch_flash.emplace(scratch, shape.flash);
    slot_flash.emplace(slot, shape.flash);
    faulty_scratch.emplace(&*scratch_flash, &faults);
    faulty_slot.emplace(&*slot_flash, &faults);
    if (begin() != Status::ok) throw std::logic_error("the spill cannot begin");
  }

  // A new spill where the old one lies: nothing of it is known yet.
  Status begin() {
    spill = std::make_unique<Spill>();
    arena = Arena(memory.span());
    const Status status = spill->begin(manifest, digest, &arena);
    FlashRegion scratch_region;
    if (!scratch.empty()) scratch_region = {&*faulty_scratch, 0, scratch.size()};
    spill->set_place({scratch_region, {&*faulty_slot, 0, slot.size()}, shape.holes});
    return status;
  }
  // As after a boot, when the journal says `sequence_max`. All that is found is needed until
  // `last_step`.
  Status boot(std::uint32_t sequence_max = SpillSpace::none, std::uint32_t last_step = 1000) {
    const Status status = begin();
    needed_until = last_step;
    return status == Status::ok ? spill->open(sequence_max, &SpillRig::last_step, this) : status;
  }

  // One record into the phase that is open.
  Status put(std::uint32_t key, ByteSpan bytes, std::uint32_t last_step = 1000) {
    spill->begin_record(key, static_cast<std::uint32_t>(bytes.size()), last_step);
    return spill->append(bytes);
  }
  // A phase of one record, which becomes valid as step `step` begins.
  Status put_phase(std::uint32_t key, ByteSpan bytes, std::uint32_t last_step = 1000,
                   std::uint32_t step = 0) {
    spill->begin_phase();
    Status status = put(key, bytes, last_step);
    if (status == Status::ok) status = spill->clean(step);
    if (status == Status::ok) status = spill->sync();
    spill->seal(step);
    return status;
  }
  // All of a record, or nothing when it cannot be read.
  Bytes get(std::uint32_t key, std::size_t count) const {
    Bytes bytes(count);
    return spill->read(key, 0, bytes) == Status::ok ? bytes : Bytes();
  }

  SpillShape shape;
  Manifest manifest;
  Digest digest;
  Bytes scratch;
  Bytes slot;
  FaultPlan faults;
  std::optional<RamFlash> scratch_flash;
  std::optional<RamFlash> slot_flash;
  std::optional<FaultyFlash> faulty_scratch;
  std::optional<FaultyFlash> faulty_slot;
  AlignedMemory memory{256 * 1024};
  Arena arena;
  std::unique_ptr<Spill> spill;
  std::uint32_t needed_until = 0;

 private:
  static std::uint32_t last_step(void* self, std::uint32_t /*key*/) {
    return static_cast<SpillRig*>(self)->needed_until;
  }
};

// A source that is all there. Fails, not silently, when something outside of it is read.
class MemorySource final : public SourceReader {
 public:
  explicit MemorySource(Bytes content) : content_(std::move(content)) {}
  std::uint64_t bytes() const override { return content_.size(); }
  Status read(std::uint64_t begin, MutableByteSpan out) override {
    if (!range_inside(begin, out.size(), content_.size()) ||
        out.size() > limits::source_window_bytes) {
      throw std::logic_error("read outside of the source");
    }
    std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
    return failure;
  }

  Status failure = Status::ok;

 private:
  Bytes content_;
};

}  // namespace romdelta::test
