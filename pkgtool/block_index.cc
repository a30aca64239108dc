#include "pkgtool/block_index.h"

#include <bit>
#include <cstring>

namespace romdelta::pkgtool {

BlockIndex::BlockIndex(ByteSpan text) : text_(text) {
  slot_bits_ = std::max(10u, static_cast<unsigned>(std::bit_width(text.size() / step_bytes)));
  blocks_.assign(std::size_t{1} << slot_bits_, no_block);
  // Backwards, so that the first of equal blocks stays.
  const std::size_t count =
      text.size() < block_bytes ? 0 : (text.size() - block_bytes) / step_bytes + 1;
  for (std::size_t i = count; i-- != 0;) {
    blocks_[slot(text.data() + i * step_bytes)] = static_cast<std::uint32_t>(i);
  }
}

std::size_t BlockIndex::slot(const std::uint8_t* block) const {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::memcpy(&low, block, 8);
  std::memcpy(&high, block + 4, 8);
  const std::uint64_t mixed = (low * 0x9e3779b97f4a7c15u) ^ (high * 0xc2b2ae3d27d4eb4fu);
  return static_cast<std::size_t>((mixed ^ mixed >> 29) * 0x9e3779b97f4a7c15u >> (64 - slot_bits_));
}

LongestMatch BlockIndex::find(ByteSpan wanted) const {
  if (wanted.size() < block_bytes) return {};
  const std::uint32_t block = blocks_[slot(wanted.data())];
  if (block == no_block) return {};
  const std::uint64_t offset = std::uint64_t{block} * step_bytes;
  const std::size_t most = std::min(wanted.size(), text_.size() - static_cast<std::size_t>(offset));
  const std::size_t bytes = kernels_.mismatch(text_.data() + offset, wanted.data(), most);
  return {offset, bytes < block_bytes ? 0 : bytes};
}

}  // namespace romdelta::pkgtool
