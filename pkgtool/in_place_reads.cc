#include "pkgtool/in_place_reads.h"

#include <algorithm>

#include "installer/simd/kernels.h"

namespace romdelta::pkgtool {
namespace {

// What a lost grain leaves of a copy is not worth a copy when it is shorter.
constexpr std::uint64_t kCopyBytesMin = 8;

bool is_filled(ByteSpan bytes, std::uint8_t fill) {
  return std::ranges::all_of(bytes, [&](std::uint8_t byte) { return byte == fill; });
}

// Appends `read` to `reads`, or makes the last one longer when it goes on there.
void append_joined(const Match& read, std::vector<Match>* reads) {
  if (!reads->empty()) {
    Match& last = reads->back();
    const bool goes_on = last.target_offset + last.bytes == read.target_offset &&
                         last.source_offset + last.bytes == read.source_offset;
    if (goes_on) {
      last.bytes += read.bytes;
      return;
    }
  }
  reads->push_back(read);
}

// Appends what is left of `read` without the grains in `lost`, which are sorted.
void append_left(const Match& read, std::span<const InPlaceReads::Loss> lost,
                 std::vector<Match>* reads) {
  const std::uint64_t end = read.source_offset + read.bytes;
  std::uint64_t at = read.source_offset;
  const auto append = [&](std::uint64_t until) {
    if (until < at + kCopyBytesMin) return;
    reads->push_back({read.target_offset + (at - read.source_offset), at, until - at});
  };
  auto next = std::ranges::lower_bound(lost, at / kGrainBytes, {}, &InPlaceReads::Loss::grain);
  if (next == lost.end() || next->grain * kGrainBytes >= end) {
    reads->push_back(read);
    return;
  }
  for (; next != lost.end() && next->grain * kGrainBytes < end; ++next) {
    const std::uint64_t grain_begin = next->grain * kGrainBytes;
    append(grain_begin);
    at = grain_begin + kGrainBytes;
  }
  append(end);
}

}  // namespace

InPlaceReads::InPlaceReads(ByteSpan raw_source, ByteSpan source, ByteSpan target,
                           const Cover& cover, std::uint32_t group_bytes,
                           std::uint32_t margin_bytes)
    : group_bytes_(group_bytes), margin_bytes_(margin_bytes) {
  find_steps(raw_source, target);
  find_holes(raw_source, target);
  cut_cover(cover);
  find_zeros(source);
}

void InPlaceReads::find_steps(ByteSpan raw_source, ByteSpan target) {
  const Kernels& kernels = best_kernels();
  const auto group_count =
      static_cast<std::size_t>(round_up(target.size(), group_bytes_) / group_bytes_);
  step_of_group_.assign(group_count, kNoStep);
  for (std::size_t group = 0; group < group_count; ++group) {
    const auto begin = static_cast<std::size_t>(group * group_bytes_);
    const std::size_t bytes =
        std::min(static_cast<std::size_t>(group_bytes_), target.size() - begin);
    const bool is_same =
        range_inside(begin, bytes, raw_source.size()) &&
        kernels.mismatch(raw_source.data() + begin, target.data() + begin, bytes) == bytes;
    if (is_same) continue;
    step_of_group_[group] = static_cast<std::uint32_t>(groups_.size());
    groups_.push_back(static_cast<std::uint32_t>(group));
  }
  // The format wants one step: of equal images the first group is written again.
  if (groups_.empty() && group_count != 0) {
    step_of_group_[0] = 0;
    groups_.push_back(0);
  }
}

void InPlaceReads::find_holes(ByteSpan raw_source, ByteSpan target) {
  const auto bytes = static_cast<std::size_t>(group_bytes_);
  for (std::size_t group = 0; group < step_of_group_.size(); ++group) {
    const std::size_t begin = group * bytes;
    if (step_of_group_[group] != kNoStep || !range_inside(begin, bytes, target.size()) ||
        !range_inside(begin, bytes, raw_source.size())) {
      continue;
    }
    const std::uint8_t fill = target[begin];
    if (!is_filled(target.subspan(begin, bytes), fill)) continue;
    hole_candidates_.push_back({static_cast<std::uint32_t>(group), fill});
  }
}

void InPlaceReads::cut_cover(const Cover& cover) {
  first_read_.push_back(0);
  const auto begin_step = [&](std::size_t step) {
    while (first_read_.size() <= step) first_read_.push_back(reads_.size());
  };
  for (const Match& match : cover) {
    std::uint64_t done = 0;
    while (done < match.bytes) {
      const std::uint64_t at = match.target_offset + done;
      const std::uint64_t bytes = std::min(match.bytes - done, group_bytes_ - at % group_bytes_);
      const std::uint32_t step = step_of_group_[static_cast<std::size_t>(at / group_bytes_)];
      if (step != kNoStep) {
        begin_step(step);
        reads_.push_back({at, match.source_offset + done, bytes});
      }
      done += bytes;
    }
  }
  begin_step(step_count());
}

void InPlaceReads::find_zeros(ByteSpan source) {
  const auto grain = static_cast<std::size_t>(kGrainBytes);
  is_zero_.resize((source.size() + grain - 1) / grain);
  for (std::size_t i = 0; i < is_zero_.size(); ++i) {
    const std::size_t begin = i * grain;
    is_zero_[i] = is_filled(source.subspan(begin, std::min(grain, source.size() - begin)), 0);
  }
}

std::uint64_t InPlaceReads::read_bytes() const {
  std::uint64_t bytes = 0;
  for (const Match& read : reads_) bytes += read.bytes;
  return bytes;
}

GrainRange InPlaceReads::overwritten(std::size_t step) const {
  const std::uint64_t begin = groups_[step] * group_bytes_;
  const std::uint64_t end = round_up(begin + group_bytes_ + margin_bytes_, kGrainBytes);
  return {(begin - std::min(begin, margin_bytes_)) / kGrainBytes,
          std::min<std::uint64_t>(end / kGrainBytes, grain_count())};
}

void InPlaceReads::lose(std::vector<Loss> losses) {
  std::ranges::sort(losses);
  std::vector<Match> left;
  std::vector<std::size_t> first{0};
  auto next = losses.begin();
  for (std::size_t step = 0; step < step_count(); ++step) {
    const auto begin = next;
    while (next != losses.end() && next->step == step) ++next;
    for (const Match& read : reads(step)) append_left(read, std::span(begin, next), &left);
    first.push_back(left.size());
  }
  reads_ = std::move(left);
  first_read_ = std::move(first);
}

Cover InPlaceReads::cover() const {
  Cover cover;
  for (const Match& read : reads_) append_joined(read, &cover);
  return cover;
}

}  // namespace romdelta::pkgtool
