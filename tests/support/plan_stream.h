// PlanStream: the plan of a delta in place written number by number, good ones and such as only an
// encoder that means harm would write. docs/format.md section 7.12.
#pragma once

#include <memory>
#include <vector>

#include "installer/plan_model.h"
#include "pkgtool/range_encoder.h"
#include "tests/support/bytes.h"

namespace romdelta::test {

class PlanStream {
 public:
  // Grains [begin, begin + count) of those around a group.
  struct Run {
    std::uint32_t begin = 0;
    std::uint32_t count = 0;
  };

  PlanStream() { model_->begin(); }

  void hole(std::uint32_t group, std::uint32_t fill) {
    before_ = model_->hole(coder_, before_, is_first_hole_, {group, fill});
    is_first_hole_ = false;
  }
  // `step_count` may be another number than there are groups.
  void chunk(const ChunkPlan& chunk, const std::vector<std::uint32_t>& groups) {
    model_->chunk(coder_, chunk);
    for (const std::uint32_t group : groups) model_->group(coder_, group);
  }
  // A step of the chunk written last: what it keeps, and for how many steps.
  void step(const std::vector<Run>& kept = {}, std::uint32_t kept_for = 1) {
    model_->run_count(coder_, static_cast<std::uint32_t>(kept.size()));
    std::uint32_t at = 0;
    for (const Run& run : kept) {
      model_->run_gap(coder_, run.begin - at);
      model_->run_length(coder_, run.count - 1);
      at = run.begin + run.count;
    }
    if (!kept.empty()) model_->kept_for(coder_, kept_for - 1);
  }
  // Only the count of what a step keeps.
  void run_count(std::uint32_t count) { model_->run_count(coder_, count); }

  // The whole plan. Nothing may follow.
  Bytes finish() {
    coder_.finish();
    return bytes_;
  }

 private:
  Bytes bytes_;
  pkgtool::RangeEncoder coder_{&bytes_};
  std::unique_ptr<PlanModel> model_ = std::make_unique<PlanModel>();
  Hole before_;
  bool is_first_hole_ = true;
};

}  // namespace romdelta::test
