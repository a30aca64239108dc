// Raw columns -> patch_chunk, without a chunk header or codec in between, against the reference
// patcher: the same verdict and the same bytes.
#include "installer/patcher.h"
#include "installer/port/flash_ram.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/reference_patcher.h"
#include "tests/support/random.h"
#include "tests/support/test_device.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr std::size_t kTargetBytesMax = 8 * 1024;

}  // namespace

// [target bytes u16][group size u8][source position u64][six column sizes u16][six columns].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bytes image = make_image(3000, 22);
  FuzzInput input(data, size);
  const std::uint64_t target_bytes = input.u16() % kTargetBytesMax + 1;
  Bytes group((std::size_t{input.u8()} + 1) * nor_geometry.program_unit_bytes);
  ChunkHeader header;
  header.source_position = input.u64();
  std::array<std::size_t, column_count> sizes;
  for (std::size_t& column_size : sizes) column_size = input.u16();
  std::array<Bytes, column_count> content;
  Columns columns;
  for (std::size_t i = 0; i < column_count; ++i) {
    content[i] = input.take(sizes[i]);
    columns.content[i] = content[i];
    header.columns[i].raw_bytes = static_cast<std::uint32_t>(content[i].size());
    header.columns[i].stored_bytes = header.columns[i].raw_bytes;
  }

  Bytes source_memory = image;
  RamFlash source_flash(source_memory, nor_geometry);
  Bytes target_memory(kTargetBytesMax, 0);
  RamFlash target_flash(target_memory, nor_geometry);
  FlashWriter writer({&target_flash, 0, target_memory.size()}, 0, group, best_kernels());
  const Source source{{&source_flash, 0, source_memory.size()}, source_memory.size()};
  const Status status = patch_chunk(header, columns, source, target_bytes, best_kernels(), &writer);

  Bytes expected;
  const bool is_good =
      reference_patch(header.source_position, columns, image, target_bytes, &expected);
  require(status == (is_good ? Status::ok : Status::malformed_chunk),
          "engine and reference agree about the control");
  require(source_memory == image, "the source is only read");
  if (!is_good) return 0;
  require(writer.flush(), "the rest can be written");
  target_memory.resize(target_bytes);
  require(target_memory == expected, "engine and reference make the same target");
  return 0;
}
