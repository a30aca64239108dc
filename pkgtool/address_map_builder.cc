#include "pkgtool/address_map_builder.h"

#include <algorithm>
#include <array>

#include "installer/rebaser.h"
#include "pkgtool/image_layout.h"
#include "pkgtool/matcher.h"
#include "pkgtool/parallel.h"
#include "pkgtool/reference_survey.h"
#include "pkgtool/shift_planner.h"

namespace romdelta::pkgtool {
namespace {

// Regions begin and end at multiples of this.
constexpr std::uint64_t kPageBytes = 256;

// Estimates of what codec context spends, in bits.
constexpr std::int32_t kRightBits = 12;   // A reference that comes out right, and did not before.
constexpr std::int32_t kRepeatBits = 4;   // The same, but it differs as the one before it did.
constexpr std::int32_t kWrongBits = 16;   // One that was right before.
constexpr std::int32_t kDoubtBits = 12;   // One that is right neither way, where all should be.
constexpr std::int32_t kMissBits = 10;    // A place that moved otherwise than the map says.
constexpr std::int64_t kRegionBits = 36;  // A step of the regions,
constexpr std::int64_t kStepBits = 26;    // and of the shifts.
constexpr std::int64_t kStepBitsMax = 1 << 16;

// Of copies, how often their shift counts as evidence.
constexpr std::uint64_t kCopyEvidenceBytes = 32;

// A rule that gains less than this part of what the best one does is not worth the time.
constexpr std::int64_t kWorthLookingAt = 50;

// A map that saves less than a bit for so many bytes is not worth a second look.
constexpr std::int64_t kBytesForSecondLook = 32;

// How often regions and shifts are found from each other,
// and the part of what is gained that another round must promise.
constexpr int kRounds = 3;
constexpr std::int64_t kRoundShare = 200;

constexpr std::array<std::uint32_t, 4> kDataRules = {rules::absolute32, rules::absolute64,
                                                     rules::relative32, rules::anchored32};

constexpr std::uint64_t kNoAddress = ~std::uint64_t{0};

// Images from this size on are judged by a sample before all of them is looked at.
constexpr std::uint64_t kSampleFromBytes = 1 << 20;

// Those of one rule.
struct Group {
  std::uint32_t rule = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The shifts of a map, looked up fast.
class ShiftTable {
 public:
  explicit ShiftTable(const std::vector<MapStep>& steps) : steps_(steps) {
    if (steps.empty()) return;
    starts_.resize((std::size_t{steps.back().begin} >> kPageShift) + 2);
    std::size_t next = 0;
    for (std::size_t page = 0; page < starts_.size(); ++page) {
      while (next < steps.size() && steps[next].begin <= std::uint64_t{page} << kPageShift) ++next;
      starts_[page] = static_cast<std::uint32_t>(next);
    }
  }

  // no_shift when it is no address.
  std::uint32_t at(std::uint32_t address) const {
    const std::size_t page = std::min<std::size_t>(address >> kPageShift, starts_.size() - 1);
    if (starts_.empty()) return AddressMap::no_shift;
    std::size_t next = starts_[page];
    while (next < steps_.size() && steps_[next].begin <= address) ++next;
    return next == 0 ? AddressMap::no_shift : steps_[next - 1].value;
  }

 private:
  static constexpr unsigned kPageShift = 12;
  const std::vector<MapStep>& steps_;
  std::vector<std::uint32_t> starts_;  // The first step after the begin of each page.
};

// Whether a rule holds, page by page, so that what it gains less what its changes cost is most.
std::vector<bool> best_pages(const std::vector<std::int32_t>& gains) {
  std::vector<std::array<bool, 2>> switched(gains.size());
  std::array<std::int64_t, 2> score = {0, -kRegionBits};
  for (std::size_t i = 0; i < gains.size(); ++i) {
    const std::array<std::int64_t, 2> before = score;
    for (std::size_t on = 0; on < 2; ++on) {
      const std::int64_t changed = before[1 - on] - kRegionBits;
      switched[i][on] = changed > before[on];
      score[on] = std::max(before[on], changed) + (on == 1 ? gains[i] : 0);
    }
  }
  std::vector<bool> result(gains.size());
  std::size_t on = score[1] > score[0] ? 1 : 0;
  for (std::size_t i = gains.size(); i-- != 0;) {
    result[i] = on == 1;
    if (switched[i][on]) on = 1 - on;
  }
  return result;
}

class MapBuilder {
 public:
  MapBuilder(ByteSpan source, ByteSpan target, const Cover& cover, const ImageLayouts& layouts)
      : source_(source), cover_(cover), layouts_(layouts), survey_(source, target, cover, layouts) {
    result_.base = layouts.base;
    result_.segments = layouts.source.steps();
  }

