// Step orders: in which order the groups of a slot may be overwritten.
//
// A group that is overwritten before another one read it must be saved for that one. An order is
// good when little is saved, and not for long.
#pragma once

#include "pkgtool/step_graph.h"

namespace romdelta::pkgtool {

// The steps, the first to be done first.
using StepOrder = std::vector<std::uint32_t>;

StepOrder ascending_order(std::size_t step_count);

// A feedback arc set after Eades, Lin and Smyth ("A fast and effective heuristic for the feedback
// arc set problem", 1993): little is saved.
StepOrder feedback_order(const StepGraph& graph);

// Always the step next after which the least more has to be kept: little is kept at once.
StepOrder frugal_order(const StepGraph& graph);

// Moves single steps as long as that makes the order better: what is saved counts, and so does
// each `patience` steps for which it is kept.
StepOrder improved_order(const StepGraph& graph, const StepOrder& order, std::uint32_t patience);

}  // namespace romdelta::pkgtool
