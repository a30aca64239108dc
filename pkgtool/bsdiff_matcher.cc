#include "pkgtool/matcher.h"

#include <algorithm>

#include "installer/simd/kernels.h"
#include "pkgtool/block_index.h"
#include "pkgtool/suffix_array.h"

namespace romdelta::pkgtool {
namespace {

// A new alignment must explain this many bytes more than the current one: a triple of control and
// the compression that it costs. 6 gave the smallest payloads on firmware (4 to 24 were tried).
constexpr std::size_t kGainBytes = 6;

// Where the current alignment agrees for this long no other is looked for.
constexpr std::size_t kSureBytes = 16;

// Shorter matches are met by chance too often to be worth planning with.
constexpr std::uint64_t kSeedBytes = 8;

// Seeds of one alignment need not lie closer.
constexpr std::uint64_t kSeedDistanceBytes = 32;

// Bytes between two reports of progress.
constexpr std::uint64_t kReportBytes = 1 << 20;

// How many bytes an alignment is worth extending by, when the i-th step agrees where agrees(i): as
// long as more than half of what was added agrees.
template <typename Agrees>
std::uint64_t best_extension(std::uint64_t most, Agrees agrees) {
  std::int64_t score = 0;
  std::int64_t best_score = 0;
  std::uint64_t best = 0;
  for (std::uint64_t i = 0; i < most; ++i) {
    score += agrees(i) ? 1 : -1;
    if (score > best_score) {
      best_score = score;
      best = i + 1;
    }
  }
  return best;
}

template <typename Index>
class BsdiffMatcher {
 public:
  BsdiffMatcher(ByteSpan source, ByteSpan target, const StageProgress& progress)
      : source_(source),
        target_(target),
        progress_(progress),
        kernels_(best_kernels()),
        index_(source) {}

  Matches run() {
    std::uint64_t at = 0;
    while (at < target_.size()) {
      report(at);
      const std::uint64_t agreed = agreement(at);
      if (agreed >= kSureBytes || at + agreed == target_.size()) {
        at += agreed;
        continue;
      }
      const LongestMatch match = index_.find(target_.subspan(at));
      if (match.bytes >= kSeedBytes) add_seed({at, match.source_offset});
      if (match.bytes > agreed + kGainBytes && current_misses_more(at, match)) {
        begin_alignment(at, match.source_offset);
        at += match.bytes;
      } else {
        ++at;
      }
    }
    end_alignment(target_.size(), 0);
    add_seeds_of_cover();
    return {std::move(cover_), std::move(seeds_)};
  }

 private:
  void add_seed(const Seed& seed) {
    const bool is_near = !seeds_.empty() && seeds_.back().shift() == seed.shift() &&
                         seed.target_offset - seeds_.back().target_offset < kSeedDistanceBytes;
    if (!is_near) seeds_.push_back(seed);
  }

  void add_seeds_of_cover() {
    for (const Match& match : cover_) {
      for (std::uint64_t i = 0; i < match.bytes; i += 2 * kSeedDistanceBytes) {
        seeds_.push_back({match.target_offset + i, match.source_offset + i});
      }
    }
    std::ranges::stable_sort(seeds_, {}, &Seed::target_offset);
  }

  // Where the current alignment puts target offset `at`; beyond the source when it leaves it.
  std::uint64_t aligned(std::uint64_t at) const { return at - target_begin_ + source_begin_; }

  // How many bytes from `at` agree under the current alignment.
  std::uint64_t agreement(std::uint64_t at) const {
    const std::uint64_t from = aligned(at);
    if (from >= source_.size()) return 0;
    const std::uint64_t most = std::min(source_.size() - from, target_.size() - at);
    return kernels_.mismatch(source_.data() + from, target_.data() + at,
                             static_cast<std::size_t>(most));
  }

