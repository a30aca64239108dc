#include "pkgtool/image_layout.h"

#include <algorithm>
#include <limits>

#include "installer/references.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint64_t kAddressesMax = std::uint64_t{1} << 32;

// Bases of raw images are looked for at multiples of these, and this many words decide.
constexpr std::uint64_t kCoarseBytes = 4096;
constexpr std::uint64_t kFineBytes = 16;
constexpr std::size_t kWordsMax = 1000;
constexpr std::size_t kWordsMin = 8;

// A base is believed when this part of the words agree with it; or a smaller part, when it is so
// many times what other bases get on average.
constexpr std::size_t kLikelyShare = 4;
constexpr std::size_t kUnlikelyShare = 16;
constexpr std::size_t kStandsOut = 5;

// A word that changed by a plausible distance: an address, perhaps.
struct ChangedWord {
  std::uint64_t value = 0;
  std::uint64_t shift = 0;
};

// How far the byte at a source offset moved by most copies around it.
class CoverShifts {
 public:
  explicit CoverShifts(const Cover& cover) : matches_(cover) {
    std::ranges::sort(matches_, {}, &Match::source_offset);
  }
  bool agrees(std::uint64_t offset, std::uint64_t shift) const {
    auto after = std::ranges::partition_point(
        matches_, [&](const Match& match) { return match.source_offset <= offset; });
    // Copies of one place may overlap; those that begin shortly before are looked at.
    for (int i = 0; i < 4 && after != matches_.begin(); ++i) {
      --after;
      if (offset - after->source_offset < after->bytes) {
        return after->target_offset - after->source_offset == shift;
      }
    }
    return false;
  }

 private:
  Cover matches_;
};

class BaseFinder {
 public:
  BaseFinder(ByteSpan source, ByteSpan target, const Cover& cover)
      : source_(source), target_(target), cover_(cover), shifts_(cover) {}

  std::uint64_t run() const {
    const std::uint64_t narrow = find(changed_words<4>());
    return narrow != 0 ? narrow : find(changed_words<8>());
  }

 private:
  template <std::uint64_t bytes>
  std::vector<ChangedWord> changed_words() const {
    const ImageView source(source_.data(), 0, source_.size());
    const ImageView target(target_.data(), 0, target_.size());
    std::vector<ChangedWord> words;
    for (const Match& match : cover_) {
      const std::uint64_t end = match.source_offset + match.bytes;
      for (std::uint64_t at = round_up(match.source_offset, bytes); at + bytes <= end;
           at += bytes) {
        const std::uint64_t to = at - match.source_offset + match.target_offset;
        const std::uint64_t before = bytes == 4 ? source.u32(at) : source.u64(at);
        const std::uint64_t after = bytes == 4 ? target.u32(to) : target.u64(to);
        const std::uint64_t shift = after - before;
        if (shift != 0 && shift + source_.size() / 4 < source_.size() / 2) {
          words.push_back({before, shift});
        }
      }
    }
    return words;
  }

  // Where most of the words lie within the size of the image.
  std::vector<ChangedWord> cluster(std::vector<ChangedWord> words) const {
    std::ranges::sort(words, {}, &ChangedWord::value);
    std::size_t best = 0;
    std::size_t best_count = 0;
    std::size_t end = 0;
    for (std::size_t begin = 0; begin < words.size(); ++begin) {
      while (end < words.size() && words[end].value - words[begin].value < source_.size()) ++end;
      if (end - begin > best_count) {
        best = begin;
        best_count = end - begin;
      }
    }
    std::vector<ChangedWord> result;
    const std::size_t every = std::max<std::size_t>(1, best_count / kWordsMax);
    for (std::size_t i = 0; i < best_count; i += every) result.push_back(words[best + i]);
    return result;
  }

