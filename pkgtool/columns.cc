#include "pkgtool/columns.h"

#include <algorithm>

namespace romdelta::pkgtool {
namespace {

void put_varint(Bytes* bytes, std::uint64_t value) {
  std::array<std::uint8_t, 10> buffer;
  ByteWriter writer(buffer);
  writer.varint(value);
  bytes->insert(bytes->end(), buffer.begin(), buffer.begin() + writer.offset());
}

void put_zigzag(Bytes* bytes, std::uint64_t distance) {
  std::array<std::uint8_t, 10> buffer;
  ByteWriter writer(buffer);
  writer.zigzag(static_cast<std::int64_t>(distance));
  bytes->insert(bytes->end(), buffer.begin(), buffer.begin() + writer.offset());
}

// Takes copies and literals in target order and spreads them over the columns.
class ColumnMaker {
 public:
  ColumnMaker(ByteSpan source, ByteSpan target) : source_(source), target_(target) {}

  void copy(std::uint64_t target_at, std::uint64_t source_at, std::uint64_t count) {
    if (copy_bytes_ != 0 || extra_bytes_ != 0) end_triple();
    if (!has_copied_) {
      // The chunk says where the first copy reads, so no seek leads there.
      columns_.source_position = source_at;
      source_position_ = source_at;
      has_copied_ = true;
    }
    seek_ = source_at - source_position_;
    copy_bytes_ = count;
    source_position_ = source_at + count;
    for (std::uint64_t i = 0; i < count; ++i) {
      put_difference(static_cast<std::uint8_t>(target_[target_at + i] - source_[source_at + i]));
    }
  }

  void literals(std::uint64_t target_at, std::uint64_t count) {
    const ByteSpan bytes = target_.subspan(target_at, count);
    Bytes& extra = columns_[Column::extra];
    extra.insert(extra.end(), bytes.begin(), bytes.end());
    extra_bytes_ += count;
  }

  RawColumns finish() {
    if (copy_bytes_ != 0 || extra_bytes_ != 0) end_triple();
    end_zero_run();
    return std::move(columns_);
  }

 private:
  void end_triple() {
    if (!columns_[Column::copy_lengths].empty()) {
      put_zigzag(&columns_[Column::source_seeks], seek_);
    }
    put_varint(&columns_[Column::copy_lengths], copy_bytes_);
    put_varint(&columns_[Column::extra_lengths], extra_bytes_);
    seek_ = 0;
    copy_bytes_ = 0;
    extra_bytes_ = 0;
  }

  void put_difference(std::uint8_t value) {
    if (value == 0) {
      ++zero_run_;
      return;
    }
    end_zero_run();
    columns_[Column::diff_values].push_back(value);
  }

  void end_zero_run() {
    if (zero_run_ == 0) return;
    columns_[Column::diff_values].push_back(0);
    put_varint(&columns_[Column::zero_runs], zero_run_ - 1);
    zero_run_ = 0;
  }

  ByteSpan source_;
  ByteSpan target_;
  RawColumns columns_;
  bool has_copied_ = false;
  std::uint64_t source_position_ = 0;  // Where the last copy ended.
  // The triple being built; the seek leads to its copy.
  std::uint64_t seek_ = 0;
  std::uint64_t copy_bytes_ = 0;
  std::uint64_t extra_bytes_ = 0;
  std::uint64_t zero_run_ = 0;
};

}  // namespace

std::uint64_t RawColumns::bytes() const {
  std::uint64_t total = 0;
  for (const Bytes& column : content) total += column.size();
  return total;
}

RawColumns make_columns(ByteSpan source, ByteSpan target, const Cover& cover, TargetRange range) {
  ColumnMaker maker(source, target);
  auto match = std::ranges::partition_point(
      cover, [&](const Match& m) { return m.target_offset + m.bytes <= range.begin; });
  std::uint64_t at = range.begin;
  while (at < range.end) {
    const std::uint64_t match_begin =
        match == cover.end() ? range.end : std::min(match->target_offset, range.end);
    if (at < match_begin) {
      maker.literals(at, match_begin - at);
      at = match_begin;
      continue;
    }
    const std::uint64_t match_end = std::min(match->target_offset + match->bytes, range.end);
    maker.copy(at, match->source_offset + (at - match->target_offset), match_end - at);
    at = match_end;
    ++match;
  }
  return maker.finish();
}

}  // namespace romdelta::pkgtool
