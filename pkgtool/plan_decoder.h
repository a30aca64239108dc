// Plan decoder: what a delta in place does, as its package says. docs/format.md section 7.12.
#pragma once

#include <vector>

#include "format/manifest.h"
#include "format/status.h"
#include "installer/plan_model.h"
#include "pkgtool/in_place_planner.h"

namespace romdelta::pkgtool {

struct DecodedPlan {
  InPlacePlan plan;  // Steps without what they save for themselves, and holes; nothing else.
  std::vector<ChunkPlan> chunks;  // They share the steps among them in order.
};

// The options that the plan was made with, as far as they matter for what can be read when.
InPlaceOptions in_place_options(const Manifest& manifest);

// Reads all of the plan and checks every rule that the engine checks before it writes.
// `bytes` need not be authentic. malformed_chunk.
Status decode_plan(const Manifest& manifest, ByteSpan bytes, DecodedPlan* result);

}  // namespace romdelta::pkgtool
