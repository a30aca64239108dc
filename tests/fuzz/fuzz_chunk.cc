// Chunk bytes -> Decoder -> patch_chunk -> flash, as after a signature that was good. Done twice,
// with other buffers and other kernels: the result must not depend on them.
#include <optional>

#include "installer/patcher.h"
#include "installer/port/flash_ram.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/random.h"
#include "tests/support/test_device.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr std::size_t kTargetBytesMax = 16 * 1024;

struct Outcome {
  Status status = Status::internal;
  std::uint64_t written_bytes = 0;
  Bytes target;
};

Outcome run(const Manifest& manifest, ByteSpan chunk, ByteSpan source_image,
            std::uint64_t target_bytes, std::size_t group_bytes, const Kernels& kernels) {
  // The arena that the manifest pays for, and no byte more.
  AlignedMemory memory(limits::zstd_context_bytes + Arena::line_bytes +
                       manifest.chunk_decoded_bytes_max);
  Arena arena(memory.span());
  Decoder decoder;
  require(decoder.begin(manifest, &arena), "the decoder fits into its budget");

  Bytes source_memory = to_bytes(source_image);
  RamFlash source_flash(source_memory, nor_geometry);
  Bytes target_memory(kTargetBytesMax, 0);
  RamFlash target_flash(target_memory, nor_geometry);
  const Source source{{&source_flash, 0, source_memory.size()}, source_image.size()};
  Bytes group(group_bytes);
  FlashWriter writer({&target_flash, 0, target_memory.size()}, 0, group, kernels);

  Outcome outcome;
  ChunkHeader header;
  Columns columns;
  outcome.status = decoder.decode(manifest, chunk, &header, &columns);
  if (outcome.status == Status::ok) {
    outcome.status = patch_chunk(header, columns, source, target_bytes, kernels, &writer);
  }
  outcome.written_bytes = writer.offset();
  require(outcome.written_bytes <= target_bytes, "a chunk never makes more than it may");
  if (outcome.status != Status::ok) {
    require(outcome.status == Status::malformed_chunk, "only the chunk can be at fault");
    return outcome;
  }
  require(outcome.written_bytes == target_bytes, "a good chunk makes all that it has to");
  require(writer.flush(), "the rest can be written");
  target_memory.resize(target_bytes);
  outcome.target = target_memory;
  return outcome;
}

}  // namespace

// [target bytes u16][decoded bytes u16][what the source is u8][chunk].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bytes image = make_image(4096, 21);
  FuzzInput input(data, size);
  const std::uint64_t target_bytes = input.u16() % kTargetBytesMax + 1;
  Manifest manifest;
  manifest.chunk_decoded_bytes_max = input.u16();
  const ByteSpan source = ByteSpan(image).first(input.u8() % 2 == 0 ? image.size() : 0);
  const Bytes chunk = input.rest();

  const Outcome one = run(manifest, chunk, source, target_bytes, 1024, best_kernels());
  const Outcome two = run(manifest, chunk, source, target_bytes, 48, *kernels_by_name("scalar"));
  require(one.status == two.status, "buffers and kernels do not change the status");
  require(one.target == two.target, "buffers and kernels do not change the target");
  return 0;
}
