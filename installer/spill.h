// Spill: old bytes and scripts of a delta in place, on flash. docs/format.md section 7.14.
//
// spill_space.h keeps the accounts; this class moves the bytes. The blocks are those of the scratch
// region, then those of the holes in the slot.
#pragma once

#include <span>

#include "format/digest.h"
#include "format/manifest.h"
#include "installer/arena.h"
#include "installer/plan_model.h"
#include "installer/port/flash.h"
#include "installer/spill_space.h"

namespace romdelta {

// Where the spill lies and whose it is.
struct SpillPlace {
  FlashRegion scratch;
  FlashRegion slot;
  std::span<const Hole> holes;  // Ascending.
};

class Spill {
 public:
  // Takes its tables from the arena (counted in arena_bytes_needed). arena_too_small.
  Status begin(const Manifest& manifest, const Digest& manifest_digest, Arena* arena);
  void set_place(const SpillPlace& place) { place_ = place; }

  // Finds what lies there of this package, written by phases up to `sequence_max`.
  // `last_step(context, key)` says until when a record is needed, SpillSpace::none when it is not.
  // Of a fragment that was copied the newer one counts. fragments that do not fit the table:
  // malformed_chunk.
  using LastStep = std::uint32_t (*)(void* context, std::uint32_t key);
  Status open(std::uint32_t sequence_max, LastStep last_step, void* context);
  // Makes every block unreadable that holds nothing in use. What a phase wrote that never became
  // valid may read well, badly, or now well and now badly: it must not be there any more when later
  // phases count. Only when the journal's newest record is known to be durable.
  Status wipe_unused();

  // The phase that was written last, also those that did not become valid.
  std::uint32_t sequence() const { return sequence_; }
  bool is_complete(std::uint32_t key, std::uint32_t bytes) const {
    return space_.is_complete(key, bytes);
  }
  // The last phase that wrote any of a record, 0 when there is nothing of it.
  std::uint32_t sequence_of(std::uint32_t key) const { return space_.sequence_of(key); }
  // Fills `out` from byte `offset` of a record on. source_damaged when it is not all there.
  Status read(std::uint32_t key, std::uint32_t offset, MutableByteSpan out) const;

  // A phase: records one after the other, then clean(), then sync(); it becomes valid with the
  // journal record that names sequence(), after which seal() is due.
  void begin_phase() {
    space_.begin_phase(++sequence_);
    write_block_ = SpillSpace::none;
  }
  // A record of `bytes`, which append() must then be given exactly.
  void begin_record(std::uint32_t key, std::uint32_t bytes, std::uint32_t last_step);
  // scratch_too_small when there is no free block, malformed_chunk when the record gets too long.
  Status append(ByteSpan bytes);
  // True when the record has all its bytes.
  bool is_record_complete() const { return record_left_ == 0; }
  Status clean(std::uint32_t step);
  Status sync();
  void seal(std::uint32_t step) { space_.seal(step); }

 private:
  struct Header {
    std::uint32_t key = 0;
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0;
    std::uint32_t sequence = 0;
  };

  // Where a block lies.
  const FlashRegion& block_region(std::uint32_t block, std::uint64_t* offset) const;
  Status read_block(std::uint32_t block, std::uint32_t at, MutableByteSpan out) const;
  Status program_block(std::uint32_t block, std::uint32_t at, ByteSpan bytes) const;
  Status erase_block(std::uint32_t block) const;

  Status read_header(std::uint32_t block, std::uint32_t at, Header* header, bool* valid) const;
  Status check_content(std::uint32_t block, std::uint32_t at, std::uint32_t bytes,
                       bool* valid) const;
  Status open_block(std::uint32_t block, std::uint32_t sequence_max, LastStep last_step,
                    void* context);
  std::uint32_t header_checksum(ByteSpan header) const;

  Status begin_fragment(const SpillFragment& fragment, bool opens);
  Status put(ByteSpan bytes);
  Status end_fragment();
  Status flush();
  Status copy_fragment(const SpillFragment& from, const SpillFragment& to, bool opens);

  // First, because it is aligned to a cache line.
  ChecksumStream checksum_;  // Of the fragment that is being written.

  SpillPlace place_;
  SpillSpace space_;
  Digest manifest_digest_;
  std::uint32_t block_bytes_ = 0;
  std::uint32_t unit_bytes_ = 1;
  std::uint32_t scratch_blocks_ = 0;
  std::uint32_t blocks_per_hole_ = 1;
  std::uint32_t reserve_blocks_ = 0;
  std::uint32_t sequence_ = 0;
  MutableByteSpan staging_;  // The end of the phase that is not programmed yet.

  // The record and the fragment that are being written.
  std::uint32_t record_key_ = 0;
  std::uint32_t record_at_ = 0;
  std::uint32_t record_left_ = 0;
  std::uint32_t record_last_step_ = 0;
  std::uint32_t fragment_left_ = 0;
  std::uint32_t write_block_ = SpillSpace::none;  // Where staging_ goes,
  std::uint32_t write_at_ = 0;                    // and at which offset.
  std::size_t staged_ = 0;                        // Bytes waiting in staging_.
};

}  // namespace romdelta
