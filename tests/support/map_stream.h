// MapStream: an address map written number by number, good ones and such as only an encoder that
// means harm would write. docs/format.md section 7.9.
#pragma once

#include <array>

#include "installer/number_model.h"
#include "pkgtool/range_encoder.h"
#include "tests/support/reference_map.h"

namespace romdelta::test {

class MapStream {
 public:
  enum Kind {
    base,
    count,
    place_zeros,
    place,
    rules,
    address,
    recent,
    move_zeros,
    move,
    kind_count
  };

  MapStream();
  void number(Kind kind, std::uint64_t value);
  // The two numbers of a base.
  void begin(std::uint64_t base);
  // A whole table, its count in front; `steps` need not be in order.
  void segments(const std::vector<MapStep>& steps);
  void regions(const std::vector<MapStep>& steps);
  void anchors(const std::vector<MapStep>& steps) { segments(steps); }
  void shifts(const std::vector<MapStep>& steps);
  // The begin of a step, which is at least `floor`.
  void step_begin(std::uint64_t floor, std::uint64_t begin);
  // The whole map. Nothing may follow.
  Bytes finish();

 private:
  Bytes coded_;
  pkgtool::RangeEncoder coder_{&coded_};
  std::array<NumberModel, kind_count> numbers_;
};

// As a writer writes it.
Bytes coded_map(const ReferenceMap& map);

}  // namespace romdelta::test
