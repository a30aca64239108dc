// ByteReader and ByteWriter: bounded little-endian cursors, the only code that turns bytes into
// integers and back. Also the checked 64-bit arithmetic that every length goes through.
//
// Both cursors are sticky: after the first failure nothing more is read or written and ok() stays
// false, so a parser reads a whole structure and checks once. They own nothing.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace romdelta {

using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;

// Copies as memmove does; an empty span needs no valid pointer.
inline void copy_bytes(std::uint8_t* to, ByteSpan from) {
  if (!from.empty()) std::memmove(to, from.data(), from.size());
}

// a + b into *sum, or false when the sum does not fit 64 bits.
[[nodiscard]] inline bool checked_add(std::uint64_t a, std::uint64_t b, std::uint64_t* sum) {
  return !__builtin_add_overflow(a, b, sum);
}

// True when [offset, offset + count) lies inside [0, size).
[[nodiscard]] constexpr bool range_inside(std::uint64_t offset, std::uint64_t count,
                                          std::uint64_t size) {
  return offset <= size && count <= size - offset;
}

// The smallest multiple of `unit` that is >= value. Requires: unit > 0 and value at most
// limits::image_bytes_max, so that the sum cannot overflow.
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }
  // True when everything was read and nothing failed.
  bool done() const { return ok_ && remaining() == 0; }

  std::uint8_t u8() { return static_cast<std::uint8_t>(little_endian(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(little_endian(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(little_endian(4)); }
  std::uint64_t u64() { return little_endian(8); }

  // The next `count` bytes, still owned by the caller's buffer; empty after a failure.
  ByteSpan bytes(std::size_t count) {
    if (!ok_ || count > remaining()) {
      ok_ = false;
      return {};
    }
    const ByteSpan result = bytes_.subspan(offset_, count);
    offset_ += count;
    return result;
  }

  // An unsigned varint (7 bits a byte, least significant first). Only the shortest encoding of a
  // value is legal, so that a structure has one encoding.
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (!ok_ || remaining() == 0) break;
      const std::uint64_t byte = bytes_[offset_++];
      const std::uint64_t bits = byte & 0x7f;
      if (shift == 63 && bits > 1) break;
      value |= bits << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift != 0) break;
        return value;
      }
    }
    ok_ = false;
    return 0;
  }

  // A signed varint: zig-zag, so that small magnitudes are short.
  std::int64_t zigzag() {
    const std::uint64_t raw = varint();
    return static_cast<std::int64_t>((raw >> 1) ^ (std::uint64_t{0} - (raw & 1)));
  }

 private:
  std::uint64_t little_endian(std::size_t count) {
    const ByteSpan raw = bytes(count);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) value |= std::uint64_t{raw[i]} << (8 * i);
    return value;
  }

  ByteSpan bytes_;
  std::size_t offset_ = 0;
  bool ok_ = true;
};

class ByteWriter {
 public:
  explicit ByteWriter(MutableByteSpan bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t offset() const { return offset_; }
  ByteSpan written() const { return bytes_.first(offset_); }

  void u8(std::uint8_t value) { little_endian(value, 1); }
  void u16(std::uint16_t value) { little_endian(value, 2); }
  void u32(std::uint32_t value) { little_endian(value, 4); }
  void u64(std::uint64_t value) { little_endian(value, 8); }

  void bytes(ByteSpan source) {
    if (!ok_ || source.size() > bytes_.size() - offset_) {
      ok_ = false;
      return;
    }
    copy_bytes(bytes_.data() + offset_, source);
    offset_ += source.size();
  }

  void fill(std::uint8_t value, std::size_t count) {
    if (!ok_ || count > bytes_.size() - offset_) {
      ok_ = false;
      return;
    }
    if (count != 0) std::memset(bytes_.data() + offset_, value, count);
    offset_ += count;
  }

  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      u8(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    u8(static_cast<std::uint8_t>(value));
  }

  void zigzag(std::int64_t value) {
    const auto raw = static_cast<std::uint64_t>(value);
    varint((raw << 1) ^ (std::uint64_t{0} - (raw >> 63)));
  }

 private:
  void little_endian(std::uint64_t value, std::size_t count) {
    std::uint8_t raw[8];
    for (std::size_t i = 0; i < count; ++i) raw[i] = static_cast<std::uint8_t>(value >> (8 * i));
    bytes(ByteSpan(raw, count));
  }

  MutableByteSpan bytes_;
  std::size_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace romdelta
