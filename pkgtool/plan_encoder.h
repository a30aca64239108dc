// Plan encoder: what a delta in place does, as the device reads it. docs/format.md section 7.12.
#pragma once

#include <vector>

#include "installer/plan_model.h"
#include "pkgtool/in_place_planner.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// `chunks` share the steps among them in order.
Bytes encode_plan(const InPlacePlan& plan, const std::vector<ChunkPlan>& chunks,
                  const InPlaceOptions& options);

}  // namespace romdelta::pkgtool
