#include "tests/support/unstable_flash.h"

#include <algorithm>

namespace romdelta::test {

UnstableFlash::UnstableFlash(const FlashGeometry& geometry, std::uint64_t size_bytes,
                             Random* random)
    : geometry_(geometry), random_(random) {
  units_.resize(size_bytes / geometry.program_unit_bytes);
  for (Unit& unit : units_) unit = {{Bytes(geometry.program_unit_bytes, 0xff)}, true};
}

const Bytes& UnstableFlash::content(const Unit& unit) {
  const std::size_t last = unit.contents.size() - 1;
  if (mood == Mood::old) return unit.contents.front();
  if (mood == Mood::latest) return unit.contents[last];
  return unit.contents[last == 0 ? 0 : pick(random_, 0, last)];
}

Status UnstableFlash::read(std::uint64_t offset, MutableByteSpan into) {
  if (is_cut_) return Status::flash_read_failed;
  const std::uint64_t unit_bytes = geometry_.program_unit_bytes;
  for (std::size_t done = 0; done < into.size();) {
    const std::uint64_t at = offset + done;
    const ByteSpan unit = ByteSpan(content(units_.at(at / unit_bytes))).subspan(at % unit_bytes);
    const std::size_t count = std::min(unit.size(), into.size() - done);
    copy_bytes(into.data() + done, unit.first(count));
    done += count;
  }
  return Status::ok;
}

bool UnstableFlash::fails() {
  ++writes_;
  if (!is_cut_ && writes_left_ == 0) {
    is_cut_ = true;
    return true;
  }
  if (writes_left_ != kNever) --writes_left_;
  return false;
}

void UnstableFlash::change(Unit* unit, ByteSpan bytes, bool is_erase, bool is_torn) {
  const bool is_blank_needed = geometry_.erase_before_program && !is_erase;
  if (is_blank_needed && !unit->is_erased) ++violations;
  if (!is_torn) unit->contents.clear();
  unit->contents.emplace_back(bytes.begin(), bytes.end());
  unit->is_erased = is_erase && !is_torn;
}

Status UnstableFlash::erase(std::uint64_t offset, std::uint64_t count) {
  if (is_cut_) return Status::flash_erase_failed;
  const bool is_torn = fails();
  const std::uint64_t unit_bytes = geometry_.program_unit_bytes;
  const Bytes blank(unit_bytes, 0xff);
  for (std::uint64_t at = offset; at < offset + count; at += unit_bytes) {
    change(&units_.at(at / unit_bytes), blank, true, is_torn);
  }
  return is_torn ? Status::flash_erase_failed : Status::ok;
}

Status UnstableFlash::program(std::uint64_t offset, ByteSpan bytes) {
  if (is_cut_) return Status::flash_program_failed;
  const bool is_torn = fails();
  const std::uint64_t unit_bytes = geometry_.program_unit_bytes;
  for (std::uint64_t at = 0; at < bytes.size(); at += unit_bytes) {
    change(&units_.at((offset + at) / unit_bytes), bytes.subspan(at, unit_bytes), false, is_torn);
  }
  return is_torn ? Status::flash_program_failed : Status::ok;
}

Status UnstableFlash::sync() { return is_cut_ ? Status::flash_sync_failed : Status::ok; }

void UnstableFlash::restart() {
  is_cut_ = false;
  writes_left_ = kNever;
}

void UnstableFlash::make_unstable(std::uint64_t offset, ByteSpan bytes) {
  const std::uint64_t unit_bytes = geometry_.program_unit_bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Unit& unit = units_.at((offset + i) / unit_bytes);
    if (unit.contents.size() == 1) unit.contents.push_back(unit.contents.front());
    unit.contents.back()[(offset + i) % unit_bytes] = bytes[i];
    unit.is_erased = false;
  }
}

}  // namespace romdelta::test
