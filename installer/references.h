// References: operands of instructions and words of data that hold an address. How they are read
// and written; reference_finder.h finds them. docs/format.md sections 7.10 and 7.11 specify each
// kind. All addresses here are counted from AddressMap::base, modulo 2^64.
#pragma once

#include <cstdint>
#include <optional>

#include "format/bytes.h"
#include "installer/address_map.h"
#include "installer/instruction_words.h"

namespace romdelta {

enum class ReferenceKind : std::uint8_t {
  a64_branch,    // B, BL.
  a64_page,      // ADRP; its partner is the instruction that adds the low 12 bits.
  a64_low,       // ADD, LDR, STR ...: the low 12 bits; its partner is the ADRP.
  thumb_branch,  // BL, BLX, B.W.
  thumb_low,     // MOVW, MOVT: half an address each; partners of each other.
  thumb_high,
  arm_branch,  // B, BL.
  arm_low,     // MOVW, MOVT.
  arm_high,
  x86_relative,  // The displacement of CALL, JMP, Jcc and of operands relative to RIP.
  riscv_branch,  // JAL.
  riscv_high,    // AUIPC and LUI; the partner adds the low 12 bits.
  riscv_low,     // ADDI, loads, stores, JALR.
  xtensa_call,   // CALL0, CALL4, CALL8, CALL12.
  absolute32,
  absolute64,
  relative32,  // From its own address, or from an anchor.
};

struct Reference {
  ReferenceKind kind = ReferenceKind::absolute32;
  std::int8_t partner = 0;   // How many bytes after this the partner lies; 0: it has none.
  std::uint64_t offset = 0;  // Of its first byte, in the source.
  std::uint64_t place = 0;   // The address that it is relative to, if it is.
  std::uint64_t target = 0;  // The address that it holds.
};

// Part of an image: what lies at offsets [begin, end) of it. Owns nothing.
class ImageView {
 public:
  ImageView(const std::uint8_t* bytes, std::uint64_t begin, std::uint64_t end)
      : bytes_(bytes), begin_(begin), end_(end) {}

  bool has(std::uint64_t offset, std::uint64_t count) const {
    return offset >= begin_ && offset < end_ && count <= end_ - offset;
  }
  // Of the offsets in [from, to), the end of those at which `count` bytes begin that are there.
  std::uint64_t end_of(std::uint64_t from, std::uint64_t to, std::uint64_t count) const {
    if (from < begin_ || end_ - begin_ < count) return from;
    return std::min(to, end_ - count + 1);
  }
  const std::uint8_t* at(std::uint64_t offset) const { return bytes_ + (offset - begin_); }
  std::uint32_t u8(std::uint64_t offset) const { return *at(offset); }
  // Each in one expression, which compilers know for one load.
  std::uint32_t u16(std::uint64_t offset) const {
    const std::uint8_t* p = at(offset);
    return p[0] | std::uint32_t{p[1]} << 8;
  }
  std::uint32_t u32(std::uint64_t offset) const {
    const std::uint8_t* p = at(offset);
    return p[0] | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 | std::uint32_t{p[3]} << 24;
  }
  std::uint64_t u64(std::uint64_t offset) const {
    return u32(offset) | std::uint64_t{u32(offset + 4)} << 32;
  }

