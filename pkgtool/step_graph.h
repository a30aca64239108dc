// Step graph: how much of what one step overwrites another one reads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pkgtool/in_place_reads.h"

namespace romdelta::pkgtool {

class StepGraph {
 public:
  struct Edge {
    std::uint32_t other = 0;
    std::uint32_t grains = 0;
  };

  explicit StepGraph(const InPlaceReads& reads);

  std::size_t step_count() const { return first_source_.size() - 1; }
  // The other steps whose groups `step` reads, ascending.
  std::span<const Edge> sources(std::size_t step) const {
    return of(sources_, first_source_, step);
  }
  // The other steps that read its group, ascending.
  std::span<const Edge> readers(std::size_t step) const {
    return of(readers_, first_reader_, step);
  }

 private:
  static std::span<const Edge> of(const std::vector<Edge>& edges,
                                  const std::vector<std::size_t>& first, std::size_t step) {
    return std::span(edges).subspan(first[step], first[step + 1] - first[step]);
  }
  void find_sources(const InPlaceReads& reads);
  void find_readers();

  std::vector<Edge> sources_;
  std::vector<std::size_t> first_source_;
  std::vector<Edge> readers_;
  std::vector<std::size_t> first_reader_;
};

}  // namespace romdelta::pkgtool
