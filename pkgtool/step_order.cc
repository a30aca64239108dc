#include "pkgtool/step_order.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace romdelta::pkgtool {
namespace {

constexpr unsigned kPassesMax = 12;

// Steps that are not done yet, the one with the least score first.
class Queue {
 public:
  explicit Queue(std::size_t step_count) : scores_(step_count), is_done_(step_count) {}

  void add(std::uint32_t step, std::int64_t score) {
    scores_[step] = score;
    queue_.emplace(score, step);
  }
  void change(std::uint32_t step, std::int64_t by) {
    if (is_done_[step] || by == 0) return;
    queue_.erase({scores_[step], step});
    add(step, scores_[step] + by);
  }
  void remove(std::uint32_t step) {
    queue_.erase({scores_[step], step});
    is_done_[step] = true;
  }
  bool empty() const { return queue_.empty(); }
  bool is_done(std::uint32_t step) const { return is_done_[step]; }
  std::uint32_t best() const { return queue_.begin()->second; }

 private:
  std::vector<std::int64_t> scores_;
  std::vector<bool> is_done_;
  std::set<std::pair<std::int64_t, std::uint32_t>> queue_;
};

std::int64_t grains_of(std::span<const StepGraph::Edge> edges) {
  std::int64_t sum = 0;
  for (const StepGraph::Edge& edge : edges) sum += edge.grains;
  return sum;
}

class FeedbackOrder {
 public:
  explicit FeedbackOrder(const StepGraph& graph)
      : graph_(graph),
        queue_(graph.step_count()),
        readers_(graph.step_count()),
        sources_(graph.step_count()) {
    for (std::uint32_t step = 0; step < graph.step_count(); ++step) {
      readers_[step] = graph.readers(step).size();
      sources_[step] = graph.sources(step).size();
      queue_.add(step, grains_of(graph.readers(step)) - grains_of(graph.sources(step)));
    }
  }

  StepOrder run() {
    for (std::uint32_t step = 0; step < graph_.step_count(); ++step) note(step);
    while (!queue_.empty()) {
      if (take(&unread_, &front_) || take(&unreading_, &back_)) continue;
      const std::uint32_t step = queue_.best();
      front_.push_back(step);
      remove(step);
    }
    front_.insert(front_.end(), back_.rbegin(), back_.rend());
    return std::move(front_);
  }

 private:
  // What nobody needs any more is overwritten first, what needs nobody last.
  void note(std::uint32_t step) {
    if (readers_[step] == 0) unread_.push_back(step);
    if (sources_[step] == 0) unreading_.push_back(step);
  }

  bool take(StepOrder* from, StepOrder* to) {
    while (!from->empty()) {
      const std::uint32_t step = from->back();
      from->pop_back();
      if (queue_.is_done(step)) continue;
      to->push_back(step);
      remove(step);
      return true;
    }
    return false;
  }

  void remove(std::uint32_t step) {
    queue_.remove(step);
    for (const StepGraph::Edge& edge : graph_.sources(step)) {
      queue_.change(edge.other, -std::int64_t{edge.grains});
      if (--readers_[edge.other] == 0) unread_.push_back(edge.other);
    }
    for (const StepGraph::Edge& edge : graph_.readers(step)) {
      queue_.change(edge.other, edge.grains);
      if (--sources_[edge.other] == 0) unreading_.push_back(edge.other);
    }
  }

  const StepGraph& graph_;
  Queue queue_;
  std::vector<std::size_t> readers_;  // Steps that are not done yet and read this one.
  std::vector<std::size_t> sources_;  // Steps that are not done yet and are read by this one.
  StepOrder unread_;
  StepOrder unreading_;
  StepOrder front_;
  StepOrder back_;
};

// Improves an order by moving one step at a time to where it is best. Places are numbers with gaps
// between them, so that a move changes one number only.
class OrderImprover {
 public:
  OrderImprover(const StepGraph& graph, const StepOrder& order, std::uint32_t patience)
      : graph_(graph), patience_(patience), order_(order), places_(order.size()) {}