 private:
  const std::uint8_t* bytes_;
  std::uint64_t begin_;
  std::uint64_t end_;
};

namespace references {

// No reference and no partner reaches further than this to either side of its first byte.
inline constexpr std::uint64_t reach_bytes = 40;

constexpr unsigned size_bytes(ReferenceKind kind) {
  if (kind == ReferenceKind::xtensa_call) return 3;
  return kind == ReferenceKind::absolute64 ? 8 : 4;
}

// --- Reading: the address that a reference holds. ---

// The address in a reference of this kind at `offset`, whose partner is `partner` bytes behind it;
// nothing when the bytes there are not of the kind. Requires: view.has() all bytes of both.
[[gnu::always_inline]] inline std::optional<std::uint64_t> read(
    ReferenceKind kind, const ImageView& view, std::uint64_t offset, std::int32_t partner,
    std::uint64_t place, std::uint64_t base) {
  if (kind == ReferenceKind::xtensa_call) {
    const std::uint32_t call = view.u8(offset) | view.u16(offset + 1) << 8;
    if (!is_xtensa_call(call)) return std::nullopt;
    return (place & ~std::uint64_t{3}) + 4 + (sign_extend(call >> 6, 18) << 2);
  }
  const std::uint32_t word = view.u32(offset);
  const std::uint32_t other =
      partner == 0 ? 0 : view.u32(offset + static_cast<std::uint64_t>(std::int64_t{partner}));
  switch (kind) {
    case ReferenceKind::a64_branch:
      if (!is_a64_branch(word)) return std::nullopt;
      return place + (sign_extend(word, 26) << 2);
    case ReferenceKind::a64_page:
      if (!is_a64_page(word)) return std::nullopt;
      if (partner == 0)
        return ((place + base) & ~std::uint64_t{0xfff}) - base + a64_page_distance(word);
      if (!is_a64_low(other) || a64_operand(other) != a64_result(word)) return std::nullopt;
      return ((place + base) & ~std::uint64_t{0xfff}) - base + a64_page_distance(word) +
             a64_low_bits(other);
    case ReferenceKind::a64_low:
      if (!is_a64_low(word) || !is_a64_page(other)) return std::nullopt;
      if (a64_operand(word) != a64_result(other)) return std::nullopt;
      return ((place + base) & ~std::uint64_t{0xfff}) - base + a64_page_distance(other) +
             a64_low_bits(word);
    case ReferenceKind::thumb_branch:
      if (!is_thumb_branch(word)) return std::nullopt;
      return thumb_place(word, place) + 4 + thumb_distance(word);
    case ReferenceKind::thumb_low:
      if (!is_thumb_low(word) || !is_thumb_high(other)) return std::nullopt;
      return (thumb_half(other) << 16 | thumb_half(word)) - base;
    case ReferenceKind::thumb_high:
      if (!is_thumb_high(word) || !is_thumb_low(other)) return std::nullopt;
      return (thumb_half(word) << 16 | thumb_half(other)) - base;
    case ReferenceKind::arm_branch:
      if (!is_arm_branch(word)) return std::nullopt;
      return place + 8 + (sign_extend(word, 24) << 2);
    case ReferenceKind::arm_low:
      if (!is_arm_low(word) || !is_arm_high(other)) return std::nullopt;
      return (arm_half(other) << 16 | arm_half(word)) - base;
    case ReferenceKind::arm_high:
      if (!is_arm_high(word) || !is_arm_low(other)) return std::nullopt;
      return (arm_half(word) << 16 | arm_half(other)) - base;
    case ReferenceKind::x86_relative: return place + 4 + sign_extend(word, 32);
    case ReferenceKind::riscv_branch:
      if (!is_riscv_branch(word)) return std::nullopt;
      return place + riscv_distance(word);
    case ReferenceKind::riscv_high:
    case ReferenceKind::riscv_low: {
      const std::uint32_t high = kind == ReferenceKind::riscv_high ? word : other;
      const std::uint32_t low = kind == ReferenceKind::riscv_high ? other : word;
      if (!is_riscv_high(high) || !is_riscv_low(low)) return std::nullopt;
      if (riscv_operand(low) != riscv_result(high)) return std::nullopt;
      const std::uint64_t sum = sign_extend(high & 0xfffff000, 32) + riscv_low_bits(low);
      return is_riscv_relative(high) ? place + sum : (sum & 0xffffffff) - base;
    }
    case ReferenceKind::absolute32: return word - base;
    case ReferenceKind::absolute64: return view.u64(offset) - base;
    case ReferenceKind::relative32: return place + sign_extend(word, 32);
    case ReferenceKind::xtensa_call: break;
  }
  return std::nullopt;
}

// Whether the reference holds a distance from Reference::place.
inline bool is_relative(const Reference& reference, const ImageView& view) {
  switch (reference.kind) {
    case ReferenceKind::thumb_low:
    case ReferenceKind::thumb_high:
    case ReferenceKind::arm_low:
    case ReferenceKind::arm_high:
    case ReferenceKind::absolute32:
    case ReferenceKind::absolute64: return false;
    case ReferenceKind::riscv_high: return is_riscv_relative(view.u32(reference.offset));
    case ReferenceKind::riscv_low:
      return is_riscv_relative(
          view.u32(reference.offset + static_cast<std::uint64_t>(std::int64_t{reference.partner})));
    default: return true;
  }
}

// The bytes of the reference when it holds `target` and is relative to `place`, in the low bytes;
// nothing when it cannot hold that.
inline std::optional<std::uint64_t> rewritten(const Reference& reference, const ImageView& view,
                                              std::uint64_t place, std::uint64_t target,
                                              std::uint64_t base) {
  const auto fits = [](std::uint64_t value, unsigned bits) {
    return sign_extend(value, bits) == value;
  };
  if (reference.kind == ReferenceKind::xtensa_call) {
    const std::uint64_t past = target - (place & ~std::uint64_t{3}) - 4;
    if (past % 4 != 0 || !fits(past, 20)) return std::nullopt;
    return (view.u8(reference.offset) & 0x3f) | (past >> 2 & 0x3ffff) << 6;
  }
  const std::uint32_t word = view.u32(reference.offset);
  const std::uint64_t distance = target - place;
  switch (reference.kind) {
    case ReferenceKind::a64_branch:
      if (distance % 4 != 0 || !fits(distance, 28)) return std::nullopt;
      return (word & 0xfc000000) | (distance >> 2 & 0x03ffffff);
    case ReferenceKind::a64_page: {
      const std::uint64_t pages = ((target + base) >> 12) - ((place + base) >> 12);
      if (!fits(pages, 21)) return std::nullopt;
      return (word & 0x9f00001f) | (pages & 3) << 29 | (pages >> 2 & 0x7ffff) << 5;
    }
    case ReferenceKind::a64_low: {
      const std::uint64_t low = (target + base) & 0xfff;
      const unsigned scale = a64_scale(word);
      if (low % (1u << scale) != 0) return std::nullopt;
      return (word & 0xffc003ff) | (low >> scale) << 10;
    }
    case ReferenceKind::thumb_branch: {
      const std::uint64_t past = target - thumb_place(word, place) - 4;
      const std::uint64_t unit = is_thumb_exchange(word) ? 4 : 2;
      if (past % unit != 0 || !fits(past, 25)) return std::nullopt;
      return with_thumb_distance(word, past);
    }
    case ReferenceKind::thumb_low:
      return with_thumb_half(word, static_cast<std::uint32_t>(target + base) & 0xffff);
    case ReferenceKind::thumb_high:
      return with_thumb_half(word, static_cast<std::uint32_t>(target + base) >> 16);
    case ReferenceKind::arm_branch:
      if (distance % 4 != 0 || !fits(distance - 8, 26)) return std::nullopt;
      return (word & 0xff000000) | ((distance - 8) >> 2 & 0x00ffffff);
    case ReferenceKind::arm_low:
      return with_arm_half(word, static_cast<std::uint32_t>(target + base) & 0xffff);
    case ReferenceKind::arm_high:
      return with_arm_half(word, static_cast<std::uint32_t>(target + base) >> 16);
    case ReferenceKind::x86_relative:
      if (!fits(distance - 4, 32)) return std::nullopt;
      return (distance - 4) & 0xffffffff;
    case ReferenceKind::riscv_branch:
      if (distance % 2 != 0 || !fits(distance, 21)) return std::nullopt;
      return with_riscv_distance(word, distance);
    case ReferenceKind::riscv_high: {
      const std::uint64_t sum = is_riscv_relative(word) ? distance : target + base;
      return (word & 0xfff) | ((sum + 0x800) & 0xfffff000);
    }
    case ReferenceKind::riscv_low: {
      const bool relative = is_relative(reference, view);
      return with_riscv_low_bits(word,
                                 static_cast<std::uint32_t>(relative ? distance : target + base));
    }
    case ReferenceKind::absolute32: return (target + base) & 0xffffffff;
    case ReferenceKind::absolute64: return target + base;
    case ReferenceKind::relative32:
      if (!fits(distance, 32)) return std::nullopt;
      return distance & 0xffffffff;
    case ReferenceKind::xtensa_call: break;
  }
  return std::nullopt;
}

}  // namespace references
}  // namespace romdelta
