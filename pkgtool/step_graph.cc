#include "pkgtool/step_graph.h"

#include <algorithm>

namespace romdelta::pkgtool {
namespace {

// Adds up the edges to the same step.
void join(std::vector<StepGraph::Edge>* edges) {
  std::ranges::sort(*edges, {}, &StepGraph::Edge::other);
  std::size_t count = 0;
  for (const StepGraph::Edge& edge : *edges) {
    if (count != 0 && (*edges)[count - 1].other == edge.other) {
      (*edges)[count - 1].grains += edge.grains;
    } else {
      (*edges)[count++] = edge;
    }
  }
  edges->resize(count);
}

}  // namespace

StepGraph::StepGraph(const InPlaceReads& reads) {
  find_sources(reads);
  find_readers();
}

void StepGraph::find_sources(const InPlaceReads& reads) {
  first_source_.push_back(0);
  std::vector<Edge> edges;
  for (std::uint32_t step = 0; step < reads.step_count(); ++step) {
    edges.clear();
    for (const Match& read : reads.reads(step)) {
      const GrainRange range = reads.grains(read);
      for (std::uint64_t grain = range.begin; grain < range.end; ++grain) {
        if (reads.is_zero(grain)) continue;
        reads.for_each_writer(grain, [&](std::uint32_t writer) {
          if (writer == step) return;
          if (!edges.empty() && edges.back().other == writer) {
            ++edges.back().grains;
          } else {
            edges.push_back({writer, 1});
          }
        });
      }
    }
    join(&edges);
    sources_.insert(sources_.end(), edges.begin(), edges.end());
    first_source_.push_back(sources_.size());
  }
}

void StepGraph::find_readers() {
  first_reader_.assign(step_count() + 1, 0);
  for (const Edge& edge : sources_) ++first_reader_[edge.other + 1];
  for (std::size_t i = 0; i < step_count(); ++i) first_reader_[i + 1] += first_reader_[i];
  readers_.resize(sources_.size());
  std::vector<std::size_t> next(first_reader_.begin(), first_reader_.end() - 1);
  for (std::uint32_t step = 0; step < step_count(); ++step) {
    for (const Edge& edge : sources(step)) readers_[next[edge.other]++] = {step, edge.grains};
  }
}

}  // namespace romdelta::pkgtool
