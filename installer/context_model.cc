#include "installer/context_model.h"

namespace romdelta {
namespace {

template <std::size_t size>
void fill(std::array<std::array<std::int32_t, 3>, size>* sets, std::int32_t weight) {
  for (auto& weights : *sets) weights.fill(weight);
}

}  // namespace

void ContextModel::begin() {
  blocks_ = 0;
  changes_ = 0;
  last_change_ = 0;
  for (NumberModel& model : numbers_) model.begin();
  block_chances_.fill(1 << 14);
  history_chances_.fill(context::chance_initial);
  pair_chances_.fill(context::chance_initial);
  second_chances_.fill(context::chance_initial);
  zero_chances_.fill(context::chance_initial);
  byte_chances_.fill(context::chance_initial);
  exact_.fill({});
  similar_.fill({});
  fill(&first_weights_, 39322);  // 0.6
  fill(&zero_weights_, 28399);   // 0.43
  fill(&byte_weights_, 28399);
  fill(&literal_weights_, 39322);
}

}  // namespace romdelta
