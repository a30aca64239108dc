#include "pkgtool/plan_encoder.h"

#include <memory>

#include "pkgtool/range_encoder.h"

namespace romdelta::pkgtool {
namespace {

void encode_kept(const InPlaceStep& step, std::uint32_t index, const InPlaceOptions& options,
                 PlanModel* model, RangeEncoder* coder) {
  // Grains are counted from the first one that the step's write makes stale.
  const std::uint64_t first = std::uint64_t{step.group} * (options.group_bytes / kGrainBytes);
  const std::uint64_t margin = options.margin_bytes / kGrainBytes;
  struct Run {
    std::uint32_t begin;
    std::uint32_t end;
  };
  std::vector<Run> runs;
  for (const std::uint32_t grain : step.kept) {
    const auto at = static_cast<std::uint32_t>(grain + margin - first);
    if (!runs.empty() && runs.back().end == at) {
      ++runs.back().end;
    } else {
      runs.push_back({at, at + 1});
    }
  }
  model->run_count(*coder, static_cast<std::uint32_t>(runs.size()));
  std::uint32_t at = 0;
  for (const Run& run : runs) {
    model->run_gap(*coder, run.begin - at);
    model->run_length(*coder, run.end - run.begin - 1);
    at = run.end;
  }
  if (!runs.empty()) model->kept_for(*coder, step.kept_last_use - index - 1);
}

}  // namespace

Bytes encode_plan(const InPlacePlan& plan, const std::vector<ChunkPlan>& chunks,
                  const InPlaceOptions& options) {
  Bytes bytes;
  const auto model = std::make_unique<PlanModel>();
  model->begin();
  RangeEncoder coder(&bytes);
  Hole before;
  for (std::size_t i = 0; i < plan.holes.size(); ++i) {
    before = model->hole(coder, before, i == 0, {plan.holes[i].group, plan.holes[i].fill});
  }
  std::uint32_t step = 0;
  for (const ChunkPlan& chunk : chunks) {
    model->chunk(coder, chunk);
    const std::uint32_t end = step + chunk.step_count;
    for (std::uint32_t i = step; i < end; ++i) model->group(coder, plan.steps[i].group);
    for (; step < end; ++step) {
      encode_kept(plan.steps[step], step, options, model.get(), &coder);
    }
  }
  coder.finish();
  return bytes;
}

}  // namespace romdelta::pkgtool
