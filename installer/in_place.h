// InPlace: a delta that overwrites its own source, step by step. docs/format.md sections 7.12 to
// 7.14 have the bytes, docs/journal.md the order of writes and what follows from it after a cut.
//
//   chunk -> script -> stash -> journal -> group, and the same again for the next group
//
// What must never happen is that old bytes are gone while they are still needed. So a chunk is
// unpacked before the first of its groups is written; and what a group's write destroys, although
// it or a later step needs it, is in the spill and the journal says so before that write begins.
#pragma once

#include "format/package.h"
#include "installer/arena.h"
#include "installer/context_model.h"
#include "installer/in_place_source.h"
#include "installer/journal.h"
#include "installer/plan_reader.h"
#include "installer/script_reader.h"
#include "installer/simd/kernels.h"
#include "installer/spill.h"

namespace romdelta {

class InPlace {
 public:
  // Called after each group that was written, with the bytes written so far; its failure becomes
  // the engine's.
  using Observer = Status (*)(void* context, std::uint64_t done_bytes);

  // What the engine works on. All are the caller's and outlive it.
  struct Place {
    FlashRegion slot;
    FlashRegion scratch;
    Journal* journal = nullptr;
    JournalRecord record;  // Whose kind and numbers are set here.
    const Kernels* kernels = nullptr;
    Observer observer = nullptr;
    void* observer_context = nullptr;
  };

  // Takes everything but head and record buffer from the arena (counted in arena_bytes_needed).
  // `head` outlives this object. arena_too_small.
  Status begin(const PackageHead& head, Arena* arena);

  // Where map and chunks are collected, one at a time; and the plan.
  MutableByteSpan chunk_buffer() const { return chunk_buffer_; }
  MutableByteSpan plan_buffer() const { return plan_bytes_; }
  // Free between calls.
  MutableByteSpan group_buffer() const { return group_buffer_; }

  // Both were authenticated in their buffers. malformed_chunk.
  Status load_map(ByteSpan bytes) { return source_.load_map(bytes, model_memory_); }
  Status load_plan();

  // Takes the update up where the journal's newest record left it; without a record of this
  // package, or with one that does not fit, where the slot and the spill say that it was.
  // `source_is_whole`: it was checked against its digest, so that nothing was written yet. Writes
  // the journal record from which it goes on. wrong_source when the slot holds neither.
  Status open(const Place& place, const JournalRecord* newest, bool source_is_whole);

  // Whether open() could do its work, without writing anything: holes of a whole source, else where
  // the slot and the spill say that the update was. No call but the destructor may follow.
  Status look(const Place& place, bool source_is_whole);

  // The chunk that comes next; manifest.chunk_count when all are done.
  std::uint32_t chunk() const { return reader_.chunks_read(); }
  // True when the current chunk is unpacked already: go_on() finishes it without its bytes.
  bool is_script_open() const { return is_script_open_; }
  Status go_on();
  // Unpacks chunk chunk() and applies it. `chunk` was authenticated in chunk_buffer().
  // malformed_chunk; source_damaged when it does not come out as promised; the flash's failures.
  Status apply(ByteSpan chunk, std::uint64_t output_bytes);
  // After the last chunk: gives the holes their bytes back.
  Status finish();

 private:
  class NeededGrains;

  // One step, as the plan has it.
  struct Step {
    std::uint32_t index = 0;
    std::uint32_t group = 0;
    std::uint32_t bytes = 0;
    std::uint32_t kept_until = 0;
  };

  // Where the section of a group lies in the script of the current chunk.
  struct SectionPlace {
    std::uint32_t offset = 0;
    std::uint32_t checksum = 0;
  };

  const Manifest& manifest() const { return head_->manifest; }
  ChunkGroups chunk_groups() const;
  ScriptReader::Section section_of(std::uint32_t group) const;
  SectionPlace& place_of(std::uint32_t group);

  // The plan.
  Status restart_plan();
  Status read_chunk_plan();
  Status read_step(Step* step);
  Status check_step(std::uint64_t* rewritten);
  bool script_fits() const;
  void next_chunk();
  Step next_step();
  void pass_step(const Step& step);
  void pass_chunks(std::uint32_t chunk);
  void pass_steps(std::uint32_t step);

  // Where an interrupted update is taken up (in_place_resume.cc).
  template <typename Take>
  Status read_group(std::uint32_t group, Take take);
  void set_place(const Place& place);
  Status check_holes();
  Status find_where(const JournalRecord* newest, bool source_is_whole, JournalRecord* where);
  Status look_at_slot(JournalRecord* where);
  Status check_source();
  Status is_next_chunk_done(bool* done);
  Status find_frontier(JournalRecord* where);
  Status slot_checksum(std::uint32_t group, ChecksumStream* checksum);
  Status open_at_chunk(const JournalRecord& where);
  Status open_at_step(const JournalRecord& where);
  Status begin_step_again(const JournalRecord& where);
  Status clean_again(const JournalRecord& where);
  Status open_script();
  static std::uint32_t last_step(void* self, std::uint32_t key);

  // The work.
  Status unpack(ByteSpan chunk, std::uint64_t output_bytes);
  Status run_steps(bool phase_is_open);
  Status find_own(const Step& step);
  bool is_sealed(const Step& step) const;
  Status seal(const Step& step, bool phase_is_open);
  Status write_stash(const Step& step, std::uint32_t key, GrainSet grains, std::uint32_t last_step);
  Status write_group(const Step& step);
  Status write_home(std::uint32_t group, std::uint32_t bytes);
  Status append_record(JournalKind kind, std::uint32_t next, std::uint32_t spill_sequence);
  Status end_chunk();

  Spill spill_;  // First, because it is aligned to a cache line.

  const PackageHead* head_ = nullptr;
  Place place_;

  MutableByteSpan plan_bytes_;
  PlanModel* plan_model_ = nullptr;
  PlanReader reader_;
  ChunkPlan chunk_plan_;
  std::uint32_t chunk_first_step_ = 0;
  std::span<std::uint32_t> step_groups_;    // Of the chunk: in the order of the steps,
  std::span<std::uint32_t> output_groups_;  // and of its output.
  std::span<SectionPlace> sections_;        // Of each, in the latter order.
  std::span<Hole> holes_;
  std::uint32_t holes_filled_ = 0;

  InPlaceSource source_;
  ScriptReader script_;
  bool is_script_open_ = false;
  Step current_;                 // At which an interrupted update is taken up,
  bool has_current_ = false;     // if it is at a step.
  bool is_found_ = false;        // The slot told where, not the journal.
  bool is_fresh_start_ = false;  // No session before this one.
  bool is_hole_named_ = false;   // The journal says already which hole is filled next.
  GrainSet own_;
  GrainSet kept_;

  // One memory: a chunk is unpacked before a group is made.
  MutableByteSpan model_memory_;
  MutableByteSpan chunk_buffer_;
  MutableByteSpan group_buffer_;
  MutableByteSpan window_;
  MutableByteSpan script_window_;
  std::uint64_t done_bytes_ = 0;
};

}  // namespace romdelta