  BuiltMap run(std::size_t step_count_max) {
    copies_ = copy_evidence();
    ShiftPlanner planner(step_bits_);
    for (const Evidence& one : copies_) planner.add(one);
    result_.shifts = finish(planner.steps());
    if (result_.shifts.empty()) return {};
    find_candidates();
    result_.gain_bits = choose_regions();
    BuiltMap best = result_;
    for (int round = 0; round < kRounds && !result_.regions.empty(); ++round) {
      learn_shifts();
      result_.gain_bits = choose_regions();
      const std::int64_t better = result_.gain_bits - best.gain_bits;
      if (better > 0) best = result_;
      if (better * kRoundShare < best.gain_bits) break;
    }
    result_ = std::move(best);
    // A coarser map, if need be.
    while (result_.step_count() > step_count_max && step_bits_ < kStepBitsMax) {
      step_bits_ *= 2;
      learn_shifts();
      result_.gain_bits = choose_regions();
    }
    const bool is_good = result_.gain_bits > 0 && result_.step_count() <= step_count_max;
    return is_good ? std::move(result_) : BuiltMap{};
  }

 private:
  // What the copies say by themselves.
  std::vector<Evidence> copy_evidence() const {
    std::vector<Evidence> evidence;
    for (const Match& match : cover_) {
      for (std::uint64_t at = 0; at < match.bytes; at += kCopyEvidenceBytes) {
        const auto from = layouts_.source.address(match.source_offset + at);
        const auto to = layouts_.target.address(match.target_offset + at);
        if (from && to && is_plausible_move(*to - *from)) {
          evidence.push_back({static_cast<std::uint32_t>(*from),
                              static_cast<std::uint32_t>(*to - *from), kMissBits});
        }
      }
    }
    std::ranges::stable_sort(evidence, {}, &Evidence::address);
    return evidence;
  }

  // Ends the shifts where the addresses end.
  std::vector<MapStep> finish(std::vector<MapStep> shifts) const {
    if (shifts.empty()) return shifts;
    shifts.front().begin = 0;
    const auto end = static_cast<std::uint32_t>(layouts_.source.address_end());
    while (!shifts.empty() && shifts.back().begin >= end) shifts.pop_back();
    shifts.push_back({end, AddressMap::no_shift});
    return shifts;
  }

  // --- Rules that pay. ---

  void find_candidates() {
    std::vector<std::uint32_t> wanted;
    std::uint32_t code = rules::none;
    std::int64_t code_gain = 0;
    for (std::uint32_t i = 1; i < rules::code_end; ++i) {
      const std::int64_t sum = estimated_gain(i);
      if (sum <= code_gain) continue;
      code = i;
      code_gain = sum;
    }
    std::int64_t most = code_gain;
    std::array<std::int64_t, kDataRules.size()> gains{};
    for (std::size_t i = 0; i < gains.size(); ++i) {
      gains[i] = estimated_gain(kDataRules[i]);
      most = std::max(most, gains[i]);
    }
    if (code != rules::none) wanted.push_back(code);
    for (std::size_t i = 0; i < gains.size(); ++i) {
      if (gains[i] > most / kWorthLookingAt) wanted.push_back(kDataRules[i]);
    }
    // Room for all at once: there are many, and a vector that grows needs three times as much.
    std::size_t expected = 0;
    for (const std::uint32_t rule : wanted) expected += estimated_count_[rule];
    candidates_ = {};
    candidates_.reserve(expected + expected / 16);
    for (const std::uint32_t rule : wanted) {
      const std::size_t begin = candidates_.size();
      survey_.collect(rule, result_.map(), false, &candidates_);
      groups_.push_back({rule, begin, candidates_.size()});
    }
    sort_evidence();
  }

