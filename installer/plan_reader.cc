#include "installer/plan_reader.h"

#include "format/limits.h"

namespace romdelta {

static_assert(sizeof(PlanModel) <= limits::plan_model_bytes);

PlanReader::PlanReader(const Manifest& manifest, ByteSpan bytes, PlanModel* model)
    : manifest_(&manifest), model_(model), coder_(bytes) {
  model_->begin();
}

Status PlanReader::holes(std::span<Hole> holes) {
  Hole before;
  for (Hole& hole : holes) {
    const bool first = &hole == holes.data();
    hole = model_->hole(coder_, before, first, {});
    const bool ascends = first || hole.group > before.group;
    // A hole is whole, in the source too: it is read from there as its fill byte.
    const std::uint64_t end = (std::uint64_t{hole.group} + 1) * manifest_->group_bytes;
    if (!ascends || hole.fill > 0xff || end > manifest_->target.bytes ||
        end > manifest_->sources[0].bytes) {
      return Status::malformed_chunk;
    }
    before = hole;
  }
  return coder_.ok() ? Status::ok : Status::malformed_chunk;
}

Status PlanReader::chunk(ChunkPlan* chunk, std::span<std::uint32_t> groups) {
  if (steps_left_ != 0 || chunks_read_ == manifest_->chunk_count) return Status::malformed_chunk;
  *chunk = model_->chunk(coder_, {});
  const std::uint32_t steps_most = manifest_->plan.step_count - steps_read_;
  if (!coder_.ok() || chunk->step_count == 0 || chunk->step_count > steps_most ||
      chunk->step_count > groups.size() || chunk->script_bytes == 0 ||
      chunk->script_bytes == 0xffffffff) {
    return Status::malformed_chunk;
  }
  for (std::uint32_t& group : groups.first(chunk->step_count)) {
    group = model_->group(coder_, 0);
    if (group >= manifest_->group_count()) return Status::malformed_chunk;
  }
  if (!coder_.ok()) return Status::malformed_chunk;
  ++chunks_read_;
  steps_left_ = chunk->step_count;
  return Status::ok;
}

Status PlanReader::step(GrainSet* kept, std::uint32_t* kept_until) {
  if (steps_left_ == 0) return Status::malformed_chunk;
  kept->clear();
  const std::uint32_t run_count = model_->run_count(coder_, 0);
  if (run_count > kept->grain_count()) return Status::malformed_chunk;
  std::uint64_t at = 0;
  for (std::uint32_t i = 0; i < run_count; ++i) {
    at += model_->run_gap(coder_, 0);
    const std::uint64_t end = at + model_->run_length(coder_, 0) + 1;
    if (!coder_.ok() || end > kept->grain_count()) return Status::malformed_chunk;
    for (; at < end; ++at) kept->insert(static_cast<std::uint32_t>(at));
  }
  if (run_count != 0) {
    const std::uint64_t until = std::uint64_t{steps_read_} + 1 + model_->kept_for(coder_, 0);
    if (until >= manifest_->plan.step_count) return Status::malformed_chunk;
    *kept_until = static_cast<std::uint32_t>(until);
  }
  --steps_left_;
  ++steps_read_;
  return coder_.ok() ? Status::ok : Status::malformed_chunk;
}

bool PlanReader::done() const {
  return coder_.done() && steps_left_ == 0 && chunks_read_ == manifest_->chunk_count &&
         steps_read_ == manifest_->plan.step_count;
}

}  // namespace romdelta
