#include "tests/fuzz/reference_patcher.h"

#include <optional>

namespace romdelta::test {
namespace {

using Number = unsigned __int128;

// A column that is read from its beginning. Nothing once it failed.
struct ColumnText {
  ByteSpan bytes;
  std::size_t at = 0;

  bool done() const { return at == bytes.size(); }
  std::optional<std::uint8_t> byte() {
    if (done()) return std::nullopt;
    return bytes[at++];
  }
  std::optional<std::uint64_t> varint() {
    Number value = 0;
    for (unsigned group = 0; group < 10; ++group) {
      const std::optional<std::uint8_t> next = byte();
      if (!next) return std::nullopt;
      value |= Number{*next & 0x7fu} << (7 * group);
      if ((*next & 0x80) != 0) continue;
      if (group != 0 && *next == 0) return std::nullopt;  // Not the shortest encoding.
      if (value >> 64 != 0) return std::nullopt;
      return static_cast<std::uint64_t>(value);
    }
    return std::nullopt;
  }
  std::optional<std::int64_t> zigzag() {
    const std::optional<std::uint64_t> raw = varint();
    if (!raw) return std::nullopt;
    const auto half = static_cast<std::int64_t>(*raw / 2);
    return *raw % 2 == 0 ? half : -half - 1;
  }
};

struct Difference {
  ColumnText values;
  ColumnText runs;
  Number run = 0;

  std::optional<std::uint8_t> next() {
    if (run == 0) {
      const std::optional<std::uint8_t> value = values.byte();
      if (!value || *value != 0) return value;
      const std::optional<std::uint64_t> length = runs.varint();
      if (!length) return std::nullopt;
      run = Number{*length} + 1;
      if (run >> 64 != 0) return std::nullopt;
    }
    --run;
    return std::uint8_t{0};
  }
};

}  // namespace

bool reference_patch(std::uint64_t source_position, const Columns& columns, ByteSpan source,
                     std::uint64_t target_bytes, Bytes* target) {
  ColumnText copies{columns[Column::copy_lengths]};
  ColumnText extras{columns[Column::extra_lengths]};
  ColumnText seeks{columns[Column::source_seeks]};
  ColumnText literals{columns[Column::extra]};
  Difference difference{{columns[Column::diff_values]}, {columns[Column::zero_runs]}};
  std::uint64_t position = source_position;
  std::uint64_t left = target_bytes;
  for (bool first = true; left != 0; first = false) {
    if (!first) {
      const std::optional<std::int64_t> seek = seeks.zigzag();
      if (!seek) return false;
      position += static_cast<std::uint64_t>(*seek);
    }
    const std::optional<std::uint64_t> copy = copies.varint();
    const std::optional<std::uint64_t> extra = extras.varint();
    if (!copy || !extra) return false;
    const Number both = Number{*copy} + *extra;
    if (both == 0 || both > left) return false;
    left -= static_cast<std::uint64_t>(both);
    if (*copy != 0 && Number{position} + *copy > source.size()) return false;
    for (std::uint64_t i = 0; i < *copy; ++i) {
      const std::optional<std::uint8_t> value = difference.next();
      if (!value) return false;
      target->push_back(static_cast<std::uint8_t>(source[position + i] + *value));
    }
    position += *copy;
    for (std::uint64_t i = 0; i < *extra; ++i) {
      const std::optional<std::uint8_t> value = literals.byte();
      if (!value) return false;
      target->push_back(*value);
    }
  }
  return copies.done() && extras.done() && seeks.done() && literals.done() &&
         difference.values.done() && difference.runs.done() && difference.run == 0;
}

}  // namespace romdelta::test
