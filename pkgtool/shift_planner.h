// Shift planner: evidence of what moved by how much -> the shifts of an address map.
#pragma once

#include <unordered_map>
#include <vector>

#include "installer/address_map.h"

namespace romdelta::pkgtool {

// An address, and how far what is there moved according to a copy or reference; modulo 2^32.
struct Evidence {
  std::uint32_t address = 0;
  std::uint32_t shift = 0;
  std::int32_t weight = 0;  // What it costs, in bits, to contradict it.
};

// The cheapest step function through the evidence: dynamic programming over the shifts met so far.
// What all of them would have to pay for the next piece of evidence is left out, so that only the
// shift that it names changes its cost, and the whole takes time in proportion to the evidence.
class ShiftPlanner {
 public:
  // `step_bits`: what a step costs.
  explicit ShiftPlanner(std::int64_t step_bits) : step_bits_(step_bits) {}

  // In ascending order of addresses.
  void add(const Evidence& one);
  std::vector<MapStep> steps() const;

 private:
  static constexpr std::uint32_t no_step = 0xffffffff;

  // The cheapest function so far that ends with a certain shift.
  struct Way {
    std::int64_t cost = 0;
    std::uint32_t step = no_step;
  };
  struct Step {
    MapStep step;
    std::uint32_t before = no_step;
  };

  std::int64_t step_bits_;
  std::uint64_t last_address_ = 0;
  std::unordered_map<std::uint32_t, Way> ways_;
  std::vector<Step> steps_;
  Way best_;
};

}  // namespace romdelta::pkgtool
