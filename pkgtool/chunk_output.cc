#include "pkgtool/chunk_output.h"

#include "installer/script.h"
#include "installer/simd/kernels.h"

namespace romdelta::pkgtool {
namespace {

// Takes a script and forgets it.
struct ByteCounter {
  std::uint32_t bytes = 0;
  Status append(ByteSpan more) {
    bytes += static_cast<std::uint32_t>(more.size());
    return Status::ok;
  }
};

// One copy as the device's engine meets it: unit by unit where something changed.
void write_copy(ByteSpan source, ByteSpan target, std::uint64_t position, unsigned unit_bytes,
                ScriptWriter<ByteCounter>* writer) {
  const Kernels& kernels = best_kernels();
  writer->copying(position, target.size());
  for (std::size_t at = 0; at < target.size();) {
    const std::size_t same =
        kernels.mismatch(source.data() + at, target.data() + at, target.size() - at);
    // What is before the byte that changed, in its unit, belongs to it.
    const std::uint64_t here = position + at;
    const std::uint64_t unit = std::max((here + same) / unit_bytes * unit_bytes, here);
    const auto equal = static_cast<std::size_t>(at + same == target.size() ? same : unit - here);
    (void)writer->append(target.subspan(at, equal));
    at += equal;
    if (at == target.size()) break;
    const std::uint64_t unit_end = (unit / unit_bytes + 1) * unit_bytes;
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(unit_end - unit, target.size() - at));
    (void)writer->change(source.subspan(at, count), target.subspan(at, count));
    at += count;
  }
}

ByteSpan part_of(ByteSpan bytes, std::uint64_t begin, std::uint64_t count) {
  return bytes.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
}

std::uint32_t section_size(ByteSpan source, ByteSpan target, const Cover& cover,
                           std::uint32_t group, std::uint32_t group_bytes, unsigned unit_bytes) {
  ByteCounter counter;
  const ChunkGroups groups{{&group, 1}, group_bytes, target.size()};
  ScriptWriter<ByteCounter> writer(&counter, unit_bytes, groups);
  std::uint64_t at = groups.begin(0);
  const std::uint64_t end = at + groups.bytes(0);
  const auto literals = [&](std::uint64_t until) {
    if (at == until) return;
    writer.literals(until - at);
    (void)writer.append(part_of(target, at, until - at));
  };
  for_each_copy(cover, at, end, [&](const Match& match) {
    literals(match.target_offset);
    write_copy(part_of(source, match.source_offset, match.bytes),
               part_of(target, match.target_offset, match.bytes), match.source_offset, unit_bytes,
               &writer);
    at = match.target_offset + match.bytes;
  });
  literals(end);
  return counter.bytes;
}

}  // namespace

ChunkOutput make_chunk_output(ByteSpan target, const InPlacePlan& plan, std::size_t first,
                              std::size_t count, std::uint32_t group_bytes) {
  std::vector<std::uint32_t> groups;
  for (std::size_t i = 0; i < count; ++i) groups.push_back(plan.steps[first + i].group);
  std::ranges::sort(groups);
  ChunkOutput output;
  for (const std::uint32_t group : groups) {
    const std::uint64_t begin = std::uint64_t{group} * group_bytes;
    const std::uint64_t end = std::min<std::uint64_t>(begin + group_bytes, target.size());
    for_each_copy(plan.cover, begin, end, [&](const Match& match) {
      const Match copy{output.bytes.size() + (match.target_offset - begin), match.source_offset,
                       match.bytes};
      Match* before = output.cover.empty() ? nullptr : &output.cover.back();
      const bool goes_on = before != nullptr &&
                           before->target_offset + before->bytes == copy.target_offset &&
                           before->source_offset + before->bytes == copy.source_offset;
      if (goes_on) {
        before->bytes += copy.bytes;
      } else {
        output.cover.push_back(copy);
      }
    });
    const ByteSpan bytes = part_of(target, begin, end - begin);
    output.bytes.insert(output.bytes.end(), bytes.begin(), bytes.end());
  }
  return output;
}

std::vector<std::uint32_t> section_sizes(ByteSpan source, ByteSpan target, const InPlacePlan& plan,
                                         std::uint32_t group_bytes, unsigned unit_bytes) {
  std::vector<std::uint32_t> sizes;
  for (const InPlaceStep& step : plan.steps) {
    sizes.push_back(section_size(source, target, plan.cover, step.group, group_bytes, unit_bytes));
  }
  return sizes;
}

}  // namespace romdelta::pkgtool
