#include "pkgtool/plan_decoder.h"

#include <algorithm>
#include <memory>

#include "installer/plan_reader.h"

namespace romdelta::pkgtool {
namespace {

class PlanDecoder {
 public:
  PlanDecoder(const Manifest& manifest, ByteSpan bytes)
      : manifest_(manifest),
        reader_(manifest, bytes, model_.get()),
        words_(static_cast<std::size_t>((grains_of_group(manifest) + 31) / 32)),
        is_written_(static_cast<std::size_t>(manifest.group_count())) {}

  Status run(DecodedPlan* result) {
    std::vector<Hole> holes(manifest_.plan.hole_count);
    Status status = reader_.holes(holes);
    if (status != Status::ok) return status;
    for (const Hole& hole : holes) {
      is_written_[hole.group] = true;
      result->plan.holes.push_back({hole.group, static_cast<std::uint8_t>(hole.fill)});
    }
    groups_.resize(manifest_.plan.chunk_steps_max);
    std::uint64_t rewritten_bytes = 0;
    for (std::uint32_t i = 0; i < manifest_.chunk_count; ++i) {
      status = reader_.chunk(&result->chunks.emplace_back(), groups_);
      if (status != Status::ok) return status;
      for (std::uint32_t step = 0; reader_.steps_left() != 0; ++step) {
        status = read_step(groups_[step], &result->plan.steps);
        if (status != Status::ok) return status;
        const std::uint64_t begin = std::uint64_t{groups_[step]} * manifest_.group_bytes;
        rewritten_bytes +=
            std::min<std::uint64_t>(manifest_.group_bytes, manifest_.target.bytes - begin);
      }
    }
    const bool is_whole = reader_.done() && rewritten_bytes == manifest_.plan.rewritten_bytes;
    return is_whole ? Status::ok : Status::malformed_chunk;
  }

 private:
  Status read_step(std::uint32_t group, std::vector<InPlaceStep>* steps) {
    const std::uint32_t index = reader_.steps_read();
    InPlaceStep step;
    step.group = group;
    GrainSet kept(words_, static_cast<std::uint32_t>(grains_of_group(manifest_)));
    const Status status = reader_.step(&kept, &step.kept_last_use);
    if (status != Status::ok) return status;
    // Each group once, and no hole.
    if (is_written_[group]) return Status::malformed_chunk;
    is_written_[group] = true;
    const std::uint64_t margin = in_place_options(manifest_).margin_bytes / limits::grain_bytes;
    const std::uint64_t first =
        std::uint64_t{group} * (manifest_.group_bytes / limits::grain_bytes);
    const std::uint64_t grain_count =
        round_up(manifest_.sources[0].bytes, limits::grain_bytes) / limits::grain_bytes;
    for (std::uint32_t i = 0; i < kept.grain_count(); ++i) {
      if (!kept.contains(i)) continue;
      const std::uint64_t grain = first + i - margin;  // Wraps before the source's begin.
      if (grain >= grain_count) return Status::malformed_chunk;
      step.kept.push_back(static_cast<std::uint32_t>(grain));
    }
    return note_kept(index, step, steps);
  }

  // The device's table has so many places.
  Status note_kept(std::uint32_t index, InPlaceStep& step, std::vector<InPlaceStep>* steps) {
    std::erase_if(kept_until_, [&](std::uint32_t until) { return until < index; });
    if (!step.kept.empty()) kept_until_.push_back(step.kept_last_use);
    if (kept_until_.size() > manifest_.plan.kept_count_max) return Status::malformed_chunk;
    steps->push_back(std::move(step));
    return Status::ok;
  }

  const Manifest& manifest_;
  std::unique_ptr<PlanModel> model_ = std::make_unique<PlanModel>();
  PlanReader reader_;
  std::vector<std::uint32_t> words_;
  std::vector<bool> is_written_;
  std::vector<std::uint32_t> groups_;
  std::vector<std::uint32_t> kept_until_;
};

}  // namespace

InPlaceOptions in_place_options(const Manifest& manifest) {
  InPlaceOptions options;
  options.group_bytes = manifest.group_bytes;
  options.erase_block_bytes = manifest.erase_block_bytes;
  options.program_unit_bytes = manifest.plan.program_unit_bytes;
  options.margin_bytes =
      manifest.map.present() ? static_cast<std::uint32_t>(limits::rebase_margin_bytes) : 0;
  options.scratch_bytes = manifest.budgets.scratch_bytes;
  return options;
}

Status decode_plan(const Manifest& manifest, ByteSpan bytes, DecodedPlan* result) {
  return PlanDecoder(manifest, bytes).run(result);
}

}  // namespace romdelta::pkgtool
