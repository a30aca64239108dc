// Chunk bytes of codec context -> ContextPatcher -> flash, as after a signature that was good,
// against the reference: the same verdict and the same bytes, with groups of any size. An address
// map may come first, which rewrites the source.
#include "installer/context_patcher.h"
#include "installer/port/flash_ram.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/random.h"
#include "tests/support/reference_context.h"
#include "tests/support/reference_map.h"
#include "tests/support/test_device.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr std::size_t kTargetBytesMax = 8 * 1024;
constexpr std::uint32_t kStepCountMax = 1024;

// The arena of a patcher with a map of so many steps; each part begins at a multiple of 64.
std::size_t arena_bytes(std::uint32_t step_count) {
  constexpr std::uint64_t line = Arena::line_bytes;
  if (step_count == 0) return limits::context_model_bytes + limits::source_window_bytes;
  return static_cast<std::size_t>(
      limits::context_model_bytes + round_up(limits::source_window_bytes, line) +
      round_up(limits::map_step_bytes * step_count, line) + limits::rebase_window_bytes);
}

}  // namespace

// [target bytes u16][group size u8][what the source is u8][chunk]; where bit 1 of what the source
// is is set, [steps u16][map bytes u16][map] before the chunk.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bytes image = make_image(5000, 23);
  FuzzInput input(data, size);
  const std::uint64_t target_bytes = input.u16() % kTargetBytesMax + 1;
  Bytes group((std::size_t{input.u8()} + 1) * nor_geometry.program_unit_bytes);
  const std::uint8_t kind = input.u8();
  const ByteSpan source = ByteSpan(image).first(kind % 2 == 0 ? image.size() : 0);
  MapIdentity identity;
  Bytes map;
  if ((kind & 2) != 0) {
    identity.step_count = input.u16() % kStepCountMax + 1u;
    map = input.take(input.u16());
    identity.bytes = static_cast<std::uint32_t>(map.size());
    if (map.empty()) return 0;
  }
  const Bytes chunk = input.rest();

  AlignedMemory memory(arena_bytes(identity.step_count));
  Arena arena(memory.span());
  ContextPatcher patcher;
  require(patcher.begin(identity, &arena), "the patcher fits into its budget");
  Bytes rewritten = to_bytes(source);
  if (identity.present()) {
    ReferenceMap reference;
    const bool is_good = reference_decode_map(map, identity.step_count, &reference);
    require(patcher.load_map(map) == (is_good ? Status::ok : Status::malformed_chunk),
            "engine and reference agree about the map");
    if (!is_good) return 0;
    rewritten = reference_rebase(source, reference);
  }
  Bytes source_memory = image;
  RamFlash source_flash(source_memory, nor_geometry);
  Bytes target_memory(kTargetBytesMax, 0);
  RamFlash target_flash(target_memory, nor_geometry);
  FlashWriter writer({&target_flash, 0, target_memory.size()}, 0, group, best_kernels());
  const Status status = patcher.patch(chunk, {{&source_flash, 0, image.size()}, source.size()},
                                      target_bytes, &writer);
  require(writer.offset() <= target_bytes, "a chunk never makes more than it may");

  Bytes expected;
  const bool is_good = reference_context_patch(chunk, rewritten, target_bytes, &expected);
  require(status == (is_good ? Status::ok : Status::malformed_chunk),
          "engine and reference agree about the chunk");
  require(source_memory == image, "the source is only read");
  if (!is_good) return 0;
  require(writer.flush(), "the rest can be written");
  target_memory.resize(target_bytes);
  require(target_memory == expected, "engine and reference make the same bytes");
  return 0;
}
