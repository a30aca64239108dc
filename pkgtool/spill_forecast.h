// Spill forecast: what an installation does to the spill, step by step, by the accounts of the
// device's own engine (installer/spill_space.h).
#pragma once

#include <optional>
#include <vector>

#include "installer/plan_model.h"
#include "pkgtool/in_place_planner.h"

namespace romdelta::pkgtool {

struct SpillForecast {
  std::uint32_t fragment_count_max = 0;
  std::uint32_t kept_count_max = 0;
  std::uint64_t write_bytes = 0;
  std::uint64_t erase_count = 0;
  std::uint32_t block_erase_count = 0;  // The most of one block.
};

// How many grains each step saves for itself, as the device's engine finds out.
std::vector<std::uint32_t> count_own_grains(const InPlacePlan& plan, const InPlaceOptions& options,
                                            std::uint64_t source_bytes,
                                            std::uint64_t target_bytes);

// Nothing when at some step no block is free. `reserve_blocks`: see PlanIdentity.
std::optional<SpillForecast> forecast_spill(const InPlacePlan& plan,
                                            const std::vector<std::uint32_t>& own_grains,
                                            const std::vector<ChunkPlan>& chunks,
                                            const InPlaceOptions& options,
                                            std::uint32_t reserve_blocks);

}  // namespace romdelta::pkgtool
