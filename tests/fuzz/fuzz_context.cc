// Chunk bytes of codec context -> ContextPatcher -> flash, as after a signature that was good,
// against the reference: the same verdict and the same bytes, with groups of any size.
#include "installer/context_patcher.h"
#include "installer/port/flash_ram.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/random.h"
#include "tests/support/reference_context.h"
#include "tests/support/test_device.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr std::size_t kTargetBytesMax = 8 * 1024;

}  // namespace

// [target bytes u16][group size u8][what the source is u8][chunk].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bytes image = make_image(5000, 23);
  FuzzInput input(data, size);
  const std::uint64_t target_bytes = input.u16() % kTargetBytesMax + 1;
  Bytes group((std::size_t{input.u8()} + 1) * nor_geometry.program_unit_bytes);
  const ByteSpan source = ByteSpan(image).first(input.u8() % 2 == 0 ? image.size() : 0);
  const Bytes chunk = input.rest();

  AlignedMemory memory(limits::context_model_bytes + limits::source_window_bytes);
  Arena arena(memory.span());
  ContextPatcher patcher;
  require(patcher.begin({}, &arena), "the patcher fits into its budget");
  Bytes source_memory = image;
  RamFlash source_flash(source_memory, nor_geometry);
  Bytes target_memory(kTargetBytesMax, 0);
  RamFlash target_flash(target_memory, nor_geometry);
  FlashWriter writer({&target_flash, 0, target_memory.size()}, 0, group, best_kernels());
  const Status status = patcher.patch(chunk, {{&source_flash, 0, image.size()}, source.size()},
                                      target_bytes, &writer);
  require(writer.offset() <= target_bytes, "a chunk never makes more than it may");

  Bytes expected;
  const bool is_good = reference_context_patch(chunk, source, target_bytes, &expected);
  require(status == (is_good ? Status::ok : Status::malformed_chunk),
          "engine and reference agree about the chunk");
  require(source_memory == image, "the source is only read");
  if (!is_good) return 0;
  require(writer.flush(), "the rest can be written");
  target_memory.resize(target_bytes);
  require(target_memory == expected, "engine and reference make the same bytes");
  return 0;
}
