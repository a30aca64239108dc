#include "installer/flash_writer.h"

#include <algorithm>

namespace romdelta {

Status FlashWriter::advance(std::size_t count) {
  filled_ += count;
  return filled_ == buffer_.size() ? program_buffer() : Status::ok;
}

Status FlashWriter::append(ByteSpan bytes) {
  while (!bytes.empty()) {
    const MutableByteSpan space = room();
    const std::size_t count = std::min(space.size(), bytes.size());
    copy_bytes(space.data(), bytes.first(count));
    const Status status = advance(count);
    if (status != Status::ok) return status;
    bytes = bytes.subspan(count);
  }
  return Status::ok;
}

Status FlashWriter::flush() {
  if (filled_ != 0) {
    const Status status = program_buffer();
    if (status != Status::ok) return status;
  }
  return region_.sync();
}

Status FlashWriter::program_buffer() {
  const FlashGeometry geometry = region_.geometry();
  const auto padded = static_cast<std::size_t>(round_up(filled_, geometry.program_unit_bytes));
  std::ranges::fill(buffer_.subspan(filled_, padded - filled_), std::uint8_t{0xff});
  while (erased_end_ < base_ + padded) {
    const Status status = region_.erase(erased_end_, geometry.erase_block_bytes);
    if (status != Status::ok) return status;
    erased_end_ += geometry.erase_block_bytes;
  }
  const ByteSpan bytes = buffer_.first(padded);
  // What is erased already holds 0xff: programming it again would only cost time and wear.
  const bool is_blank = geometry.erase_before_program &&
                        kernels_->find_not(bytes.data(), bytes.size(), 0xff) == bytes.size();
  if (!is_blank) {
    const Status status = region_.program(base_, bytes);
    if (status != Status::ok) return status;
  }
  base_ += filled_;
  filled_ = 0;
  return observer_ == nullptr ? Status::ok : observer_(observer_context_, base_);
}

}  // namespace romdelta
