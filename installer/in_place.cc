#include "installer/in_place.h"

#include <algorithm>
#include <new>

#include "format/limits.h"
#include "installer/context_run.h"
#include "installer/range_decoder.h"

namespace romdelta {

static_assert(sizeof(ContextModel) <= limits::context_model_bytes);

// Which grains a group needs that its own write makes stale.
class InPlace::NeededGrains final : public CopyObserver {
 public:
  NeededGrains(const InPlaceSource& source, std::uint32_t group, GrainSet kept, GrainSet own)
      : source_(source), group_(group), kept_(kept), own_(own) {}

  Status copies(std::uint64_t position, std::uint64_t count) override {
    if (!range_inside(position, count, source_.bytes())) return Status::malformed_chunk;
    const std::uint64_t last = (position + count - 1) / limits::grain_bytes;
    for (std::uint64_t grain = position / limits::grain_bytes; grain <= last; ++grain) {
      const std::uint32_t index = source_.index_of(group_, grain);
      if (index == SpillSpace::none || kept_.contains(index) || !source_.is_fresh(grain)) continue;
      own_.insert(index);
    }
    return Status::ok;
  }

 private:
  const InPlaceSource& source_;
  std::uint32_t group_;
  GrainSet kept_;
  GrainSet own_;
};

Status InPlace::begin(const PackageHead& head, Arena* arena) {
  head_ = &head;
  const Manifest& m = head.manifest;
  const std::uint64_t decoding_bytes =
      limits::context_model_bytes + round_up(chunk_buffer_bytes(m), Arena::line_bytes);
  MutableByteSpan work;
  MutableByteSpan model;
  MutableByteSpan holes;
  if (!arena->allocate(m.plan.bytes, &plan_bytes_) ||
      !arena->allocate(limits::plan_model_bytes, &model) ||
      !arena->allocate(m.plan.hole_count * sizeof(Hole), &holes) ||
      !arena->allocate(limits::source_window_bytes, &window_) ||
      !arena->allocate(limits::script_window_bytes, &script_window_) ||
      !arena->allocate(std::max<std::uint64_t>(decoding_bytes, m.group_bytes), &work)) {
    return Status::arena_too_small;
  }
  MutableByteSpan sections;
  const std::size_t steps = m.plan.chunk_steps_max;
  for (std::span<std::uint32_t>* groups : {&step_groups_, &output_groups_}) {
    MutableByteSpan memory;
    if (!arena->allocate(4 * steps, &memory)) return Status::arena_too_small;
    *groups = {new (memory.data()) std::uint32_t[steps]{}, steps};
  }
  if (!arena->allocate(sizeof(SectionPlace) * steps, &sections)) return Status::arena_too_small;
  sections_ = {new (sections.data()) SectionPlace[steps]{}, steps};
  for (GrainSet* grains : {&own_, &kept_}) {
    MutableByteSpan memory;
    const auto words = static_cast<std::size_t>((grains_of_group(m) + 31) / 32);
    if (!arena->allocate(4 * words, &memory)) return Status::arena_too_small;
    *grains = GrainSet({new (memory.data()) std::uint32_t[words]{}, words},
                       static_cast<std::uint32_t>(grains_of_group(m)));
  }
  plan_model_ = new (model.data()) PlanModel;
  holes_ = {new (holes.data()) Hole[m.plan.hole_count]{}, m.plan.hole_count};
  model_memory_ = work.first(std::min<std::size_t>(work.size(), limits::context_model_bytes));
  chunk_buffer_ = work.subspan(model_memory_.size());
  group_buffer_ = work.first(m.group_bytes);
  const Status status = spill_.begin(m, head.manifest_digest, arena);
  return status == Status::ok ? source_.begin(m, &spill_, arena) : status;
}

// --- The plan. ---

Status InPlace::restart_plan() {
  reader_ = PlanReader(manifest(), plan_bytes_, plan_model_);
  source_.forget_all();
  chunk_plan_ = {};
  chunk_first_step_ = 0;
  done_bytes_ = 0;
  has_current_ = false;
  is_script_open_ = false;
  return reader_.holes(holes_);
}

Status InPlace::read_chunk_plan() {
  chunk_first_step_ = reader_.steps_read();
  const Status status = reader_.chunk(&chunk_plan_, step_groups_);
  if (status != Status::ok) return status;
  std::ranges::copy(step_groups_, output_groups_.begin());
  std::ranges::sort(output_groups_.first(chunk_plan_.step_count));
  return Status::ok;
}

Status InPlace::read_step(Step* step) {
  step->index = reader_.steps_read();
  const Status status = reader_.step(&kept_, &step->kept_until);
  if (status != Status::ok) return status;
  step->group = step_groups_[step->index - chunk_first_step_];
  step->bytes = section_of(step->group).bytes;
  return Status::ok;
}

ChunkGroups InPlace::chunk_groups() const {
  return {output_groups_.first(chunk_plan_.step_count), manifest().group_bytes,
          manifest().target.bytes};
}

ScriptReader::Section InPlace::section_of(std::uint32_t group) const {
  const std::uint64_t begin = std::uint64_t{group} * manifest().group_bytes;
  return {begin, static_cast<std::uint32_t>(std::min<std::uint64_t>(
                     manifest().group_bytes, manifest().target.bytes - begin))};
}

InPlace::SectionPlace& InPlace::place_of(std::uint32_t group) {
  const auto groups = output_groups_.first(chunk_plan_.step_count);
  return sections_[static_cast<std::size_t>(std::ranges::lower_bound(groups, group) -
                                            groups.begin())];
}

// Everything that could be wrong with the plan is found here, before anything is written.
Status InPlace::load_plan() {
  Status status = restart_plan();
  if (status != Status::ok) return status;
  std::uint64_t rewritten = 0;
  for (std::uint32_t i = 0; i < manifest().chunk_count; ++i) {
    status = read_chunk_plan();
    if (status == Status::ok && !script_fits()) status = Status::malformed_chunk;
    while (status == Status::ok && reader_.steps_left() != 0) status = check_step(&rewritten);
    if (status != Status::ok) return status;
  }
  return reader_.done() && rewritten == manifest().plan.rewritten_bytes ? Status::ok
                                                                        : Status::malformed_chunk;
}

Status InPlace::check_step(std::uint64_t* rewritten) {
  Step step;
  Status status = read_step(&step);
  if (status != Status::ok) return status;
  // A group is written once, a hole by no step.
  const bool is_hole = std::ranges::binary_search(holes_, step.group, {}, &Hole::group);
  if (is_hole || source_.is_overwritten(step.group)) return Status::malformed_chunk;
  for (std::uint32_t i = 0; i < kept_.grain_count(); ++i) {
    if (!kept_.contains(i)) continue;
    const std::uint64_t grain = source_.grain(step.group, i);
    if (!source_.in_source(grain) || !source_.is_fresh(grain)) return Status::malformed_chunk;
  }
  *rewritten += step.bytes;
  status = pass_step(step);
  // One more place is for what a step saves for itself.
  const bool fits = source_.stash_count() <= manifest().plan.kept_count_max;
  return status == Status::ok && !fits ? Status::malformed_chunk : status;
}

bool InPlace::script_fits() const {
  const std::uint64_t room = manifest().erase_block_bytes - SpillSpace::frame_bytes;
  return chunk_plan_.script_bytes <= manifest().spill_block_count() * room;
}

// As if this step had been done.
Status InPlace::pass_step(const Step& step) {
  source_.drop_stashes(step.index);
  if (!kept_.empty() && !source_.add_stash(step.group, spill_key(SpillKind::kept, step.index),
                                           step.kept_until, kept_)) {
    return Status::malformed_chunk;
  }
  source_.set_overwritten(step.group);
  done_bytes_ += step.bytes;
  return Status::ok;
}

// From the beginning to right before `chunk`.
Status InPlace::pass_chunks(std::uint32_t chunk) {
  Status status = restart_plan();
  while (status == Status::ok && reader_.chunks_read() < chunk) {
    status = read_chunk_plan();
    while (status == Status::ok && reader_.steps_left() != 0) {
      Step step;
      status = read_step(&step);
      if (status == Status::ok) status = pass_step(step);
    }
  }
  source_.drop_stashes(reader_.steps_read());
  return status;
}

// From the beginning to right before `step`, in the chunk that it belongs to; the step itself is
// read.
Status InPlace::pass_steps(std::uint32_t step) {
  Status status = restart_plan();
  while (status == Status::ok) {
    if (reader_.steps_left() == 0) {
      status = read_chunk_plan();
      continue;
    }
    status = read_step(&current_);
    if (status != Status::ok || current_.index == step) break;
    status = pass_step(current_);
  }
  source_.drop_stashes(step);
  has_current_ = true;
  is_script_open_ = true;
  return status;
}

// --- Where to go on. ---

Status InPlace::open(const Place& place, const JournalRecord* newest, bool source_is_whole) {
  place_ = place;
  source_.set_slot(place.slot, holes_);
  spill_.set_place({place.scratch, place.slot, holes_});
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
    const std::uint64_t begin = std::uint64_t{hole.group} * manifest().group_bytes;
    const auto fill = static_cast<std::uint8_t>(hole.fill);
    for (std::uint32_t at = 0; at < manifest().group_bytes;) {
      const MutableByteSpan part =
          window_.first(std::min<std::size_t>(window_.size(), manifest().group_bytes - at));
      const Status status = place_.slot.read(begin + at, part);
      if (status != Status::ok) return status;
      if (place_.kernels->find_not(part.data(), part.size(), fill) != part.size()) {
        return Status::malformed_chunk;
      }
      at += static_cast<std::uint32_t>(part.size());
    }
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
  Status status = restart_plan();
  std::uint32_t chunk = 0;
  for (bool done = true; status == Status::ok && chunk < manifest().chunk_count; ++chunk) {
    status = is_next_chunk_done(&done);
    if (!done) break;
  }
  if (status == Status::ok) status = pass_chunks(chunk);
  if (status != Status::ok) return status;
  where->next = chunk;
  if (chunk != manifest().chunk_count) {
    status = read_chunk_plan();
    if (status != Status::ok) return status;
    is_script_open_ = true;
  }
  status = spill_.open(SpillSpace::none, &InPlace::last_step, this);
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
  for (std::uint64_t at = 0; at < source_.bytes();) {
    const auto part = window_.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(window_.size(), source_.bytes() - at)));
    const Status status = source_.read_raw(at, part);
    if (status != Status::ok) return status;
    digest.update(part);
    at += part.size();
  }
  return digest.finish() == manifest().sources[0].digest ? Status::ok : Status::wrong_source;
}