  // True when the current alignment misses more than kGainBytes of what `match` explains.
  bool current_misses_more(std::uint64_t at, const LongestMatch& match) const {
    if (aligned(at) == match.source_offset) return false;
    std::uint64_t misses = 0;
    std::uint64_t i = 0;
    while (i < match.bytes) {
      const std::uint64_t agreed = agreement(at + i);
      i += agreed;
      if (i >= match.bytes) break;
      if (++misses > kGainBytes) return true;
      ++i;
    }
    return false;
  }

  void begin_alignment(std::uint64_t target_at, std::uint64_t source_at) {
    const std::uint64_t backward = end_alignment(target_at, source_at);
    target_begin_ = target_at - backward;
    source_begin_ = source_at - backward;
  }

  // Closes the current alignment before one that begins at (target_at, source_at). Returns by how
  // much the new one grows backwards.
  std::uint64_t end_alignment(std::uint64_t target_at, std::uint64_t source_at) {
    const std::uint64_t gap = target_at - target_begin_;
    const std::uint64_t in_source =
        source_begin_ < source_.size() ? source_.size() - source_begin_ : 0;
    std::uint64_t forward = best_extension(std::min(gap, in_source), [&](std::uint64_t i) {
      return source_[source_begin_ + i] == target_[target_begin_ + i];
    });
    std::uint64_t backward = 0;
    if (target_at < target_.size()) {
      backward = best_extension(std::min(gap, source_at), [&](std::uint64_t i) {
        return source_[source_at - 1 - i] == target_[target_at - 1 - i];
      });
    }
    if (forward + backward > gap) {
      const std::uint64_t kept = divide_overlap(target_at, source_at, forward, backward);
      backward = gap - kept;
      forward = kept;
    }
    if (forward != 0) cover_.push_back({target_begin_, source_begin_, forward});
    return backward;
  }

  // Both extensions claim the same bytes: returns how many bytes of the gap stay with the current
  // alignment, where giving the rest to the next one keeps most bytes equal.
  std::uint64_t divide_overlap(std::uint64_t target_at, std::uint64_t source_at,
                               std::uint64_t forward, std::uint64_t backward) const {
    const std::uint64_t gap = target_at - target_begin_;
    const std::uint64_t first = gap - backward;
    std::int64_t score = 0;
    std::int64_t best_score = 0;
    std::uint64_t best = first;
    for (std::uint64_t i = first; i < forward; ++i) {
      const std::uint8_t wanted = target_[target_begin_ + i];
      if (source_[source_begin_ + i] == wanted) ++score;
      if (source_[source_at - gap + i] == wanted) --score;
      if (score > best_score) {
        best_score = score;
        best = i + 1;
      }
    }
    return best;
  }

  void report(std::uint64_t at) {
    if (at < next_report_ || !progress_) return;
    next_report_ = at + kReportBytes;
    progress_("match", at, target_.size());
  }

  ByteSpan source_;
  ByteSpan target_;
  const StageProgress& progress_;
  const Kernels& kernels_;
  Index index_;
  Cover cover_;
  std::vector<Seed> seeds_;
  // The current alignment: target_begin_ comes from source_begin_.
  std::uint64_t target_begin_ = 0;
  std::uint64_t source_begin_ = 0;
  std::uint64_t next_report_ = 0;
};

}  // namespace

Cover match_images(ByteSpan source, ByteSpan target, const StageProgress& progress) {
  return find_matches(source, target, progress).cover;
}

Matches find_matches(ByteSpan source, ByteSpan target, const StageProgress& progress) {
  if (source.empty() || target.empty()) return {};
  if (progress) progress("index", 0, source.size());
  return BsdiffMatcher<SuffixArray>(source, target, progress).run();
}

Cover match_roughly(ByteSpan source, ByteSpan target) {
  if (source.empty() || target.empty()) return {};
  const StageProgress no_progress;
  return BsdiffMatcher<BlockIndex>(source, target, no_progress).run().cover;
}

}  // namespace romdelta::pkgtool
