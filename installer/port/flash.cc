#include "installer/port/flash.h"

#include "format/limits.h"

namespace romdelta {

bool FlashRegion::is_usable() const {
  if (flash_ == nullptr) return false;
  const FlashGeometry g = flash_->geometry();
  if (g.program_unit_bytes == 0 || g.program_unit_bytes > limits::program_unit_bytes_max) {
    return false;
  }
  if (g.erase_block_bytes == 0 || g.erase_block_bytes > limits::erase_block_bytes_max) return false;
  if (g.erase_block_bytes % g.program_unit_bytes != 0) return false;
  const std::uint64_t unit = rewrite_unit_bytes();
  if (offset_bytes_ % unit != 0 || size_bytes_ % unit != 0) return false;
  if (size_bytes_ > limits::image_bytes_max) return false;
  return range_inside(offset_bytes_, size_bytes_, flash_->size_bytes());
}

Status FlashRegion::read(std::uint64_t offset, MutableByteSpan into) const {
  if (!range_inside(offset, into.size(), size_bytes_)) return Status::flash_read_failed;
  return flash_->read(offset_bytes_ + offset, into);
}

Status FlashRegion::erase(std::uint64_t offset, std::uint64_t count) const {
  if (!flash_->geometry().erase_before_program) return Status::ok;
  if (!range_inside(offset, count, size_bytes_)) return Status::flash_erase_failed;
  return flash_->erase(offset_bytes_ + offset, count);
}

Status FlashRegion::program(std::uint64_t offset, ByteSpan bytes) const {
  if (!range_inside(offset, bytes.size(), size_bytes_)) return Status::flash_program_failed;
  return flash_->program(offset_bytes_ + offset, bytes);
}

}  // namespace romdelta