  // What a rule would gain where it gains anything, by a sample of large images.
  std::int64_t estimated_gain(std::uint32_t rule) {
    candidates_.clear();
    const bool sample = source_.size() >= kSampleFromBytes;
    survey_.collect(rule, result_.map(), sample, &candidates_);
    estimated_count_[rule] = candidates_.size() * (sample ? ReferenceSurvey::sample_every : 1);
    const ShiftTable shifts(result_.shifts);
    std::vector<std::int32_t> gains(page_count());
    for (const Candidate& candidate : candidates_) {
      gains[candidate.offset / kPageBytes] += gain(candidate, shifts);
    }
    const std::vector<bool> on = best_pages(gains);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < gains.size(); ++i) sum += on[i] ? gains[i] : 0;
    return sum - kRegionBits;
  }

  // In the order of addresses, once: which of it counts changes from round to round.
  void sort_evidence() {
    by_target_.reserve(candidates_.size());
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const Candidate& candidate = candidates_[i];
      by_target_.push_back(std::uint64_t{candidate.target} << 32 | i);
      if (candidate.is_relative) by_place_.push_back(std::uint64_t{candidate.place} << 32 | i);
    }
    std::ranges::sort(by_target_);
    std::ranges::sort(by_place_);
  }

  std::size_t page_count() const { return source_.size() / kPageBytes + 1; }

  // What rewriting a reference gains, in bits.
  static std::int32_t gain(const Candidate& candidate, const ShiftTable& shifts) {
    const std::uint32_t target_shift = shifts.at(candidate.target);
    if (target_shift == AddressMap::no_shift) return 0;
    std::uint32_t wanted = candidate.target_move;
    std::uint32_t made = target_shift;
    if (candidate.is_relative) {
      const std::uint32_t place_shift = shifts.at(candidate.place);
      wanted -= candidate.place_move;
      made -= place_shift == AddressMap::no_shift ? 0 : place_shift;
    }
    const bool is_right = made == wanted;
    if (is_right == candidate.is_same) {
      // A table of offsets is nothing but offsets.
      const bool is_doubtful = candidate.rule == rules::anchored32 && !is_right;
      return is_doubtful ? -kDoubtBits : 0;
    }
    if (!is_right) return -kWrongBits;
    return candidate.is_repeat ? kRepeatBits : kRightBits;
  }

  // --- Regions by shifts, and shifts by regions. ---

  // Returns what the regions gain, less what they and the shifts cost, in bits.
  std::int64_t choose_regions() {
    const ShiftTable shifts(result_.shifts);
    std::vector<std::uint32_t> pages(page_count());
    std::int64_t gain_bits = -kStepBits * static_cast<std::int64_t>(result_.shifts.size());
    for (const Group& group : groups_) {
      std::vector<std::int32_t> gains(pages.size());
      for (std::size_t i = group.begin; i < group.end; ++i) {
        gains[candidates_[i].offset / kPageBytes] += gain(candidates_[i], shifts);
      }
      const std::vector<bool> on = best_pages(gains);
      for (std::size_t i = 0; i < pages.size(); ++i) {
        if (!on[i]) continue;
        pages[i] |= group.rule;
        gain_bits += gains[i];
      }
    }
    set_anchors(pages);
    result_.regions.clear();
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const std::uint32_t before = i == 0 ? std::uint32_t{rules::none} : pages[i - 1];
      if (pages[i] == before) continue;
      result_.regions.push_back({static_cast<std::uint32_t>(i * kPageBytes), pages[i]});
      gain_bits -= kRegionBits;
    }
    return gain_bits;
  }

  // The begins of the tables that are used.
  void set_anchors(const std::vector<std::uint32_t>& pages) {
    result_.anchors.clear();
    for (const Table& table : layouts_.tables) {
      const auto first = pages.begin() + static_cast<std::ptrdiff_t>(table.offset / kPageBytes);
      const auto last =
          pages.begin() + static_cast<std::ptrdiff_t>(round_up(table.end, kPageBytes) / kPageBytes);
      const bool is_used = std::any_of(
          first, last, [](std::uint32_t page) { return (page & rules::anchored32) != 0; });
      if (!is_used) continue;
      result_.anchors.push_back({static_cast<std::uint32_t>(table.offset),
                                 static_cast<std::uint32_t>(table.source_address)});
    }
  }

