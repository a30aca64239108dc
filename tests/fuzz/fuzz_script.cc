// Bytes -> a script in a spill, or the spill itself, read by ScriptReader: groups are made of it or
// it is refused, whatever the scratch holds. And skip(), report_copies() and make() agree.
#include <algorithm>

#include "installer/script_reader.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/random.h"
#include "tests/support/spill_rig.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr std::uint32_t kKey = spill_key(SpillKind::script, 0);
constexpr std::uint64_t kSourceBytes = 3000;

class Copies final : public CopyObserver {
 public:
  Status copies(std::uint64_t position, std::uint64_t count) override {
    is_inside = is_inside && range_inside(position, count, kSourceBytes);
    bytes += count;
    return Status::ok;
  }
  bool is_inside = true;
  std::uint64_t bytes = 0;
};

// Makes headers and trailers of whatever lies where they may lie.
void mend(SpillRig* rig) {
  const std::uint32_t block_bytes = rig->manifest.erase_block_bytes;
  for (std::size_t block = 0; block < rig->scratch.size(); block += block_bytes) {
    const MutableByteSpan bytes = MutableByteSpan(rig->scratch).subspan(block, block_bytes);
    for (std::size_t at = 0; at + SpillSpace::frame_bytes <= block_bytes;) {
      ByteReader reader(bytes.subspan(at + 12));
      const std::uint32_t most =
          block_bytes - SpillSpace::frame_bytes - static_cast<std::uint32_t>(at);
      const std::uint32_t count = std::min(reader.u32(), most);
      ByteWriter writer(bytes.subspan(at, SpillSpace::header_bytes));
      writer.u32(0x31534452);
      writer.u32(kKey);
      ByteReader offset(bytes.subspan(at + 8));
      writer.u32(offset.u32() % 512);
      writer.u32(count);
      ByteReader sequence(bytes.subspan(block + 16));
      writer.u32(sequence.u32() % 4);
      ChecksumStream header;
      header.update(rig->digest.value);
      header.update(writer.written());
      writer.u32(static_cast<std::uint32_t>(header.finish().value));
      const ByteSpan content = bytes.subspan(at + SpillSpace::header_bytes, count);
      ByteWriter trailer(
          bytes.subspan(at + SpillSpace::header_bytes + count, SpillSpace::trailer_bytes));
      trailer.u64(checksum_of(content).value);
      at += SpillSpace::stored_bytes(count);
    }
  }
}

bool is_refusal(Status status) {
  return status == Status::malformed_chunk || status == Status::source_damaged;
}

}  // namespace

// [1: a spill, 2: mended; else a script u8][group bytes u8][where it lies u16][bytes].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::uint8_t bits = input.u8();
  const ScriptReader::Section section = {input.u16(), input.u8() + 1u};
  SpillRig rig;
  Bytes bytes = input.rest();
  std::uint32_t script_bytes = 1000;
  if ((bits & 1) != 0) {
    std::copy_n(bytes.begin(), std::min(bytes.size(), rig.scratch.size()), rig.scratch.begin());
    if ((bits & 2) != 0) mend(&rig);
    const Status status = rig.boot(bits >> 4);
    require(status == Status::ok || status == Status::malformed_chunk, "a spill can be opened");
    if (status != Status::ok) return 0;
  } else {
    bytes.resize(std::min<std::size_t>(bytes.size(), 7 * 480));
    if (bytes.empty()) return 0;
    require(rig.put_phase(kKey, bytes), "there is room for the script");
    script_bytes = static_cast<std::uint32_t>(bytes.size());
  }
  Bytes window(limits::script_window_bytes);
  ScriptReader reader(&*rig.spill, kKey, script_bytes, window);
  const Status begun = reader.begin();
  require(begun == Status::ok || is_refusal(begun), "a script begins or is refused");
  if (begun != Status::ok) return 0;
  const std::uint32_t offset = reader.offset();

  std::uint32_t checksum = 0;
  ScriptReader skipper = reader;
  const Status skipped = skipper.skip(section, &checksum);
  Copies copies;
  ScriptReader reporter = reader;
  const Status reported = reporter.report_copies(section, &copies);
  require(copies.bytes <= section.bytes, "no more is copied than a group has");
  static const Bytes image = make_image(kSourceBytes, 51);
  MemorySource source(image);
  Bytes group(section.bytes);
  reader.seek(offset);
  const Status made = reader.make(section, &source, group);
  for (const Status status : {skipped, reported, made}) {
    require(status == Status::ok || is_refusal(status), "a group is read or refused");
  }
  if (made == Status::ok) {
    require(skipped == Status::ok && reported == Status::ok && copies.is_inside,
            "what can be made can be read");
    require(checksum == static_cast<std::uint32_t>(checksum_of(group).value),
            "what was made is what was promised");
    require(reader.offset() == skipper.offset(), "both end at the same place");
  }
  return 0;
}
