#include "pkgtool/step_output.h"

#include <algorithm>

#include "installer/simd/kernels.h"

namespace romdelta::pkgtool {
namespace {

// Takes a script and forgets it.
struct ByteCounter {
  std::uint64_t bytes = 1;  // The size of its words stands before it.
  Status append(ByteSpan more) {
    bytes += more.size();
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
    // Whole units that are equal; what is before the one that changed belongs to it.
    const std::uint64_t changed = position + at + same;
    const std::uint64_t unit = std::max(changed / unit_bytes * unit_bytes, position + at);
    const auto equal = static_cast<std::size_t>(
        at + same == target.size() ? same : unit - (position + at));
    (void)writer->append(target.subspan(at, equal));
    at += equal;
    if (at == target.size()) break;
    const std::uint64_t unit_end = (unit / unit_bytes + 1) * unit_bytes;
    const auto count = static_cast<std::size_t>(
        std::min<std::uint64_t>(unit_end - unit, target.size() - at));
    (void)writer->change(source.subspan(at, count), target.subspan(at, count));
    at += count;
  }
}

}  // namespace

ChunkGroups StepOutput::groups(std::size_t first, std::size_t count) const {
  ChunkGroups groups;
  groups.group_bytes = group_bytes;
  groups.short_index = 0xffffffff;
  for (std::size_t i = 0; i < count; ++i) {
    if (step_bytes(first + i) == group_bytes) continue;
    groups.short_index = static_cast<std::uint32_t>(i);
    groups.short_bytes = step_bytes(first + i);
  }
  return groups;
}

StepOutput make_step_output(ByteSpan target, const InPlacePlan& plan, std::uint32_t group_bytes) {
  StepOutput output;
  output.group_bytes = group_bytes;
  for (const InPlaceStep& step : plan.steps) {
    output.begin.push_back(output.bytes.size());
    const std::uint64_t begin = std::uint64_t{step.group} * group_bytes;
    const std::uint64_t end = std::min<std::uint64_t>(begin + group_bytes, target.size());
    auto match = std::ranges::partition_point(
        plan.cover, [&](const Match& m) { return m.target_offset + m.bytes <= begin; });
    for (; match != plan.cover.end() && match->target_offset < end; ++match) {
      const std::uint64_t first = std::max(match->target_offset, begin);
      const std::uint64_t last = std::min(match->target_offset + match->bytes, end);
      const Match copy{output.bytes.size() + (first - begin),
                       match->source_offset + (first - match->target_offset), last - first};
      Match* before = output.cover.empty() ? nullptr : &output.cover.back();
      const bool goes_on = before != nullptr &&
                           before->target_offset + before->bytes == copy.target_offset &&
                           before->source_offset + before->bytes == copy.source_offset;
      if (goes_on) {
        before->bytes += copy.bytes;
      } else {
        output.cover.push_back(copy);
      }
    }
    output.bytes.insert(output.bytes.end(), target.begin() + static_cast<std::ptrdiff_t>(begin),
                        target.begin() + static_cast<std::ptrdiff_t>(end));
  }
  output.begin.push_back(output.bytes.size());
  return output;
}

std::vector<std::uint64_t> script_sizes(ByteSpan source, const StepOutput& output,
                                        std::size_t first, std::uint64_t most_bytes,
                                        unsigned unit_bytes) {
  ByteCounter counter;
  ScriptWriter<ByteCounter> writer(&counter, unit_bytes,
                                   output.groups(first, output.step_count() - first));
  const ByteSpan target = output.bytes;
  std::vector<std::uint64_t> sizes;
  for (std::size_t step = first; step < output.step_count(); ++step) {
    std::uint64_t at = output.begin[step];
    const auto literals = [&](std::uint64_t end) {
      if (at == end) return;
      writer.literals(end - at);
      (void)writer.append(target.subspan(static_cast<std::size_t>(at),
                                         static_cast<std::size_t>(end - at)));
    };
    output.for_each_copy(step, [&](const Match& match) {
      literals(match.target_offset);
      const auto bytes = static_cast<std::size_t>(match.bytes);
      write_copy(source.subspan(static_cast<std::size_t>(match.source_offset), bytes),
                 target.subspan(static_cast<std::size_t>(match.target_offset), bytes),
                 match.source_offset, unit_bytes, &writer);
      at = match.target_offset + match.bytes;
    });
    literals(output.begin[step + 1]);
    if (!sizes.empty() && counter.bytes > most_bytes) break;
    sizes.push_back(counter.bytes);
  }
  return sizes;
}

}  // namespace romdelta::pkgtool
