// In-place reads: which groups of the slot are written, and what each of them reads of the source.
//
// A *step* writes one group. Steps have numbers here in the order of their groups; in which order
// they are done is another matter (step_order.h). A *grain* is 64 bytes of the source: the unit in
// which bytes are saved before they are overwritten.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "pkgtool/cover.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

inline constexpr std::uint64_t kGrainBytes = 64;

// A group that holds one repeated byte before and after, and may be lent in between.
struct InPlaceHole {
  std::uint32_t group = 0;
  std::uint8_t fill = 0;
  friend bool operator==(const InPlaceHole&, const InPlaceHole&) = default;
};

struct GrainRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class InPlaceReads {
 public:
  // `source` is what is copied from: `raw_source` with its references rewritten, or the same.
  // `margin_bytes`: a grain cannot be had any more when bytes so close to it were overwritten.
  InPlaceReads(ByteSpan raw_source, ByteSpan source, ByteSpan target, const Cover& cover,
               std::uint32_t group_bytes, std::uint32_t margin_bytes);

  std::size_t step_count() const { return groups_.size(); }
  std::uint32_t group(std::size_t step) const { return groups_[step]; }
  std::span<const Match> reads(std::size_t step) const {
    return std::span(reads_).subspan(first_read_[step], first_read_[step + 1] - first_read_[step]);
  }
  std::uint64_t read_bytes() const;

  std::size_t grain_count() const { return is_zero_.size(); }
  // A grain that cannot be had reads as zeros: one that holds nothing else is never missed.
  bool is_zero(std::uint64_t grain) const { return is_zero_[grain]; }
  // What `read` touches.
  GrainRange grains(const Match& read) const {
    return {read.source_offset / kGrainBytes,
            (read.source_offset + read.bytes - 1) / kGrainBytes + 1};
  }
  // What cannot be had once this step's group was overwritten.
  GrainRange overwritten(std::size_t step) const;
  // Calls f(step) for each step that overwrites `grain`, in ascending order.
  template <typename F>
  void for_each_writer(std::uint64_t grain, F f) const {
    const std::uint64_t begin = grain * kGrainBytes;
    const std::uint64_t first = (begin - std::min<std::uint64_t>(begin, margin_bytes_));
    const std::uint64_t last = begin + kGrainBytes - 1 + margin_bytes_;
    for (std::uint64_t group = first / group_bytes_; group <= last / group_bytes_; ++group) {
      if (group < step_of_group_.size() && step_of_group_[group] != kNoStep)
        f(step_of_group_[group]);
    }
  }

  std::span<const InPlaceHole> hole_candidates() const { return hole_candidates_; }

  // Takes what is lost out of the reads, and what is left too short beside it: a pair each of step
  // and grain.
  struct Loss {
    std::uint32_t step = 0;
    std::uint32_t grain = 0;
    friend auto operator<=>(const Loss&, const Loss&) = default;
  };
  void lose(std::vector<Loss> losses);

  // The reads, in target order, joined where they go on across a group's end.
  Cover cover() const;

 private:
  static constexpr std::uint32_t kNoStep = 0xffffffff;

  void find_steps(ByteSpan raw_source, ByteSpan target);
  void find_holes(ByteSpan raw_source, ByteSpan target);
  void cut_cover(const Cover& cover);
  void find_zeros(ByteSpan source);

  std::uint64_t group_bytes_;
  std::uint64_t margin_bytes_;
  std::vector<std::uint32_t> step_of_group_;
  std::vector<std::uint32_t> groups_;  // Of each step.
  std::vector<Match> reads_;           // Each inside one group, in target order.
  std::vector<std::size_t> first_read_;
  std::vector<bool> is_zero_;  // Of each grain.
  std::vector<InPlaceHole> hole_candidates_;
};

}  // namespace romdelta::pkgtool
