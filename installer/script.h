// Script: a chunk of a delta in place, unpacked. docs/format.md section 7.13.
//
// What a chunk decodes to depends on its source, which is overwritten while the chunk is applied:
// an interrupted installation could not decode it again. So it is decoded once, before its first
// group is written, into this form, which needs the source only where it copies. The engine writes
// a script with ScriptWriter; pkgtool does the same to know its size.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "format/digest.h"
#include "format/status.h"

namespace romdelta {

// The changes that were met last, the last first: most come again.
class RecentChanges {
 public:
  static constexpr std::uint32_t count_max = 28;

  // The place of `change`, or count_max. It is the first afterwards.
  std::uint32_t find(std::uint32_t change) {
    const auto end = changes_.begin() + count_;
    const auto found = std::find(changes_.begin(), end, change);
    const auto place = static_cast<std::uint32_t>(found - changes_.begin());
    if (found == end && count_ < count_max) ++count_;
    move_to_front(std::min(place, count_ - 1), change);
    return found == end ? count_max : place;
  }
  void add(std::uint32_t change) { (void)find(change); }

  // The change at `place`, which becomes the first. False when there is none.
  bool take(std::uint32_t place, std::uint32_t* change) {
    if (place >= count_) return false;
    *change = changes_[place];
    move_to_front(place, *change);
    return true;
  }

 private:
  void move_to_front(std::uint32_t place, std::uint32_t change) {
    const auto begin = changes_.begin();
    std::move_backward(begin, begin + place, begin + place + 1);
    changes_[0] = change;
  }

  std::array<std::uint32_t, count_max> changes_{};
  std::uint32_t count_ = 0;
};

namespace script {

// A byte says how many units did not change since the last one that did (3 bits), and how the next
// one changed (5 bits): by one of the recent changes, or by what follows.
inline constexpr std::uint32_t gap_long = 7;  // 7 more than the varint that follows.
inline constexpr std::uint32_t end_of_copy = RecentChanges::count_max;
inline constexpr std::uint32_t change_8 = 29;   // By a signed byte,
inline constexpr std::uint32_t change_16 = 30;  // two,
inline constexpr std::uint32_t change_32 = 31;  // or four of them.

// The sign of `count` bytes (1 to 4) carried to 32 bits.
constexpr std::uint32_t sign_extend(std::uint32_t value, std::size_t count) {
  const unsigned shift = 32 - 8 * static_cast<unsigned>(count);
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(value << shift) >> shift);
}

constexpr std::uint32_t little_endian(ByteSpan bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- != 0;) value = value << 8 | bytes[i];
  return value;
}

}  // namespace script

// The groups that a chunk makes, in the order of its output: ascending. All have `group_bytes` but
// the target's last one.
struct ChunkGroups {
  std::span<const std::uint32_t> groups;
  std::uint32_t group_bytes = 1;
  std::uint64_t target_bytes = 0;

  std::uint64_t begin(std::size_t index) const {
    return std::uint64_t{groups[index]} * group_bytes;
  }
  std::uint32_t bytes(std::size_t index) const {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(group_bytes, target_bytes - begin(index)));
  }
};

// A sink of ContextRun. Each group is a section of its own, because steps take them in any order.
// `Out` has `Status append(ByteSpan)`, which takes the script's bytes.
template <typename Out>
class ScriptWriter {
 public:
  // `out` and the groups outlive the writer. Requires: there is a group.
  ScriptWriter(Out* out, unsigned unit_bytes, const ChunkGroups& groups)
      : out_(*out), unit_bytes_(unit_bytes), groups_(groups) {
    begin_group();
  }

  void copying(std::uint64_t position, std::uint64_t count) {
    position_ = position;
    copy_left_ = count;
    left_ = 0;
  }
  void literals(std::uint64_t count) {
    literal_left_ = count;
    left_ = 0;
  }

  // Bytes of a copy that did not change, or literals.
  Status append(ByteSpan bytes) {
    output_.update(bytes);
    while (!bytes.empty() && status_ == Status::ok) {
      const ByteSpan part = bytes.first(begin_part(bytes.size()));
      if (literal_left_ != 0) write(part);
      advance(part);
      bytes = bytes.subspan(part.size());
    }
    return status_;
  }

