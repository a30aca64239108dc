// PlanReader: the plan of a delta in place, step by step. docs/format.md section 7.12.
//
// The plan was authenticated; every rule is checked all the same, because a signed mistake must not
// make the engine read or write outside of its bounds.
#pragma once

#include <span>

#include "format/manifest.h"
#include "format/status.h"
#include "installer/grain_set.h"
#include "installer/plan_model.h"
#include "installer/range_decoder.h"

namespace romdelta {

class PlanReader {
 public:
  PlanReader() = default;
  // `bytes`: the plan; `model`: where its statistics are kept. Both are the caller's and outlive
  // the reader. Begins with the holes.
  PlanReader(const Manifest& manifest, ByteSpan bytes, PlanModel* model);

  // Fills `holes`, which has manifest.plan.hole_count places. malformed_chunk.
  Status holes(std::span<Hole> holes);

  // The chunk that comes next. `groups` (manifest.plan.chunk_steps_max) gets what its steps write,
  // in their order. malformed_chunk, also when it is one too many.
  Status chunk(ChunkPlan* chunk, std::span<std::uint32_t> groups);

  // The step that comes next, of the chunk read last. `kept` gets the grains that it keeps for
  // later ones, `*kept_until` the last of these, if there are any. malformed_chunk.
  Status step(GrainSet* kept, std::uint32_t* kept_until);

  std::uint32_t chunks_read() const { return chunks_read_; }
  std::uint32_t steps_read() const { return steps_read_; }
  // Steps of the current chunk that were not read yet.
  std::uint32_t steps_left() const { return steps_left_; }
  // True when everything was read and nothing is left over.
  bool done() const;

 private:
  const Manifest* manifest_ = nullptr;
  PlanModel* model_ = nullptr;
  RangeDecoder coder_ = RangeDecoder({});
  std::uint32_t chunks_read_ = 0;
  std::uint32_t steps_read_ = 0;
  std::uint32_t steps_left_ = 0;
};

}  // namespace romdelta
