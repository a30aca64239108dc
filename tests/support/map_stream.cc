#include "tests/support/map_stream.h"

#include <algorithm>

namespace romdelta::test {

MapStream::MapStream() {
  for (NumberModel& model : numbers_) model.begin();
}

void MapStream::number(Kind kind, std::uint64_t value) { numbers_[kind].code(coder_, value); }

void MapStream::begin(std::uint64_t value) {
  number(base, value >> 32);
  number(base, value & 0xffffffff);
}

void MapStream::step_begin(std::uint64_t floor, std::uint64_t begin) {
  unsigned zeros = 0;
  while (zeros < 12 && begin % (std::uint64_t{2} << zeros) == 0) ++zeros;
  const std::uint64_t unit = std::uint64_t{1} << zeros;
  number(place_zeros, zeros);
  number(place, begin / unit - (floor + unit - 1) / unit);
}

void MapStream::segments(const std::vector<MapStep>& steps) {
  number(count, steps.size());
  MapStep before;
  std::uint64_t floor = 0;
  for (const MapStep& step : steps) {
    step_begin(floor, step.begin);
    number(address, step.value - (before.value + (step.begin - before.begin)));
    before = step;
    floor = std::uint64_t{step.begin} + 1;
  }
}

void MapStream::regions(const std::vector<MapStep>& steps) {
  number(count, steps.size());
  std::uint32_t before = 0;
  std::uint64_t floor = 0;
  for (const MapStep& step : steps) {
    step_begin(floor, step.begin);
    number(rules, before ^ step.value);
    before = step.value;
    floor = std::uint64_t{step.begin} + 1;
  }
}

void MapStream::shifts(const std::vector<MapStep>& steps) {
  number(count, steps.size());
  std::array<std::uint32_t, 6> last{};
  std::uint64_t floor = 0;
  for (const MapStep& step : steps) {
    step_begin(floor, step.begin);
    floor = std::uint64_t{step.begin} + 1;
    const auto known = std::find(last.begin(), last.end(), step.value);
    number(recent, static_cast<std::uint64_t>(known - last.begin()));
    if (known == last.end()) {
      const std::uint32_t by = step.value - last[0];
      const bool is_negative = by >= 0x80000000;
      const std::uint32_t size = is_negative ? 0 - by : by;
      unsigned zeros = 0;
      while ((size >> zeros & 1) == 0) ++zeros;  // Not 0: another value.
      number(move_zeros, zeros);
      number(move, std::uint64_t{2} * (size / (std::uint64_t{2} << zeros)) + (is_negative ? 1 : 0));
    }
    std::copy_backward(last.begin(), std::min(known, last.end() - 1),
                       std::min(known, last.end() - 1) + 1);
    last[0] = step.value;
  }
}

Bytes MapStream::finish() {
  coder_.finish();
  return std::move(coded_);
}

Bytes coded_map(const ReferenceMap& map) {
  MapStream stream;
  stream.begin(map.base);
  stream.segments(map.segments);
  stream.regions(map.regions);
  stream.anchors(map.anchors);
  stream.shifts(map.shifts);
  return stream.finish();
}

}  // namespace romdelta::test