  // 0: none is likely.
  std::uint64_t find(std::vector<ChangedWord> all) const {
    const std::vector<ChangedWord> words = cluster(std::move(all));
    if (words.size() < kWordsMin) return 0;
    const std::uint64_t lowest = words.front().value;
    // The image begins at most its own size before the lowest address; what lies above it may be
    // memory that is not in the image.
    const std::uint64_t first =
        lowest >= source_.size() ? (lowest - source_.size()) / kCoarseBytes * kCoarseBytes : 0;
    std::uint64_t best = 0;
    std::size_t best_score = 0;
    std::size_t score_sum = 0;
    const auto consider = [&](std::uint64_t base) {
      const std::size_t score = score_of(base, words);
      score_sum += score;
      if (score <= best_score) return;
      best_score = score;
      best = base;
    };
    // Counted, since addresses may lie close to the largest number.
    const std::uint64_t coarse_count = (lowest - first) / kCoarseBytes + 1;
    for (std::uint64_t i = 0; i < coarse_count; ++i) consider(first + i * kCoarseBytes);
    // Most of them agree, or at least far more than with any other base.
    const bool is_likely = best_score * kLikelyShare > words.size();
    const bool stands_out = best_score * kUnlikelyShare > words.size() &&
                            best_score * coarse_count > score_sum * kStandsOut;
    if (!is_likely && !stands_out) return 0;
    const std::uint64_t from = best - std::min(best, kCoarseBytes);
    constexpr std::uint64_t fine_count = 2 * kCoarseBytes / kFineBytes;
    for (std::uint64_t i = 0; i < fine_count; ++i) consider(from + i * kFineBytes);
    return best;
  }

  std::size_t score_of(std::uint64_t base, const std::vector<ChangedWord>& words) const {
    std::size_t score = 0;
    for (const ChangedWord& word : words) {
      if (shifts_.agrees(word.value - base, word.shift)) ++score;
    }
    return score;
  }

  ByteSpan source_;
  ByteSpan target_;
  const Cover& cover_;
  CoverShifts shifts_;
};

// The sections that have the same name in both images.
std::vector<Table> find_tables(ByteSpan source, ByteSpan target, std::uint64_t base) {
  std::vector<Table> tables;
  const std::vector<Section> others = elf_sections(target);
  for (const Section& section : elf_sections(source)) {
    const auto other = std::ranges::find(others, section.name, &Section::name);
    if (section.address <= base || other == others.end()) continue;
    if (!tables.empty() && section.offset < tables.back().end) continue;
    tables.push_back({section.offset, section.offset + section.bytes, section.address - base,
                      other->address - base});
  }
  if (tables.empty()) tables.push_back({0, source.size(), 0, 0});
  return tables;
}

}  // namespace

ImageLayout::ImageLayout(std::vector<Segment> segments, std::uint64_t base)
    : segments_(std::move(segments)) {
  for (Segment& segment : segments_) segment.address -= base;
}

std::optional<std::uint64_t> ImageLayout::address(std::uint64_t offset) const {
  const auto after = std::ranges::partition_point(
      segments_, [&](const Segment& segment) { return segment.offset <= offset; });
  if (after == segments_.begin()) return std::nullopt;
  const Segment& segment = *(after - 1);
  if (offset - segment.offset >= segment.bytes) return std::nullopt;
  return segment.address + (offset - segment.offset);
}

std::uint64_t ImageLayout::address_end() const {
  std::uint64_t end = 0;
  for (const Segment& segment : segments_) {
    end = std::max(end, segment.address + segment.memory_bytes);
  }
  return end;
}

std::vector<MapStep> ImageLayout::steps() const {
  std::vector<MapStep> steps;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    const std::uint64_t end = segment.offset + segment.bytes;
    steps.push_back(
        {static_cast<std::uint32_t>(segment.offset), static_cast<std::uint32_t>(segment.address)});
    const bool has_gap = i + 1 == segments_.size() || segments_[i + 1].offset > end;
    if (has_gap) steps.push_back({static_cast<std::uint32_t>(end), AddressMap::no_address});
  }
  return steps;
}

std::optional<ImageLayouts> find_layouts(ByteSpan source, ByteSpan target, const Cover& cover) {
  if (source.size() >= kAddressesMax || target.size() >= kAddressesMax) return std::nullopt;
  std::vector<Segment> from = elf_segments(source);
  std::vector<Segment> to = elf_segments(target);
  std::uint64_t base = std::numeric_limits<std::uint64_t>::max();
  if (from.empty() || to.empty()) {
    base = BaseFinder(source, target, cover).run();
    from = {{0, source.size(), base, source.size()}};
    to = {{0, target.size(), base, target.size()}};
  } else {
    // ADRP and the like count in pages.
    for (const Segment& segment : from)
      base = std::min(base, segment.address & ~std::uint64_t{4095});
  }
  ImageLayouts layouts{base, ImageLayout(from, base), ImageLayout(to, base),
                       find_tables(source, target, base)};
  if (layouts.source.address_end() >= AddressMap::no_address) return std::nullopt;
  return layouts;
}

}  // namespace romdelta::pkgtool
