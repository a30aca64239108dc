#include "installer/script_reader.h"

#include <algorithm>

#include "format/limits.h"

namespace romdelta {

// The group that is being read: what is made of it, and what wants to know.
struct ScriptReader::Group {
  std::uint32_t at = 0;
  CopyObserver* observer = nullptr;
  SourceReader* source = nullptr;  // Null: nothing is made.
  MutableByteSpan made;
};

Status ScriptReader::begin() {
  std::uint8_t unit_bytes = 0;
  if (!byte(&unit_bytes)) return failure_;
  if (unit_bytes != 2 && unit_bytes != 4) return Status::malformed_chunk;
  unit_bytes_ = unit_bytes;
  return Status::ok;
}

Status ScriptReader::skip(const Section& section, std::uint32_t* checksum) {
  Group group;
  const Status status = run(section, &group);
  if (status != Status::ok) return status;
  *checksum = number(4);
  return failure_;
}

Status ScriptReader::report_copies(const Section& section, CopyObserver* observer) {
  Group group;
  group.observer = observer;
  return run(section, &group);
}

Status ScriptReader::make(const Section& section, SourceReader* source, MutableByteSpan made) {
  Group group;
  group.source = source;
  group.made = made;
  const Status status = run(section, &group);
  if (status != Status::ok) return status;
  const std::uint32_t checksum = number(4);
  if (failure_ != Status::ok) return failure_;
  return checksum == static_cast<std::uint32_t>(checksum_of(made).value) ? Status::ok
                                                                         : Status::source_damaged;
}

Status ScriptReader::run(const Section& section, Group* group) {
  expected_ = section.begin;
  recent_ = RecentChanges();
  while (group->at < section.bytes) {
    const std::uint64_t copy_bytes = varint();
    if (failure_ != Status::ok) return failure_;
    if (copy_bytes > section.bytes - group->at) return Status::malformed_chunk;
    Status status = copy_bytes == 0 ? Status::ok : copy(group, copy_bytes);
    if (status != Status::ok) return status;
    if (group->at == section.bytes) break;
    const std::uint64_t literal_bytes = varint();
    if (failure_ != Status::ok) return failure_;
    const bool is_idle = copy_bytes == 0 && literal_bytes == 0;
    if (literal_bytes > section.bytes - group->at || is_idle) return Status::malformed_chunk;
    status = literals(group, literal_bytes);
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

Status ScriptReader::copy(Group* group, std::uint64_t count) {
  const std::uint64_t seek = varint();
  const std::uint64_t begin = expected_ + ((seek >> 1) ^ (0 - (seek & 1)));
  if (failure_ != Status::ok) return failure_;
  Status status = Status::ok;
  if (group->observer != nullptr) status = group->observer->copies(begin, count);
  if (group->source != nullptr) {
    if (!range_inside(begin, count, group->source->bytes())) return Status::malformed_chunk;
    constexpr std::uint64_t step_most = limits::source_window_bytes;
    for (std::uint64_t at = 0; status == Status::ok && at < count; at += step_most) {
      const auto step = static_cast<std::size_t>(std::min(count - at, step_most));
      status = group->source->read(
          begin + at, group->made.subspan(group->at + static_cast<std::size_t>(at), step));
    }
  }
  if (status == Status::ok) status = changes(*group, begin, count);
  expected_ = begin + count;
  group->at += static_cast<std::uint32_t>(count);
  return status;
}

Status ScriptReader::changes(const Group& group, std::uint64_t begin, std::uint64_t count) {
  std::uint64_t unit = begin / unit_bytes_;
  const std::uint64_t unit_end = (begin + count + unit_bytes_ - 1) / unit_bytes_;
  while (true) {
    std::uint8_t token = 0;
    if (!byte(&token)) return failure_;
    const std::uint32_t how = token & 31;
    if (how == script::end_of_copy) return Status::ok;
    std::uint64_t gap = token >> 5;
    if (gap == script::gap_long) gap += varint();
    std::uint32_t by = 0;
    if (how < RecentChanges::count_max) {
      if (!recent_.take(how, &by)) return Status::malformed_chunk;
    } else {
      const std::size_t bytes = how == script::change_8 ? 1 : how == script::change_16 ? 2 : 4;
      by = script::sign_extend(number(bytes), bytes);
      recent_.add(by);
    }
    if (failure_ != Status::ok) return failure_;
    if (gap >= unit_end - unit) return Status::malformed_chunk;
    unit += gap;
    const Status status = change(group, begin, begin + count, unit, by);
    if (status != Status::ok) return status;
    ++unit;
  }
}

Status ScriptReader::change(const Group& group, std::uint64_t begin, std::uint64_t end,
                            std::uint64_t unit, std::uint32_t by) const {
  if (group.source == nullptr) return Status::ok;
  const std::uint64_t first = std::max<std::uint64_t>(unit * unit_bytes_, begin);
  const std::uint64_t last = std::min<std::uint64_t>((unit + 1) * unit_bytes_, end);
  const MutableByteSpan bytes = group.made.subspan(
      group.at + static_cast<std::size_t>(first - begin), static_cast<std::size_t>(last - first));
  const std::uint32_t changed = script::little_endian(bytes) + by;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(changed >> (8 * i));
  }
  return Status::ok;
}

Status ScriptReader::literals(Group* group, std::uint64_t count) {
  const auto bytes = static_cast<std::uint32_t>(count);
  if (group->source != nullptr) {
    if (!take(group->made.subspan(group->at, bytes))) return failure_;
  } else {
    if (bytes > bytes_ - at_) return Status::malformed_chunk;
    at_ += bytes;
  }
  group->at += bytes;
  return Status::ok;
}

// --- Bytes of the script. ---

bool ScriptReader::take(MutableByteSpan out) {
  while (failure_ == Status::ok && !out.empty()) {
    if (at_ < window_begin_ || at_ >= window_end_) {
      const auto count =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(window_.size(), bytes_ - at_));
      failure_ =
          count == 0 ? Status::malformed_chunk : spill_->read(key_, at_, window_.first(count));
      if (failure_ != Status::ok) return false;
      window_begin_ = at_;
      window_end_ = at_ + count;
    }
    const std::size_t count = std::min<std::size_t>(out.size(), window_end_ - at_);
    copy_bytes(out.data(), window_.subspan(at_ - window_begin_, count));
    out = out.subspan(count);
    at_ += static_cast<std::uint32_t>(count);
  }
  return failure_ == Status::ok;
}

std::uint64_t ScriptReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    std::uint8_t next = 0;
    if (!byte(&next)) return 0;
    const std::uint64_t bits = next & 0x7f;
    if (shift == 63 && bits > 1) break;
    value |= bits << shift;
    if (next < 0x80) return value;
  }
  failure_ = Status::malformed_chunk;
  return 0;
}

std::uint32_t ScriptReader::number(std::size_t count) {
  std::array<std::uint8_t, 4> bytes{};
  (void)take(MutableByteSpan(bytes).first(count));
  return script::little_endian(ByteSpan(bytes).first(count));
}

}  // namespace romdelta
