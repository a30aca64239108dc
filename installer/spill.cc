#include "installer/spill.h"

#include <algorithm>
#include <array>

#include "format/limits.h"

namespace romdelta {
namespace {

constexpr std::uint32_t kMagic = 0x31534452;  // "RDS1" in memory order.
constexpr std::size_t kCopyBytes = 256;

static_assert(limits::spill_block_bytes_min > SpillSpace::frame_bytes);
static_assert(sizeof(SpillFragment) == 24 && sizeof(SpillBlock) == 16);

}  // namespace

Status Spill::begin(const Manifest& manifest, const Digest& manifest_digest, Arena* arena) {
  std::span<SpillFragment> fragments;
  std::span<SpillBlock> blocks;
  if (!arena->allocate_objects(manifest.plan.fragment_count_max, &fragments) ||
      !arena->allocate_objects(manifest.spill_block_count(), &blocks) ||
      !arena->allocate(limits::program_unit_bytes_max, &staging_)) {
    return Status::arena_too_small;
  }
  manifest_digest_ = manifest_digest;
  block_bytes_ = manifest.erase_block_bytes;
  unit_bytes_ = manifest.plan.program_unit_bytes;
  staging_ = staging_.first(staging_.size() / unit_bytes_ * unit_bytes_);
  scratch_blocks_ = static_cast<std::uint32_t>(manifest.budgets.scratch_bytes / block_bytes_);
  blocks_per_hole_ = manifest.group_bytes / block_bytes_;
  reserve_blocks_ = manifest.plan.reserve_blocks;
  space_ = SpillSpace(fragments, blocks, block_bytes_);
  return Status::ok;
}

// --- Blocks. ---

const FlashRegion& Spill::block_region(std::uint32_t block, std::uint64_t* offset) const {
  if (block < scratch_blocks_) {
    *offset = std::uint64_t{block} * block_bytes_;
    return place_.scratch;
  }
  const std::uint32_t of_holes = block - scratch_blocks_;
  const Hole& hole = place_.holes[of_holes / blocks_per_hole_];
  const std::uint64_t index =
      std::uint64_t{hole.group} * blocks_per_hole_ + of_holes % blocks_per_hole_;
  *offset = index * block_bytes_;
  return place_.slot;
}

Status Spill::read_block(std::uint32_t block, std::uint32_t at, MutableByteSpan out) const {
  if (block == write_block_ && at + out.size() > write_at_) {
    // Not programmed yet.
    const std::size_t before = at < write_at_ ? write_at_ - at : 0;
    const ByteSpan staged = staging_.subspan(at + before - write_at_, out.size() - before);
    copy_bytes(out.data() + before, staged);
    out = out.first(before);
    if (out.empty()) return Status::ok;
  }
  std::uint64_t offset = 0;
  const FlashRegion& region = block_region(block, &offset);
  return region.read(offset + at, out);
}

Status Spill::program_block(std::uint32_t block, std::uint32_t at, ByteSpan bytes) const {
  std::uint64_t offset = 0;
  const FlashRegion& region = block_region(block, &offset);
  return region.program(offset + at, bytes);
}

Status Spill::erase_block(std::uint32_t block) const {
  std::uint64_t offset = 0;
  const FlashRegion& region = block_region(block, &offset);
  return region.erase(offset, block_bytes_);
}

// --- Reading. ---

// Seeded with the package, so that what another one left is never taken for this one's.
std::uint32_t Spill::header_checksum(ByteSpan header) const {
  ChecksumStream checksum;
  checksum.update(manifest_digest_.value);
  checksum.update(header);
  return static_cast<std::uint32_t>(checksum.finish().value);
}

Status Spill::read_header(std::uint32_t block, std::uint32_t at, Header* header,
                          bool* valid) const {
  *valid = false;
  if (!range_inside(at, SpillSpace::frame_bytes, block_bytes_)) return Status::ok;
  std::array<std::uint8_t, SpillSpace::header_bytes> bytes;
  const Status status = read_block(block, at, bytes);
  if (status != Status::ok) return status;
  ByteReader reader(bytes);
  const std::uint32_t magic = reader.u32();
  header->key = reader.u32();
  header->offset = reader.u32();
  header->bytes = reader.u32();
  header->sequence = reader.u32();
  *valid = magic == kMagic && reader.u32() == header_checksum(ByteSpan(bytes).first(20)) &&
           header->bytes <= block_bytes_ - SpillSpace::frame_bytes - at &&
           header->offset < SpillSpace::none - header->bytes;
  return Status::ok;
}

Status Spill::check_content(std::uint32_t block, std::uint32_t at, std::uint32_t bytes,
                            bool* valid) const {
  ChecksumStream checksum;
  std::array<std::uint8_t, kCopyBytes> piece;
  std::uint32_t from = at + SpillSpace::header_bytes;
  for (std::uint32_t left = bytes; left != 0;) {
    const MutableByteSpan part = std::span(piece).first(std::min<std::size_t>(left, piece.size()));
    const Status status = read_block(block, from, part);
    if (status != Status::ok) return status;
    checksum.update(part);
    from += static_cast<std::uint32_t>(part.size());
    left -= static_cast<std::uint32_t>(part.size());
  }
  std::array<std::uint8_t, SpillSpace::trailer_bytes> trailer;
  const Status status = read_block(block, from, trailer);
  *valid = status == Status::ok && ByteReader(trailer).u64() == checksum.finish().value;
  return status;
}

Status Spill::open(std::uint32_t sequence_max, LastStep last_step, void* context) {
  space_.clear();
  sequence_ = sequence_max == SpillSpace::none ? 0 : sequence_max;
  for (std::uint32_t block = 0; block < space_.block_count(); ++block) {
    const Status status = open_block(block, sequence_max, last_step, context);
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

Status Spill::open_block(std::uint32_t block, std::uint32_t sequence_max, LastStep last_step,
                         void* context) {
  std::uint32_t sequence = 0;
  for (std::uint32_t at = 0; at < block_bytes_;) {
    Header header;
    bool valid = false;
    Status status = read_header(block, at, &header, &valid);
    if (status != Status::ok) return status;
    if (at == 0) sequence = header.sequence;
    // What an earlier phase left behind the end of a later one is no part of it.
    if (!valid || header.sequence != sequence) return Status::ok;
    if (at == 0) {
      sequence_ = std::max(sequence_, sequence);
      space_.set_sequence(block, sequence);
    }
    if (sequence > sequence_max) return Status::ok;
    status = check_content(block, at, header.bytes, &valid);
    if (status != Status::ok) return status;
    const std::uint32_t last = valid ? last_step(context, header.key) : SpillSpace::none;
    if (last != SpillSpace::none &&
        !space_.add({header.key, header.offset, header.bytes, last, block, at})) {
      return Status::malformed_chunk;
    }
    at += SpillSpace::stored_bytes(header.bytes);
  }
  return Status::ok;
}

Status Spill::wipe_unused() {
  for (std::uint32_t block = 0; block < space_.block_count(); ++block) {
    if (!space_.is_free(block)) continue;
    std::uint64_t offset = 0;
    const FlashRegion& region = block_region(block, &offset);
    Status status = Status::ok;
    if (region.geometry().erase_before_program) {
      status = erase_block(block);
    } else {
      // Without its first header nothing in a block is found.
      const MutableByteSpan blank = staging_.first(unit_bytes_);
      std::ranges::fill(blank, std::uint8_t{0xff});
      status = program_block(block, 0, blank);
    }
    if (status != Status::ok) return status;
  }
  return sync();
}

Status Spill::read(std::uint32_t key, std::uint32_t offset, MutableByteSpan out) const {
  while (!out.empty()) {
    const SpillFragment* fragment = space_.find(key, offset);
    if (fragment == nullptr) return Status::source_damaged;
    const MutableByteSpan part =
        out.first(std::min<std::size_t>(out.size(), fragment->end() - offset));
    const std::uint32_t past = SpillSpace::header_bytes + (offset - fragment->offset);
    const Status status = read_block(fragment->block, fragment->at + past, part);
    if (status != Status::ok) return status;
    out = out.subspan(part.size());
    offset += static_cast<std::uint32_t>(part.size());
  }
  return Status::ok;
}

// --- Writing. ---

void Spill::begin_record(std::uint32_t key, std::uint32_t bytes, std::uint32_t last_step) {
  record_key_ = key;
  record_at_ = 0;
  record_left_ = bytes;
  record_last_step_ = last_step;
  fragment_left_ = 0;
}

Status Spill::append(ByteSpan bytes) {
  if (bytes.size() > record_left_) return Status::malformed_chunk;
  while (!bytes.empty()) {
    if (fragment_left_ == 0) {
      SpillFragment fragment;
      bool opens = false;
      if (!space_.place(record_key_, record_at_, record_left_, record_last_step_, &fragment,
                        &opens)) {
        return Status::scratch_too_small;
      }
      const Status status = begin_fragment(fragment, opens);
      if (status != Status::ok) return status;
    }
    const ByteSpan part = bytes.first(std::min<std::size_t>(bytes.size(), fragment_left_));
    bytes = bytes.subspan(part.size());
    record_at_ += static_cast<std::uint32_t>(part.size());
    record_left_ -= static_cast<std::uint32_t>(part.size());
    fragment_left_ -= static_cast<std::uint32_t>(part.size());
    checksum_.update(part);
    Status status = put(part);
    if (status == Status::ok && fragment_left_ == 0) status = end_fragment();
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

Status Spill::begin_fragment(const SpillFragment& fragment, bool opens) {
  if (opens) {
    Status status = flush();
    if (status == Status::ok) status = erase_block(fragment.block);
    if (status != Status::ok) return status;
    write_block_ = fragment.block;
    write_at_ = 0;
    staged_ = 0;
  }
  fragment_left_ = fragment.bytes;
  checksum_ = ChecksumStream();
  std::array<std::uint8_t, SpillSpace::header_bytes> bytes;
  ByteWriter writer(bytes);
  writer.u32(kMagic);
  writer.u32(fragment.key);
  writer.u32(fragment.offset);
  writer.u32(fragment.bytes);
  writer.u32(sequence_);
  writer.u32(header_checksum(writer.written()));
  return put(bytes);
}

Status Spill::put(ByteSpan bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), staging_.size() - staged_);
    copy_bytes(staging_.data() + staged_, bytes.first(count));
    bytes = bytes.subspan(count);
    staged_ += count;
    if (staged_ < staging_.size()) break;
    const Status status = flush();
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

// The trailer, and zeros up to where the next fragment may begin.
Status Spill::end_fragment() {
  std::array<std::uint8_t, SpillSpace::trailer_bytes> trailer;
  ByteWriter writer(trailer);
  writer.u64(checksum_.finish().value);
  Status status = put(trailer);
  const auto at = static_cast<std::uint32_t>(write_at_ + staged_);
  const auto end = std::min(static_cast<std::uint32_t>(round_up(at, 8)), block_bytes_);
  const std::array<std::uint8_t, 8> zeros{};
  if (status == Status::ok) status = put(ByteSpan(zeros).first(end - at));
  return status;
}

// Programs what is staged, filled up to a program unit: to its end the block is not used again.
Status Spill::flush() {
  if (write_block_ == SpillSpace::none || staged_ == 0) return Status::ok;
  const auto padded = static_cast<std::size_t>(round_up(staged_, unit_bytes_));
  std::ranges::fill(staging_.subspan(staged_, padded - staged_), std::uint8_t{0xff});
  const Status status = program_block(write_block_, write_at_, staging_.first(padded));
  write_at_ += static_cast<std::uint32_t>(padded);
  staged_ = 0;
  return status;
}

Status Spill::copy_fragment(const SpillFragment& from, const SpillFragment& to, bool opens) {
  Status status = begin_fragment(to, opens);
  std::array<std::uint8_t, kCopyBytes> piece;
  for (std::uint32_t at = 0; status == Status::ok && at < from.bytes;) {
    const MutableByteSpan part =
        std::span(piece).first(std::min<std::size_t>(from.bytes - at, piece.size()));
    status = read_block(from.block, from.at + SpillSpace::header_bytes + at, part);
    if (status != Status::ok) break;
    checksum_.update(part);
    status = put(part);
    at += static_cast<std::uint32_t>(part.size());
  }
  fragment_left_ = 0;
  if (status != Status::ok) return status;
  // What has gone bad meanwhile must not get a checksum that fits.
  std::array<std::uint8_t, SpillSpace::trailer_bytes> trailer;
  status = read_block(from.block, from.at + SpillSpace::header_bytes + from.bytes, trailer);
  if (status != Status::ok) return status;
  if (ByteReader(trailer).u64() != checksum_.finish().value) return Status::source_damaged;
  return end_fragment();
}

Status Spill::clean(std::uint32_t step) {
  Status status = Status::ok;
  (void)space_.clean(step, reserve_blocks_,
                     [&](const SpillFragment& from, const SpillFragment& to, bool opens) {
                       status = copy_fragment(from, to, opens);
                       return status == Status::ok;
                     });
  return status;
}

Status Spill::sync() {
  Status status = flush();
  write_block_ = SpillSpace::none;
  if (status == Status::ok && scratch_blocks_ != 0) status = place_.scratch.sync();
  if (status == Status::ok && !place_.holes.empty()) status = place_.slot.sync();
  return status;
}

}  // namespace romdelta
