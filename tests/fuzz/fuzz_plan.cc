// Plan bytes -> PlanReader and InPlace::load_plan, as after a signature that was good. Both say the
// same, and a plan that is taken writes each group once, keeps no more than was said, and names
// nothing outside of the images.
#include <algorithm>
#include <vector>

#include "format/hash_tree.h"
#include "installer/in_place.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/manifest_maker.h"
#include "tests/support/test_device.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

// Numbers that a manifest may have; most inputs do.
Manifest manifest_of(FuzzInput* input) {
  Manifest m = sample_in_place_manifest();
  m.erase_block_bytes = 64u << input->u8() % 5;
  m.group_bytes = m.erase_block_bytes * (input->u8() % 4 + 1u);
  m.target.bytes = input->u16() + 1u;
  m.sources[0].bytes = input->u16();
  m.plan.step_count = input->u8();
  m.plan.chunk_steps_max = input->u8();
  m.plan.hole_count = input->u8();
  m.plan.kept_count_max = input->u8();
  m.plan.rewritten_bytes = input->u16();
  m.chunk_count = input->u8();
  if (input->u8() % 2 == 1) m.map = {1, 1, {}};
  m.plan.program_unit_bytes = 16;
  m.plan.reserve_blocks = 0;
  m.budgets.scratch_bytes = 0;
  return m;
}

struct Walk {
  bool is_good = false;
  std::vector<std::uint32_t> written;
  std::vector<Hole> holes;
  std::uint64_t rewritten_bytes = 0;
};

Walk walk(const Manifest& m, ByteSpan bytes) {
  Walk result;
  PlanModel model;
  PlanReader reader(m, bytes, &model);
  result.holes.resize(m.plan.hole_count);
  if (reader.holes(result.holes) != Status::ok) return result;
  std::vector<std::uint32_t> groups(m.plan.chunk_steps_max);
  std::vector<std::uint32_t> words((grains_of_group(m) + 31) / 32);
  GrainSet kept(words, static_cast<std::uint32_t>(grains_of_group(m)));
  for (std::uint32_t i = 0; i < m.chunk_count; ++i) {
    ChunkPlan chunk;
    if (reader.chunk(&chunk, groups) != Status::ok) return result;
    require(chunk.step_count <= groups.size(), "the steps of a chunk fit");
    for (const std::uint32_t group : std::span(groups).first(chunk.step_count)) {
      require(group < m.group_count(), "groups are those of the target");
      result.written.push_back(group);
      result.rewritten_bytes += std::min<std::uint64_t>(
          m.group_bytes, m.target.bytes - std::uint64_t{group} * m.group_bytes);
    }
    while (reader.steps_left() != 0) {
      std::uint32_t until = 0;
      if (reader.step(&kept, &until) != Status::ok) return result;
      require(kept.empty() || until < m.plan.step_count, "what is kept is needed by a step");
    }
  }
  result.is_good = reader.done();
  return result;
}

}  // namespace

// [numbers of the manifest: manifest_of()][plan].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  PackageHead head;
  Manifest m = manifest_of(&input);
  const Bytes plan = input.rest();
  m.plan.bytes = static_cast<std::uint32_t>(plan.size());
  m.payload_bytes = tree_bytes_total(m.chunk_count) + m.map.bytes + plan.size() + 1;
  m.budgets.ram_bytes = arena_bytes_needed(m);
  if (parse_manifest(encoded(m), &head.manifest) != Status::ok) return 0;

  const Walk walked = walk(m, plan);
  AlignedMemory memory(static_cast<std::size_t>(m.budgets.ram_bytes));
  Arena arena(memory.span());
  const auto engine = std::make_unique<InPlace>();
  require(engine->begin(head, &arena), "the arena is as large as the manifest says");
  require(engine->plan_buffer().size() == plan.size(), "the plan has a buffer of its size");
  std::ranges::copy(plan, engine->plan_buffer().begin());
  const Status status = engine->load_plan();
  require(status == Status::ok || status == Status::malformed_chunk, "a plan is good or malformed");
  if (status != Status::ok) return 0;
  require(walked.is_good, "what the engine takes can be read to its end");
  require(walked.rewritten_bytes == m.plan.rewritten_bytes, "it writes as much as was said");
  std::vector<std::uint32_t> groups = walked.written;
  for (const Hole& hole : walked.holes) groups.push_back(hole.group);
  std::ranges::sort(groups);
  require(std::ranges::adjacent_find(groups) == groups.end(), "no group is written twice or lent");
  return 0;
}