  StepOrder run() {
    for (unsigned pass = 0; pass < kPassesMax; ++pass) {
      spread();
      const StepOrder before = order_;
      bool has_moved = false;
      for (const std::uint32_t step : before) has_moved = improve(step) || has_moved;
      sort();
      if (!has_moved) break;
    }
    return order_;
  }

 private:
  static constexpr std::int64_t kGap = std::int64_t{1} << 20;

  void spread() {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      places_[order_[i]] = static_cast<std::int64_t>(i + 1) * kGap;
    }
  }
  void sort() {
    std::ranges::sort(order_, [&](std::uint32_t a, std::uint32_t b) {
      return places_[a] != places_[b] ? places_[a] < places_[b] : a < b;
    });
  }

  // What it costs to keep `grains` from one place to a later one.
  double kept_cost(std::uint32_t grains, std::int64_t from, std::int64_t to) const {
    if (from >= to) return 0;
    const double steps = static_cast<double>(to - from) / static_cast<double>(kGap);
    return grains * (1 + steps / patience_);
  }

  double cost(std::uint32_t step, std::int64_t place) const {
    double sum = 0;
    for (const StepGraph::Edge& edge : graph_.readers(step)) {
      sum += kept_cost(edge.grains, place, places_[edge.other]);
    }
    for (const StepGraph::Edge& edge : graph_.sources(step)) {
      sum += kept_cost(edge.grains, places_[edge.other], place);
    }
    return sum;
  }

  // The cost changes its slope at the places of those that it has to do with only: one of these is
  // best.
  bool improve(std::uint32_t step) {
    std::int64_t best_place = places_[step];
    double best_cost = cost(step, best_place);
    if (best_cost == 0) return false;
    const auto look = [&](std::uint32_t other) {
      for (const std::int64_t beside : {-kNear, kNear}) {
        const std::int64_t place = places_[other] + beside;
        const double at = cost(step, place);
        if (at >= best_cost) continue;
        best_cost = at;
        best_place = place;
      }
    };
    looked_ = 0;
    for (const StepGraph::Edge& edge : graph_.readers(step)) {
      if (looked_++ < kLooksMax) look(edge.other);
    }
    for (const StepGraph::Edge& edge : graph_.sources(step)) {
      if (looked_++ < kLooksMax) look(edge.other);
    }
    const bool is_better = best_place != places_[step];
    places_[step] = best_place;
    return is_better;
  }

  static constexpr std::int64_t kNear = kGap / 64;
  // Steps that have to do with more others are not looked at everywhere.
  static constexpr unsigned kLooksMax = 64;

  const StepGraph& graph_;
  double patience_;
  StepOrder order_;
  std::vector<std::int64_t> places_;  // Of each step.
  unsigned looked_ = 0;
};

}  // namespace

StepOrder ascending_order(std::size_t step_count) {
  StepOrder order(step_count);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

StepOrder feedback_order(const StepGraph& graph) { return FeedbackOrder(graph).run(); }

StepOrder frugal_order(const StepGraph& graph) {
  // Counts what is kept because a step is done before its readers, less what only it still needs.
  Queue queue(graph.step_count());
  for (std::uint32_t step = 0; step < graph.step_count(); ++step) {
    queue.add(step, grains_of(graph.readers(step)));
  }
  StepOrder order;
  while (!queue.empty()) {
    const std::uint32_t step = queue.best();
    queue.remove(step);
    order.push_back(step);
    for (const StepGraph::Edge& edge : graph.sources(step)) {
      queue.change(edge.other, -std::int64_t{edge.grains});
    }
    for (const StepGraph::Edge& edge : graph.readers(step)) {
      queue.change(edge.other, -std::int64_t{edge.grains});
    }
  }
  return order;
}

StepOrder improved_order(const StepGraph& graph, const StepOrder& order, std::uint32_t patience) {
  return OrderImprover(graph, order, patience).run();
}

}  // namespace romdelta::pkgtool