  // By the copies and all references of the regions.
  void learn_shifts() {
    std::vector<bool> counts(candidates_.size());
    MapCursor regions(result_.regions);
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const MapStep* region = regions.find(candidates_[i].offset);
      const bool is_code = candidates_[i].rule < rules::code_end;
      const std::uint32_t mask = is_code ? std::uint32_t{rules::code_mask} : candidates_[i].rule;
      counts[i] = region != nullptr && (region->value & mask) == candidates_[i].rule;
    }
    // Three sorted lists, merged.
    ShiftPlanner planner(step_bits_);
    std::size_t copy = 0;
    std::size_t place = 0;
    std::size_t target = 0;
    const auto next = [](const std::vector<std::uint64_t>& entries, std::size_t at) {
      return at < entries.size() ? entries[at] >> 32 : kNoAddress;
    };
    while (true) {
      const std::uint64_t copy_at = copy < copies_.size() ? copies_[copy].address : kNoAddress;
      const std::uint64_t place_at = next(by_place_, place);
      const std::uint64_t target_at = next(by_target_, target);
      const std::uint64_t first = std::min({copy_at, place_at, target_at});
      if (first == kNoAddress) break;
      if (copy_at == first) {
        planner.add(copies_[copy++]);
      } else if (place_at == first) {
        const std::size_t i = by_place_[place++] & 0xffffffff;
        const Candidate& one = candidates_[i];
        if (counts[i]) planner.add({one.place, one.place_move, kMissBits});
      } else {
        const std::size_t i = by_target_[target++] & 0xffffffff;
        const Candidate& one = candidates_[i];
        const std::int32_t weight = one.is_repeat ? kRepeatBits : kMissBits;
        if (counts[i]) planner.add({one.target, one.target_move, weight});
      }
    }
    result_.shifts = finish(planner.steps());
  }

  ByteSpan source_;
  const Cover& cover_;
  const ImageLayouts& layouts_;
  ReferenceSurvey survey_;
  BuiltMap result_;
  std::int64_t step_bits_ = kStepBits;
  std::vector<Candidate> candidates_;
  std::vector<Group> groups_;
  std::array<std::size_t, rules::all_mask + 1> estimated_count_{};  // By rule.
  std::vector<Evidence> copies_;
  // An address in the upper half, in the lower which of candidates_ it is of.
  std::vector<std::uint64_t> by_target_;
  std::vector<std::uint64_t> by_place_;
};

}  // namespace

BuiltMap build_address_map(ByteSpan source, ByteSpan target, const Cover& cover,
                           std::size_t step_count_max) {
  const auto layouts = find_layouts(source, target, cover);
  if (!layouts) return {};
  return MapBuilder(source, target, cover, *layouts).run(step_count_max);
}

BuiltMap find_address_map(ByteSpan source, ByteSpan target, std::size_t step_count_max,
                          unsigned thread_count, const StageProgress& progress) {
  if (progress) progress("map", 0, 2);
  const Cover raw = match_roughly(source, target);
  BuiltMap first = build_address_map(source, target, raw, step_count_max);
  const std::int64_t much = static_cast<std::int64_t>(source.size()) / kBytesForSecondLook;
  if (first.gain_bits < much) return first;
  if (progress) progress("map", 1, 2);
  // The rewritten image goes before the next map needs memory.
  const Cover better = match_roughly(rebase_image(source, first.map(), thread_count), target);
  BuiltMap second = build_address_map(source, target, better, step_count_max);
  return second.gain_bits > first.gain_bits ? second : first;
}

Bytes rebase_image(ByteSpan source, const AddressMap& map, unsigned thread_count) {
  constexpr std::uint64_t piece_bytes = 256 << 10;
  Bytes result(source.begin(), source.end());
  const Rebaser rebaser(map);
  const std::size_t count = (source.size() + piece_bytes - 1) / piece_bytes;
  parallel_for(count, thread_count, [&](std::size_t i) {
    const std::size_t begin = i * piece_bytes;
    const std::size_t bytes = std::min<std::size_t>(piece_bytes, source.size() - begin);
    rebaser.rewrite(source, 0, MutableByteSpan(result).subspan(begin, bytes), begin);
  });
  return result;
}

}  // namespace romdelta::pkgtool