Status InPlace::is_next_chunk_done(bool* done) {
  *done = false;
  Status status = read_chunk_plan();
  ChecksumStream checksum;
  for (std::uint32_t i = 0; status == Status::ok && i < chunk_plan_.step_count; ++i) {
    status = slot_checksum(output_groups_[i], &checksum);
  }
  while (status == Status::ok && reader_.steps_left() != 0) {
    Step step;
    status = read_step(&step);
  }
  *done = static_cast<std::uint32_t>(checksum.finish().value) == chunk_plan_.checksum;
  return status;
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

Status InPlace::slot_checksum(std::uint32_t group, ChecksumStream* checksum) {
  const ScriptReader::Section section = section_of(group);
  for (std::uint32_t at = 0; at < section.bytes;) {
    const MutableByteSpan part =
        window_.first(std::min<std::size_t>(window_.size(), section.bytes - at));
    const Status status = place_.slot.read(section.begin + at, part);
    if (status != Status::ok) return status;
    checksum->update(part);
    at += static_cast<std::uint32_t>(part.size());
  }
  return Status::ok;
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
  Status status = pass_chunks(where.next);
  if (status == Status::ok) {
    status = spill_.open(where.spill_sequence, &InPlace::last_step, this);
  }
  if (status != Status::ok) return status;
  status = append_record(where.next == 0 ? JournalKind::intent : JournalKind::checkpoint,
                         where.next, where.spill_sequence);
  return status == Status::ok && !is_fresh_start_ ? spill_.wipe_unused() : status;
}

Status InPlace::open_at_step(const JournalRecord& where) {
  const std::uint32_t step_count = manifest().plan.step_count;
  const bool is_hole = where.next >= step_count;
  Status status = is_hole ? pass_chunks(manifest().chunk_count) : pass_steps(where.next);
  if (status == Status::ok) {
    status = spill_.open(where.spill_sequence, &InPlace::last_step, this);
  }
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

// Finds where the sections are.
Status InPlace::open_script() {
  script_ = ScriptReader(&spill_, spill_key(SpillKind::script, reader_.chunks_read() - 1),
                         chunk_plan_.script_bytes, script_window_);
  Status status = script_.begin();
  for (std::uint32_t i = 0; status == Status::ok && i < chunk_plan_.step_count; ++i) {
    sections_[i].offset = script_.offset();
    status = script_.skip(section_of(output_groups_[i]), &sections_[i].checksum);
  }
  return status;
}

// --- The work. ---

Status InPlace::go_on() {
  has_current_ = false;
  Status status = write_group(current_);
  if (status == Status::ok) status = run_steps(false);
  return status == Status::ok ? end_chunk() : status;
}

Status InPlace::apply(ByteSpan chunk, std::uint64_t output_bytes) {
  Status status = read_chunk_plan();
  if (status != Status::ok) return status;
  // The script of the chunk before is over.
  spill_.seal(chunk_first_step_);
  spill_.begin_phase();
  is_script_open_ = true;
  status = unpack(chunk, output_bytes);
  if (status == Status::ok) status = open_script();
  if (status == Status::ok) status = run_steps(true);
  return status == Status::ok ? end_chunk() : status;
}

Status InPlace::unpack(ByteSpan chunk, std::uint64_t output_bytes) {
  ContextChunkHeader header;
  std::size_t header_bytes = 0;
  Status status = parse_context_chunk_header(chunk, &header, &header_bytes);
  if (status != Status::ok) return status;
  std::uint64_t promised_bytes = 0;
  for (const std::uint32_t group : output_groups_.first(chunk_plan_.step_count)) {
    promised_bytes += section_of(group).bytes;
  }
  if (output_bytes != promised_bytes) return Status::malformed_chunk;

  spill_.begin_record(spill_key(SpillKind::script, reader_.chunks_read() - 1),
                      chunk_plan_.script_bytes, chunk_first_step_ + chunk_plan_.step_count - 1);
  status = spill_.append({&header.unit_bytes, 1});
  if (status != Status::ok) return status;
  ScriptWriter<Spill> writer(&spill_, header.unit_bytes, chunk_groups());
  auto* model = new (model_memory_.data()) ContextModel;
  status = run_context_chunk(header, RangeDecoder(chunk.subspan(header_bytes)), model, window_,
                             &source_, output_bytes, &writer);
  // The package is authentic: when it does not decode, or into something else, its source is not
  // what it was.
  if (status == Status::malformed_chunk) return Status::source_damaged;
  if (status != Status::ok) return status;
  const bool is_right =
      writer.output_checksum() == chunk_plan_.checksum && spill_.is_record_complete();
  return is_right ? Status::ok : Status::source_damaged;
}

// The steps of the current chunk that were not read yet. `phase_is_open`: for the first of them.
Status InPlace::run_steps(bool phase_is_open) {
  while (reader_.steps_left() != 0) {
    Step step;
    Status status = read_step(&step);
    source_.drop_stashes(step.index);
    if (status == Status::ok) status = find_own(step);
    if (status == Status::ok) status = seal(step, phase_is_open);
    if (status == Status::ok) status = write_group(step);
    if (status != Status::ok) return status;
    phase_is_open = false;
  }
  return Status::ok;
}

Status InPlace::find_own(const Step& step) {
  own_.clear();
  NeededGrains needed(source_, step.group, kept_, own_);
  script_.seek(place_of(step.group).offset);
  return script_.report_copies(section_of(step.group), &needed);
}

bool InPlace::is_sealed(const Step& step) const {
  return spill_.is_complete(spill_key(SpillKind::own, step.index),
                            own_.count() * limits::grain_bytes) &&
         spill_.is_complete(spill_key(SpillKind::kept, step.index),
                            kept_.count() * limits::grain_bytes);
}

// Saves what the step's write destroys, and says so in the journal: from then on it may begin.
Status InPlace::seal(const Step& step, bool phase_is_open) {
  const bool has_stash = !own_.empty() || !kept_.empty();
  if (has_stash && !phase_is_open) spill_.begin_phase();
  Status status = write_stash(step, spill_key(SpillKind::own, step.index), own_, step.index);
  if (status == Status::ok) {
    status = write_stash(step, spill_key(SpillKind::kept, step.index), kept_, step.kept_until);
  }
  if (status == Status::ok && (has_stash || phase_is_open)) {
    status = spill_.clean(step.index);
    if (status == Status::ok) status = spill_.sync();
  }
  if (status == Status::ok)
    status = append_record(JournalKind::step, step.index, spill_.sequence());
  if (status == Status::ok) spill_.seal(step.index);
  return status;
}

Status InPlace::write_stash(const Step& step, std::uint32_t key, GrainSet grains,
                            std::uint32_t last_step) {
  const std::uint32_t count = grains.count();
  if (count == 0) return Status::ok;
  spill_.begin_record(key, count * limits::grain_bytes, last_step);
  constexpr std::uint32_t grains_at_once = limits::source_window_bytes / limits::grain_bytes;
  for (std::uint32_t index = 0; index < grains.grain_count();) {
    if (!grains.contains(index)) {
      ++index;
      continue;
    }
    std::uint32_t run = 1;
    while (run < grains_at_once && index + run < grains.grain_count() &&
           grains.contains(index + run)) {
      ++run;
    }
    const std::uint64_t begin = source_.grain(step.group, index) * limits::grain_bytes;
    const MutableByteSpan bytes = window_.first(std::size_t{run} * limits::grain_bytes);
    const auto there =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), source_.bytes() - begin));
    std::ranges::fill(bytes.subspan(there), std::uint8_t{0});
    Status status = source_.read(begin, bytes.first(there));
    if (status == Status::ok) status = spill_.append(bytes);
    if (status != Status::ok) return status;
    index += run;
  }
  return Status::ok;
}

