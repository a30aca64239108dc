#include "pkgtool/spill_forecast.h"

#include <algorithm>

#include "format/limits.h"
#include "installer/spill_space.h"
#include "pkgtool/chunk_output.h"
#include "pkgtool/stale_grains.h"

namespace romdelta::pkgtool {
namespace {

class Forecast {
 public:
  Forecast(const InPlacePlan& plan, const std::vector<std::uint32_t>& own_grains,
           const InPlaceOptions& options, std::uint32_t reserve_blocks)
      : plan_(plan),
        own_grains_(own_grains),
        scratch_blocks_(static_cast<std::size_t>(options.scratch_bytes /
                                                 options.erase_block_bytes)),
        reserve_blocks_(reserve_blocks),
        fragments_(limits::fragment_count_max),
        blocks_(scratch_blocks_ +
                plan.holes.size() * (options.group_bytes / options.erase_block_bytes)),
        opened_(blocks_.size()),
        unit_bytes_(options.program_unit_bytes),
        space_(fragments_, blocks_, options.erase_block_bytes) {}

  // False when no block is free.
  bool run(const std::vector<ChunkPlan>& chunks) {
    std::uint32_t step = 0;
    for (std::uint32_t chunk = 0; chunk < chunks.size(); ++chunk) {
      space_.seal(step);
      const std::uint32_t end = step + chunks[chunk].step_count;
      space_.begin_phase(++sequence_);
      bool phase_is_open = true;
      if (!write(spill_key(SpillKind::script, chunk), chunks[chunk].script_bytes, end - 1)) {
        return false;
      }
      for (; step < end; ++step) {
        if (!save(step, phase_is_open)) return false;
        phase_is_open = false;
      }
    }
    return true;
  }

  SpillForecast result() const {
    SpillForecast result = result_;
    for (std::size_t block = 0; block < opened_.size(); ++block) {
      // A hole is erased once more when it gets its bytes back.
      const std::uint32_t more = block < scratch_blocks_ ? 0 : 1;
      result.block_erase_count = std::max(result.block_erase_count, opened_[block] + more);
      result.erase_count += opened_[block];
    }
    return result;
  }

 private:
  bool save(std::uint32_t step, bool phase_is_open) {
    const InPlaceStep& it = plan_.steps[step];
    const std::uint32_t own_bytes = own_grains_[step] * limits::grain_bytes;
    const auto kept_bytes = static_cast<std::uint32_t>(it.kept.size()) * limits::grain_bytes;
    const bool has_stash = own_bytes + kept_bytes != 0;
    if (has_stash && !phase_is_open) space_.begin_phase(++sequence_);
    if (!write(spill_key(SpillKind::own, step), own_bytes, step) ||
        !write(spill_key(SpillKind::kept, step), kept_bytes, it.kept_last_use)) {
      return false;
    }
    if (has_stash || phase_is_open) {
      (void)space_.clean(step, reserve_blocks_,
                         [&](const SpillFragment&, const SpillFragment& to, bool opens) {
                           note(to, opens);
                           return true;
                         });
    }
    note_kept(step);
    space_.seal(step);
    return true;
  }

  bool write(std::uint32_t key, std::uint32_t bytes, std::uint32_t last_step) {
    for (std::uint32_t at = 0; at < bytes;) {
      SpillFragment placed;
      bool opens = false;
      if (!space_.place(key, at, bytes - at, last_step, &placed, &opens)) return false;
      note(placed, opens);
      at += placed.bytes;
    }
    return true;
  }

  void note(const SpillFragment& placed, bool opens) {
    result_.fragment_count_max = std::max(result_.fragment_count_max, space_.fragment_count());
    result_.write_bytes += SpillSpace::stored_bytes(placed.bytes);
    if (!opens) return;
    ++opened_[placed.block];
    // The end of what a phase writes into a block is filled up.
    result_.write_bytes += unit_bytes_ - 1;
  }

  void note_kept(std::uint32_t step) {
    if (!plan_.steps[step].kept.empty()) kept_until_.push_back(plan_.steps[step].kept_last_use);
    std::erase_if(kept_until_, [&](std::uint32_t until) { return until < step; });
    result_.kept_count_max =
        std::max(result_.kept_count_max, static_cast<std::uint32_t>(kept_until_.size()));
  }

  const InPlacePlan& plan_;
  const std::vector<std::uint32_t>& own_grains_;
  std::size_t scratch_blocks_;
  std::uint32_t reserve_blocks_;
  std::vector<SpillFragment> fragments_;
  std::vector<SpillBlock> blocks_;
  std::vector<std::uint32_t> opened_;  // How often each block was.
  std::uint32_t unit_bytes_;
  SpillSpace space_;
  std::uint32_t sequence_ = 0;
  std::vector<std::uint32_t> kept_until_;  // Of the stashes that are kept now.
  SpillForecast result_;
};

}  // namespace

std::vector<std::uint32_t> count_own_grains(const InPlacePlan& plan, const InPlaceOptions& options,
                                            std::uint64_t source_bytes,
                                            std::uint64_t target_bytes) {
  StaleGrains stale(options, source_bytes);
  std::vector<std::uint32_t> counts;
  std::vector<std::uint64_t> own;
  for (const InPlaceStep& it : plan.steps) {
    const std::uint64_t begin = std::uint64_t{it.group} * options.group_bytes;
    const std::uint64_t end = std::min<std::uint64_t>(begin + options.group_bytes, target_bytes);
    const GrainRange around = stale.around(it.group);
    own.clear();
    for_each_copy(plan.cover, begin, end, [&](const Match& copy) {
      const std::uint64_t first = std::max(copy.source_offset / kGrainBytes, around.begin);
      const std::uint64_t last =
          std::min((copy.source_offset + copy.bytes - 1) / kGrainBytes + 1, around.end);
      for (std::uint64_t grain = first; grain < last; ++grain) {
        if (!stale.contains(grain)) own.push_back(grain);
      }
    });
    std::ranges::sort(own);
    const auto repeated = std::ranges::unique(own);
    own.erase(repeated.begin(), repeated.end());
    std::erase_if(own, [&](std::uint64_t grain) {
      return std::ranges::binary_search(it.kept, static_cast<std::uint32_t>(grain));
    });
    counts.push_back(static_cast<std::uint32_t>(own.size()));
    stale.overwrite(it.group);
  }
  return counts;
}

std::optional<SpillForecast> forecast_spill(const InPlacePlan& plan,
                                            const std::vector<std::uint32_t>& own_grains,
                                            const std::vector<ChunkPlan>& chunks,
                                            const InPlaceOptions& options,
                                            std::uint32_t reserve_blocks) {
  Forecast forecast(plan, own_grains, options, reserve_blocks);
  if (!forecast.run(chunks)) return std::nullopt;
  return forecast.result();
}

}  // namespace romdelta::pkgtool
