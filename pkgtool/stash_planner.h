// Stash planner: (reads, order) -> what each step saves before it overwrites its group.
#pragma once

#include <cstdint>
#include <vector>

#include "pkgtool/spill_model.h"
#include "pkgtool/step_order.h"

namespace romdelta::pkgtool {

struct InPlaceStep {
  std::uint32_t group = 0;  // Of group_bytes in the target.
  // Grains of the source that are saved before the group is overwritten, ascending: those that only
  // this step needs, and those that later steps need (and this one, maybe).
  std::vector<std::uint32_t> own;
  std::vector<std::uint32_t> kept;
  std::vector<std::uint32_t> kept_until;  // Of each of those: the step after which it may go.
  std::uint32_t kept_last_use = 0;        // The last of these.
  friend bool operator==(const InPlaceStep&, const InPlaceStep&) = default;
};

// Of each grain, when it is overwritten and when it is needed after that: as places in the order.
class StashPlanner {
 public:
  static constexpr std::uint32_t kNever = 0xffffffff;

  // A step may save in up to `parts_max` parts what later steps need, which go at different times.
  StashPlanner(const InPlaceReads& reads, const StepOrder& order, std::size_t parts_max);

  // The place of the step that overwrites `grain` first.
  std::uint32_t overwritten_at(std::uint64_t grain) const { return overwritten_at_[grain]; }
  // True when `grain`, which the step at `place` reads, has to be saved for it. Zeros are not for
  // later steps: what was not saved reads as that. A step's own stash is found by the device, which
  // does not look at the bytes.
  bool is_saved_for(std::uint64_t grain, std::uint32_t place) const {
    const std::uint32_t gone_at = overwritten_at_[grain];
    return gone_at <= place && (gone_at == place || !reads_.is_zero(grain));
  }

  // By place.
  std::vector<StashDemand> demands() const;
  std::vector<InPlaceStep> steps() const;

 private:
  void find_last_uses();
  void choose_parts(std::size_t parts_max);
  // Calls f(grain, place of the step that saves it, last use) for each that is saved, ascending.
  template <typename F>
  void for_each_saved(F f) const;

  const InPlaceReads& reads_;
  const StepOrder& order_;
  std::vector<std::uint32_t> overwritten_at_;  // kNever: stays.
  std::vector<std::uint32_t> last_use_;        // Of its part. kNever: not needed after that.
};

}  // namespace romdelta::pkgtool