Status InPlace::write_group(const Step& step) {
  const auto add = [&](SpillKind kind, GrainSet grains, std::uint32_t last) {
    return grains.empty() ||
           source_.add_stash(step.group, spill_key(kind, step.index), last, grains);
  };
  if (!add(SpillKind::own, own_, step.index) || !add(SpillKind::kept, kept_, step.kept_until)) {
    return Status::malformed_chunk;
  }
  source_.set_overwritten(step.group);
  script_.seek(place_of(step.group).offset);
  Status status = script_.make(section_of(step.group), &source_, group_buffer_.first(step.bytes));
  if (status == Status::ok) status = write_home(step.group, step.bytes);
  if (status != Status::ok) return status;
  done_bytes_ += step.bytes;
  return place_.observer == nullptr ? Status::ok
                                    : place_.observer(place_.observer_context, done_bytes_);
}

// The first `bytes` of the group buffer to their place, durable and read back.
Status InPlace::write_home(std::uint32_t group, std::uint32_t bytes) {
  const FlashRegion& slot = place_.slot;
  const FlashGeometry geometry = slot.geometry();
  const std::uint64_t begin = std::uint64_t{group} * manifest().group_bytes;
  const auto padded = static_cast<std::size_t>(round_up(bytes, geometry.program_unit_bytes));
  const MutableByteSpan content = group_buffer_.first(padded);
  std::ranges::fill(content.subspan(bytes), std::uint8_t{0xff});
  Status status = slot.erase(begin, round_up(bytes, slot.rewrite_unit_bytes()));
  // What is erased already holds 0xff.
  const bool is_blank =
      geometry.erase_before_program &&
      place_.kernels->find_not(content.data(), content.size(), 0xff) == content.size();
  if (status == Status::ok && !is_blank) status = slot.program(begin, content);
  for (std::size_t at = 0; status == Status::ok && at < bytes;) {
    const MutableByteSpan part = window_.first(std::min<std::size_t>(window_.size(), bytes - at));
    status = slot.read(begin + at, part);
    if (status != Status::ok) return status;
    if (place_.kernels->mismatch(part.data(), content.data() + at, part.size()) != part.size()) {
      return Status::flash_program_failed;
    }
    at += part.size();
  }
  return status == Status::ok ? slot.sync() : status;
}

Status InPlace::append_record(JournalKind kind, std::uint32_t next, std::uint32_t spill_sequence) {
  JournalRecord record = place_.record;
  record.kind = kind;
  record.next = next;
  record.spill_sequence = spill_sequence;
  return place_.journal->append(record);
}

Status InPlace::end_chunk() {
  is_script_open_ = false;
  source_.drop_stashes(reader_.steps_read());
  return append_record(JournalKind::checkpoint, reader_.chunks_read(), spill_.sequence());
}

Status InPlace::finish() {
  for (; holes_filled_ < holes_.size(); ++holes_filled_) {
    Status status = Status::ok;
    if (!is_hole_named_) {
      status = append_record(JournalKind::step, manifest().plan.step_count + holes_filled_,
                             spill_.sequence());
      if (status != Status::ok) return status;
    }
    is_hole_named_ = false;
    const Hole& hole = holes_[holes_filled_];
    std::ranges::fill(group_buffer_, static_cast<std::uint8_t>(hole.fill));
    status = write_home(hole.group, manifest().group_bytes);
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

}  // namespace romdelta
