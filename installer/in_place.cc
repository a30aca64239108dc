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
  const auto grains = static_cast<std::uint32_t>(grains_of_group(m));
  const std::uint32_t steps = m.plan.chunk_steps_max;
  MutableByteSpan work;
  MutableByteSpan model;
  std::span<std::uint32_t> own;
  std::span<std::uint32_t> kept;
  if (!arena->allocate(m.plan.bytes, &plan_bytes_) ||
      !arena->allocate(limits::plan_model_bytes, &model) ||
      !arena->allocate_objects(m.plan.hole_count, &holes_) ||
      !arena->allocate(limits::source_window_bytes, &window_) ||
      !arena->allocate(limits::script_window_bytes, &script_window_) ||
      !arena->allocate(std::max<std::uint64_t>(decoding_bytes, m.group_bytes), &work) ||
      !arena->allocate_objects(steps, &step_groups_) ||
      !arena->allocate_objects(steps, &output_groups_) ||
      !arena->allocate_objects(steps, &sections_) ||
      !arena->allocate_objects((grains + 31) / 32, &own) ||
      !arena->allocate_objects((grains + 31) / 32, &kept)) {
    return Status::arena_too_small;
  }
  own_ = GrainSet(own, grains);
  kept_ = GrainSet(kept, grains);
  plan_model_ = new (model.data()) PlanModel;
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

// Of the chunk that was read last.
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
  pass_step(step);
  // One more place is for what a step saves for itself.
  const bool fits = source_.stash_count() <= manifest().plan.kept_count_max;
  return fits ? Status::ok : Status::malformed_chunk;
}

bool InPlace::script_fits() const {
  const std::uint64_t room = manifest().erase_block_bytes - SpillSpace::frame_bytes;
  return chunk_plan_.script_bytes <= manifest().spill_block_count() * room;
}

// --- The plan once more: what was read without a mistake cannot fail. ---

void InPlace::next_chunk() { (void)read_chunk_plan(); }

InPlace::Step InPlace::next_step() {
  Step step;
  (void)read_step(&step);
  return step;
}

// As if this step had been done.
void InPlace::pass_step(const Step& step) {
  source_.drop_stashes(step.index);
  if (!kept_.empty()) {
    source_.add_stash(step.group, spill_key(SpillKind::kept, step.index), step.kept_until, kept_);
  }
  source_.set_overwritten(step.group);
  done_bytes_ += step.bytes;
}

// From the beginning to right before `chunk`.
void InPlace::pass_chunks(std::uint32_t chunk) {
  (void)restart_plan();
  while (reader_.chunks_read() < chunk) {
    next_chunk();
    while (reader_.steps_left() != 0) pass_step(next_step());
  }
  source_.drop_stashes(reader_.steps_read());
}

// From the beginning to right before `step`, in the chunk that it belongs to; the step itself is
// read.
void InPlace::pass_steps(std::uint32_t step) {
  (void)restart_plan();
  next_chunk();
  while (reader_.steps_read() < step) {
    pass_step(next_step());
    if (reader_.steps_left() == 0) next_chunk();
  }
  current_ = next_step();
  source_.drop_stashes(step);
  has_current_ = true;
  is_script_open_ = true;
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
  next_chunk();
  // The script of the chunk before is over.
  spill_.seal(chunk_first_step_);
  spill_.begin_phase();
  is_script_open_ = true;
  Status status = unpack(chunk, output_bytes);
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
    const Step step = next_step();
    source_.drop_stashes(step.index);
    Status status = find_own(step);
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
  if (!own_.empty()) {
    source_.add_stash(step.group, spill_key(SpillKind::own, step.index), step.index, own_);
  }
  if (!kept_.empty()) {
    source_.add_stash(step.group, spill_key(SpillKind::kept, step.index), step.kept_until, kept_);
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
  if (status == Status::ok) {
    status = slot.read_pieces(begin, bytes, window_, [&](std::uint64_t at, ByteSpan piece) {
      const std::uint8_t* expected = content.data() + static_cast<std::size_t>(at);
      const std::size_t same = place_.kernels->mismatch(piece.data(), expected, piece.size());
      return same == piece.size() ? Status::ok : Status::flash_program_failed;
    });
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
