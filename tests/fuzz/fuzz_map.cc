// Map bytes -> decode_map, as after a signature that was good, against the reference: the same
// verdict and the same tables. Then an image is rewritten by the map in windows of any size: what
// the reference makes of the whole.
#include <algorithm>
#include <array>

#include "installer/map_decoder.h"
#include "installer/rebaser.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/map_stream.h"
#include "tests/support/random_map.h"
#include "tests/support/test_device.h"

using namespace romdelta;
using namespace romdelta::test;

namespace {

constexpr std::size_t kImageBytes = 1500;
constexpr std::size_t kStepCountMax = 1024;

// Code of one kind, or of all.
const Bytes& image_of(std::size_t rule) {
  static const auto images = [] {
    std::array<Bytes, rules::code_end> result;
    Random random(41);
    for (std::uint32_t i = 0; i < result.size(); ++i) {
      result[i] = random_code(&random, kImageBytes, i, 0x08000000);
    }
    return result;
  }();
  return images[rule % images.size()];
}

// Tables as they lie in the input, put in order: every such map is a good one.
ReferenceMap map_of(FuzzInput* input) {
  ReferenceMap map;
  map.base = input->u64();
  for (auto* table : {&map.segments, &map.regions, &map.anchors, &map.shifts}) {
    std::uint64_t begin = 0;
    for (std::size_t i = input->u8(); i != 0; --i) {
      begin += input->u16();
      std::uint32_t value = input->u16();
      value |= std::uint32_t{input->u16()} << 16;
      if (table == &map.regions) value = (value & 0xf0) | (value & 15) % rules::code_end;
      table->push_back({static_cast<std::uint32_t>(begin), value});
      ++begin;
    }
  }
  return map;
}

// Only as much of the source in reach as is required, so that a sanitizer sees a step outside.
Bytes in_windows(ByteSpan source, const AddressMap& map, std::size_t window_bytes) {
  Bytes result;
  while (result.size() < source.size()) {
    const std::size_t begin = result.size();
    const std::size_t end = std::min(source.size(), begin + window_bytes);
    const std::size_t around = begin - std::min(begin, Rebaser::margin_bytes);
    const std::size_t behind = std::min(source.size(), end + Rebaser::margin_bytes);
    const Bytes known = to_bytes(source.subspan(around, behind - around));
    Bytes out = to_bytes(source.subspan(begin, end - begin));
    Rebaser(map).rewrite(known, around, out, begin);
    append(&result, out);
  }
  return result;
}

}  // namespace

// [tables instead of map bytes, in the lowest bit u8][which image u8][window bytes u8]
// [steps u16][map bytes], or [tables].
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const bool is_tables = input.u8() % 2 == 1;
  const Bytes& image = image_of(input.u8());
  const std::size_t window_bytes = std::size_t{3} * input.u8() + 1;
  Bytes bytes;
  std::size_t step_count = 0;
  ReferenceMap given;
  if (is_tables) {
    given = map_of(&input);
    bytes = coded_map(given);
    step_count = given.step_count();
  } else {
    step_count = input.u16() % kStepCountMax + 1;
    bytes = input.rest();
  }

  AlignedMemory scratch(limits::context_model_bytes);
  std::vector<MapStep> steps(step_count);
  AddressMap map;
  const Status status = decode_map(bytes, scratch.span(), steps, &map);
  ReferenceMap expected;
  const bool is_good = reference_decode_map(bytes, step_count, &expected);
  require(status == (is_good ? Status::ok : Status::malformed_chunk),
          "engine and reference agree about the map");
  require(is_good || !is_tables, "a map that is written as the format says is good");
  if (!is_good) return 0;
  require(!is_tables || expected == given, "what is written can be read back");
  const auto same = [](std::span<const MapStep> one, const std::vector<MapStep>& two) {
    return std::ranges::equal(one, two);
  };
  require(map.base == expected.base && same(map.segments, expected.segments) &&
              same(map.regions, expected.regions) && same(map.anchors, expected.anchors) &&
              same(map.shifts, expected.shifts),
          "engine and reference read the same tables");
  require(in_windows(image, map, window_bytes) == reference_rebase(image, expected),
          "engine and reference rewrite alike");
  return 0;
}
