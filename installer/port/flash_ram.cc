#include "installer/port/flash_ram.h"

#include <algorithm>

namespace romdelta {

// Requires: the range lies inside the memory, so that it fits a size_t.
MutableByteSpan RamFlash::range(std::uint64_t offset, std::uint64_t count) const {
  return memory_.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
}

Status RamFlash::read(std::uint64_t offset, MutableByteSpan into) {
  if (!range_inside(offset, into.size(), memory_.size())) return Status::flash_read_failed;
  copy_bytes(into.data(), range(offset, into.size()));
  return Status::ok;
}

Status RamFlash::erase(std::uint64_t offset, std::uint64_t count) {
  if (!range_inside(offset, count, memory_.size())) return Status::flash_erase_failed;
  const std::uint64_t block = geometry_.erase_block_bytes;
  if (offset % block != 0 || count % block != 0) return Status::flash_erase_failed;
  std::ranges::fill(range(offset, count), std::uint8_t{0xff});
  erased_blocks_ += count / block;
  return Status::ok;
}

Status RamFlash::program(std::uint64_t offset, ByteSpan bytes) {
  if (!range_inside(offset, bytes.size(), memory_.size())) return Status::flash_program_failed;
  const std::uint64_t unit = geometry_.program_unit_bytes;
  if (offset % unit != 0 || bytes.size() % unit != 0) return Status::flash_program_failed;
  const MutableByteSpan place = range(offset, bytes.size());
  if (geometry_.erase_before_program &&
      kernels_.find_not(place.data(), place.size(), 0xff) != place.size()) {
    return Status::flash_program_failed;
  }
  copy_bytes(place.data(), bytes);
  programmed_bytes_ += bytes.size();
  return Status::ok;
}

}  // namespace romdelta
