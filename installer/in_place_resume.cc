// Where an interrupted update in place is taken up: where the journal says, and without it where
// the slot and the spill say. docs/format.md section 9.4.
#include "installer/in_place.h"

namespace romdelta {

// --- Where to go on. ---

void InPlace::set_place(const Place& place) {
  place_ = place;
  source_.set_slot(place.slot, holes_);
  spill_.set_place({place.scratch, place.slot, holes_});
}

Status InPlace::look(const Place& place, bool source_is_whole) {
  set_place(place);
  JournalRecord where;
  return source_is_whole ? check_holes() : look_at_slot(&where);
}

Status InPlace::open(const Place& place, const JournalRecord* newest, bool source_is_whole) {
  set_place(place);
  if (source_is_whole) {
    const Status status = check_holes();
    if (status != Status::ok) return status;
  }
  JournalRecord where;
  const Status status = find_where(newest, source_is_whole, &where);
  if (status != Status::ok) return status;
  is_fresh_start_ = source_is_whole && newest == nullptr;
  return where.kind == JournalKind::step ? open_at_step(where) : open_at_chunk(where);
}

// A hole that is something else would be lost.
Status InPlace::check_holes() {
  for (const Hole& hole : holes_) {
    const auto fill = static_cast<std::uint8_t>(hole.fill);
    const Status status = read_group(hole.group, [&](std::uint64_t, ByteSpan piece) {
      const bool is_right =
          place_.kernels->find_not(piece.data(), piece.size(), fill) == piece.size();
      return is_right ? Status::ok : Status::malformed_chunk;
    });
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

Status InPlace::find_where(const JournalRecord* newest, bool source_is_whole,
                           JournalRecord* where) {
  *where = {};
  where->kind = JournalKind::checkpoint;
  if (source_is_whole) return Status::ok;
  if (newest != nullptr) {
    const bool is_step = newest->kind == JournalKind::step;
    const std::uint32_t steps = manifest().plan.step_count + manifest().plan.hole_count;
    const bool fits = is_step ? newest->next < steps : newest->next <= manifest().chunk_count;
    if (fits) {
      *where = *newest;
      return Status::ok;
    }
  }
  return look_at_slot(where);
}

// The journal is a hint. Without it the slot tells: chunks are done one after the other, and the
// script of the one in work has a checksum of each of its groups.
Status InPlace::look_at_slot(JournalRecord* where) {
  is_found_ = true;
  (void)restart_plan();
  std::uint32_t chunk = 0;
  for (; chunk < manifest().chunk_count; ++chunk) {
    bool done = false;
    const Status status = is_next_chunk_done(&done);
    if (status != Status::ok) return status;
    if (!done) break;
  }
  pass_chunks(chunk);
  where->next = chunk;
  if (chunk != manifest().chunk_count) {
    next_chunk();
    is_script_open_ = true;
  }
  const Status status = spill_.open(SpillSpace::none, &InPlace::last_step, this);
  if (status != Status::ok) return status;
  where->spill_sequence = spill_.sequence();
  const std::uint32_t key = spill_key(SpillKind::script, chunk);
  if (chunk != manifest().chunk_count && spill_.is_complete(key, chunk_plan_.script_bytes)) {
    return find_frontier(where);
  }
  // Without a script none of its groups was written; then the first chunk has its source.
  if (chunk != 0) return Status::ok;
  where->spill_sequence = 0;
  return check_source();
}

// What lies in the holes does not matter: a first phase may have reached them, and its script not
// the scratch.
Status InPlace::check_source() {
  DigestStream digest(DigestDomain::image);
  const auto update = [&](std::uint64_t, ByteSpan piece) {
    digest.update(piece);
    return Status::ok;
  };
  const Status status = source_.raw().read_pieces(0, source_.bytes(), window_, update);
  if (status != Status::ok) return status;
  return digest.finish() == manifest().sources[0].digest ? Status::ok : Status::wrong_source;
}

Status InPlace::is_next_chunk_done(bool* done) {
  next_chunk();
  while (reader_.steps_left() != 0) (void)next_step();
  ChecksumStream checksum;
  for (const std::uint32_t group : chunk_groups().groups) {
    const Status status = slot_checksum(group, &checksum);
    if (status != Status::ok) return status;
  }
  *done = static_cast<std::uint32_t>(checksum.finish().value) == chunk_plan_.checksum;
  return Status::ok;
}

// The first group that is not what it shall be.
Status InPlace::find_frontier(JournalRecord* where) {
  Status status = open_script();
  for (std::uint32_t i = 0; status == Status::ok && i < chunk_plan_.step_count; ++i) {
    ChecksumStream checksum;
    status = slot_checksum(step_groups_[i], &checksum);
    if (status != Status::ok) return status;
    const bool is_made =
        static_cast<std::uint32_t>(checksum.finish().value) == place_of(step_groups_[i]).checksum;
    if (is_made) continue;
    where->kind = JournalKind::step;
    where->next = chunk_first_step_ + i;
    return Status::ok;
  }
  return status == Status::ok ? Status::source_damaged : status;
}

// Calls `take` for pieces of what the slot holds of a group.
template <typename Take>
Status InPlace::read_group(std::uint32_t group, Take take) {
  const ScriptReader::Section section = section_of(group);
  return place_.slot.read_pieces(section.begin, section.bytes, window_, take);
}

Status InPlace::slot_checksum(std::uint32_t group, ChecksumStream* checksum) {
  return read_group(group, [&](std::uint64_t, ByteSpan piece) {
    checksum->update(piece);
    return Status::ok;
  });
}

// Until when a record of the spill is needed from here on.
std::uint32_t InPlace::last_step(void* self, std::uint32_t key) {
  const auto& it = *static_cast<const InPlace*>(self);
  const std::uint32_t index = key >> 2;
  const bool is_current = it.has_current_ && index == it.current_.index;
  switch (static_cast<SpillKind>(key & 3)) {
    case SpillKind::own: return is_current ? index : SpillSpace::none;
    case SpillKind::kept: {
      if (is_current) return it.current_.kept_until;
      const Stash* stash = it.source_.stash(key);
      return stash != nullptr ? stash->last_step : SpillSpace::none;
    }
    case SpillKind::script:
      if (!it.is_script_open_ || index + 1 != it.reader_.chunks_read()) return SpillSpace::none;
      return it.chunk_first_step_ + it.chunk_plan_.step_count - 1;
  }
  return SpillSpace::none;
}

// The first record repeats the newest: that one may have been programmed when power failed. Nothing
// is wiped before it is durable, because without it the one before it would count.
Status InPlace::open_at_chunk(const JournalRecord& where) {
  pass_chunks(where.next);
  Status status = spill_.open(where.spill_sequence, &InPlace::last_step, this);
  if (status != Status::ok) return status;
  status = append_record(where.next == 0 ? JournalKind::intent : JournalKind::checkpoint,
                         where.next, where.spill_sequence);
  return status == Status::ok && !is_fresh_start_ ? spill_.wipe_unused() : status;
}

Status InPlace::open_at_step(const JournalRecord& where) {
  const std::uint32_t step_count = manifest().plan.step_count;
  const bool is_hole = where.next >= step_count;
  if (is_hole) {
    pass_chunks(manifest().chunk_count);
  } else {
    pass_steps(where.next);
  }
  Status status = spill_.open(where.spill_sequence, &InPlace::last_step, this);
  if (status == Status::ok && !is_found_) {
    status = append_record(JournalKind::step, where.next, where.spill_sequence);
  }
  if (status != Status::ok) return status;
  if (is_hole) {
    holes_filled_ = where.next - step_count;
    is_hole_named_ = true;
    return Status::ok;
  }
  // Without a journal nothing says yet which phases count.
  if (!is_found_) status = spill_.wipe_unused();
  if (status == Status::ok) status = open_script();
  if (status == Status::ok) status = find_own(current_);
  if (status != Status::ok) return status;
  if (is_sealed(current_)) return is_found_ ? clean_again(where) : Status::ok;
  if (is_found_) return begin_step_again(where);
  // What the journal named was there; if it is not any more, the slot may still have it, as far as
  // what is left of it leaves room.
  status = seal(current_, false);
  return status == Status::scratch_too_small ? Status::source_damaged : status;
}

// The stash of the step is there in part, or not at all: what its phase wrote is in the way and
// goes. Nothing of the step's group was written yet.
Status InPlace::begin_step_again(const JournalRecord& where) {
  const std::uint32_t phase =
      std::max(spill_.sequence_of(spill_key(SpillKind::own, current_.index)),
               spill_.sequence_of(spill_key(SpillKind::kept, current_.index)));
  if (phase == 0) {
    const Status status = spill_.wipe_unused();
    return status == Status::ok ? seal(current_, false) : status;
  }
  JournalRecord before = where;
  before.kind = JournalKind::checkpoint;
  before.next = reader_.chunks_read() - 1;
  before.spill_sequence = phase - 1;
  Status status = spill_.open(phase - 1, &InPlace::last_step, this);
  if (status != Status::ok) return status;
  // The first phase of a chunk has its script, too.
  const std::uint32_t script = spill_key(SpillKind::script, before.next);
  if (!spill_.is_complete(script, chunk_plan_.script_bytes)) return open_at_chunk(before);
  status = spill_.wipe_unused();
  if (status == Status::ok) status = open_script();
  return status == Status::ok ? seal(current_, false) : status;
}

// The stash is there, but its phase may have ended before enough blocks were emptied.
Status InPlace::clean_again(const JournalRecord& where) {
  Status status = spill_.wipe_unused();
  spill_.begin_phase();
  if (status == Status::ok) status = spill_.clean(where.next);
  if (status == Status::ok) status = spill_.sync();
  if (status == Status::ok) {
    status = append_record(JournalKind::step, where.next, spill_.sequence());
  }
  if (status == Status::ok) spill_.seal(where.next);
  return status;
}

}  // namespace romdelta
