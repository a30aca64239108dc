// SpillSpace: which blocks of the spill hold what. docs/format.md section 7.14.
//
// The spill is where a delta in place keeps old bytes and scripts: a log of blocks. Each phase
// writes into free blocks only, and becomes valid as a whole when the journal names it; blocks with
// little left in them are emptied by copying, so that some are always free. This class does the
// accounts, without I/O: the engine and the planner that foresees it run the same code.
#pragma once

#include <cstdint>
#include <span>

#include "format/bytes.h"

namespace romdelta {

// What a record of the spill is, in the low bits of its key; the step or chunk is above them.
enum class SpillKind : std::uint32_t {
  own = 0,     // Old bytes that the step itself needs.
  kept = 1,    // Old bytes that later steps need.
  script = 2,  // A chunk, unpacked.
};

constexpr std::uint32_t spill_key(SpillKind kind, std::uint32_t index) {
  return index << 2 | static_cast<std::uint32_t>(kind);
}

// A part of a record, in one block.
struct SpillFragment {
  std::uint32_t key = 0;
  std::uint32_t offset = 0;     // In the record.
  std::uint32_t bytes = 0;      // Of the record.
  std::uint32_t last_step = 0;  // The last step that needs it.
  std::uint32_t block = 0;
  std::uint32_t at = 0;  // Where its header begins in the block.

  std::uint32_t end() const { return offset + bytes; }
};

struct SpillBlock {
  std::uint32_t sequence = 0;   // The phase that wrote it.
  std::uint32_t fragments = 0;  // That are in use.
  std::uint32_t state = 0;      // SpillSpace::State.
  std::uint32_t needed = 0;     // Bytes of them that measure() found to be needed.
};

class SpillSpace {
 public:
  // What surrounds the bytes of a fragment.
  static constexpr std::uint32_t header_bytes = 24;
  static constexpr std::uint32_t trailer_bytes = 8;
  static constexpr std::uint32_t frame_bytes = header_bytes + trailer_bytes;
  static constexpr std::uint32_t none = 0xffffffff;

  SpillSpace() = default;
  // Both spans are the caller's and outlive this object; `blocks` has one entry a block. Requires:
  // blocks are larger than a frame.
  SpillSpace(std::span<SpillFragment> fragments, std::span<SpillBlock> blocks,
             std::uint32_t block_bytes);

  // Bytes that a fragment takes of its block. Only the end of a phase has to be the end of a
  // program unit: the next phase takes other blocks.
  static constexpr std::uint32_t stored_bytes(std::uint32_t bytes) {
    return static_cast<std::uint32_t>(round_up(std::uint64_t{bytes} + frame_bytes, 8));
  }

  // Forgets all fragments.
  void clear();
  // A block that lies on the flash, before add() of what is in it.
  void set_sequence(std::uint32_t block, std::uint32_t sequence) {
    blocks_[block].sequence = sequence;
  }
  // Adds a fragment that lies on the flash; of two of the same record and offset the one of the
  // later phase counts. False when there is no room for it in the table.
  bool add(const SpillFragment& fragment);

  // The fragment that holds byte `offset` of a record, or nullptr.
  const SpillFragment* find(std::uint32_t key, std::uint32_t offset) const;
  // True when all of a record's `bytes` are there.
  bool is_complete(std::uint32_t key, std::uint32_t bytes) const;

  // The last phase that wrote any of a record, 0 when there is nothing of it.
  std::uint32_t sequence_of(std::uint32_t key) const;

  // Begins a phase. Requires: seal() was called since the last one.
  void begin_phase(std::uint32_t sequence) { sequence_ = sequence; }

  // Finds the place for the next part of a record, as much of `bytes_left` as the block takes, and
  // adds it. `*opens` is set when its block has to be erased first. False when no block is free or
  // the table is full.
  bool place(std::uint32_t key, std::uint32_t offset, std::uint32_t bytes_left,
             std::uint32_t last_step, SpillFragment* placed, bool* opens);

  // Copies what is needed at `step` and later out of blocks that hold little, until
  // `reserve_blocks` will be free. `copy(from, to, opens)` moves the bytes of each fragment; false
  // ends the work. False when `copy` said so.
  template <typename Copy>
  bool clean(std::uint32_t step, std::uint32_t reserve_blocks, Copy copy);

  // The phase became valid with a journal record that says `step` is next: what only earlier steps
  // needed is forgotten.
  void seal(std::uint32_t step);

  std::uint32_t block_count() const { return static_cast<std::uint32_t>(blocks_.size()); }
  std::uint32_t fragment_count() const { return count_; }
  // Blocks that a new phase may take.
  std::uint32_t free_count() const;
  bool is_free(std::uint32_t block) const {
    return blocks_[block].fragments == 0 && blocks_[block].state == State::idle;
  }

 private:
  enum State : std::uint32_t {
    idle,
    open,  // Written in this phase.
    left,  // Emptied in this phase: until it is sealed, what lies there is the valid copy.
  };

  std::uint32_t first_at_or_after(std::uint32_t key, std::uint32_t offset) const;
  bool open_next();
  // Finds how much of each block is needed at `step` and later; below: by what was found.
  void measure(std::uint32_t step);
  // The block that is least work to empty, or none.
  std::uint32_t victim() const;
  std::uint32_t free_when_sealed() const;
  bool move_whole(SpillFragment* fragment, bool* opens);

  std::span<SpillFragment> fragments_;  // The first count_, by key and offset.
  std::span<SpillBlock> blocks_;
  std::uint32_t count_ = 0;
  std::uint32_t block_bytes_ = 0;
  std::uint32_t current_ = none;  // The block being written in this phase,
  std::uint32_t filled_ = 0;      // and how much of it is.
  std::uint32_t sequence_ = 0;    // Of this phase.
  std::uint32_t last_opened_ = none;
};

template <typename Copy>
bool SpillSpace::clean(std::uint32_t step, std::uint32_t reserve_blocks, Copy copy) {
  while (free_count() < reserve_blocks) {
    measure(step);
    const std::uint32_t block = free_when_sealed() < reserve_blocks ? victim() : none;
    if (block == none) return true;
    // From here on: what has been moved away already is still the valid copy.
    blocks_[block].state = State::left;
    for (std::uint32_t i = 0; i < count_; ++i) {
      SpillFragment& fragment = fragments_[i];
      if (fragment.block != block || fragment.last_step < step) continue;
      const SpillFragment from = fragment;
      bool opens = false;
      if (!move_whole(&fragment, &opens)) return true;
      if (!copy(from, fragment, opens)) return false;
    }
  }
  return true;
}

}  // namespace romdelta