  // A unit of a copy, or a part of one, before and after.
  Status change(ByteSpan source, ByteSpan target) {
    output_.update(target);
    while (!target.empty() && status_ == Status::ok) {
      const std::size_t count = begin_part(target.size());
      const std::uint32_t by = script::sign_extend(
          script::little_endian(target.first(count)) - script::little_endian(source.first(count)),
          count);
      if (by != 0) write_change(by);
      advance(target.first(count));
      source = source.subspan(count);
      target = target.subspan(count);
    }
    return status_;
  }

  // Of everything that was made so far.
  std::uint32_t output_checksum() const {
    return static_cast<std::uint32_t>(output_.finish().value);
  }

 private:
  // Begins a copy or a run of literals where none goes on; how much of `most` bytes belongs to it.
  std::size_t begin_part(std::size_t most) {
    if (left_ == 0) {
      if (copy_left_ != 0) {
        begin_copy();
      } else {
        begin_literals();
      }
    }
    return static_cast<std::size_t>(std::min<std::uint64_t>(most, left_));
  }

  void begin_copy() {
    if (after_copy_) varint(0);
    left_ = std::min<std::uint64_t>(copy_left_, group_left_);
    varint(left_);
    const std::uint64_t distance = position_ - expected_;
    varint(distance << 1 ^ (0 - (distance >> 63)));
    next_unit_ = position_ / unit_bytes_;
    after_copy_ = true;
  }

  void begin_literals() {
    if (!after_copy_) varint(0);
    left_ = std::min<std::uint64_t>(literal_left_, group_left_);
    varint(left_);
    after_copy_ = false;
  }

  void write_change(std::uint32_t by) {
    const std::uint64_t unit = position_ / unit_bytes_;
    const std::uint64_t gap = unit - next_unit_;
    next_unit_ = unit + 1;
    std::uint32_t how = recent_.find(by);
    std::size_t count = 0;
    if (how == RecentChanges::count_max) {
      count = by == script::sign_extend(by, 1) ? 1 : by == script::sign_extend(by, 2) ? 2 : 4;
      how = count == 1 ? script::change_8 : count == 2 ? script::change_16 : script::change_32;
    }
    const auto short_gap =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(gap, script::gap_long));
    const std::array<std::uint8_t, 1> token = {static_cast<std::uint8_t>(short_gap << 5 | how)};
    write(token);
    if (short_gap == script::gap_long) varint(gap - script::gap_long);
    write_number(by, count);
  }

  // `part` was dealt with: on to what comes next.
  void advance(ByteSpan part) {
    group_.update(part);
    const std::uint64_t count = part.size();
    left_ -= count;
    group_left_ -= count;
    if (literal_left_ != 0) {
      literal_left_ -= count;
    } else {
      copy_left_ -= count;
      position_ += count;
      if (left_ == 0) {
        const std::array<std::uint8_t, 1> token = {script::end_of_copy};
        write(token);
        expected_ = position_;
      }
    }
    if (group_left_ == 0) end_group();
  }

  void begin_group() {
    group_ = ChecksumStream();
    recent_ = RecentChanges();
    after_copy_ = false;
    expected_ = groups_.begin(group_index_);
    group_left_ = groups_.bytes(group_index_);
  }

  void end_group() {
    write_number(static_cast<std::uint32_t>(group_.finish().value), 4);
    if (++group_index_ < groups_.groups.size()) begin_group();
  }

  void write_number(std::uint32_t value, std::size_t count) {
    std::array<std::uint8_t, 4> bytes;
    for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    write(ByteSpan(bytes).first(count));
  }

  void varint(std::uint64_t value) {
    std::array<std::uint8_t, 10> bytes;
    ByteWriter writer(bytes);
    writer.varint(value);
    write(writer.written());
  }

  void write(ByteSpan bytes) {
    if (status_ == Status::ok) status_ = out_.append(bytes);
  }

  Out& out_;
  unsigned unit_bytes_;
  ChunkGroups groups_;
  Status status_ = Status::ok;
  std::size_t group_index_ = 0;
  std::uint64_t group_left_ = 0;
  std::uint64_t left_ = 0;       // Of the copy or the literals in this group,
  std::uint64_t copy_left_ = 0;  // and of all of it.
  std::uint64_t literal_left_ = 0;
  std::uint64_t position_ = 0;   // In the source.
  std::uint64_t expected_ = 0;   // Where the last copy of the group ended.
  std::uint64_t next_unit_ = 0;  // The one behind the last change.
  bool after_copy_ = false;      // In a group: a copy was the last.
  RecentChanges recent_;
  ChecksumStream group_;
  ChecksumStream output_;
};

}  // namespace romdelta
