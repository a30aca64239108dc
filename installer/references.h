// References: operands of instructions and words of data that hold an address. How they are found,
// read and written. docs/format.md section 7.10 specifies each kind.
//
// Finding is a function of the bytes around a place and of nothing else, so that a device can do it
// in any window of the source. All addresses here are counted from AddressMap::base, modulo 2^64.
#pragma once

#include <cstdint>
#include <optional>

#include "format/bytes.h"
#include "installer/address_map.h"

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

constexpr std::uint64_t sign_extend(std::uint64_t value, unsigned bits) {
  const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
  return ((value & (2 * sign - 1)) ^ sign) - sign;
}

constexpr unsigned size_bytes(ReferenceKind kind) {
  if (kind == ReferenceKind::xtensa_call) return 3;
  return kind == ReferenceKind::absolute64 ? 8 : 4;
}

// --- ARM64. ---

// How many instructions ADRP and what adds the low bits may be apart.
inline constexpr std::uint64_t pair_distance = 8;

constexpr bool is_a64_branch(std::uint32_t word) { return (word & 0x7c000000) == 0x14000000; }
constexpr bool is_a64_page(std::uint32_t word) { return (word & 0x9f000000) == 0x90000000; }
constexpr bool is_a64_add(std::uint32_t word) { return (word & 0xffc00000) == 0x91000000; }
constexpr bool is_a64_access(std::uint32_t word) { return (word & 0x3b000000) == 0x39000000; }
constexpr bool is_a64_low(std::uint32_t word) { return is_a64_add(word) || is_a64_access(word); }
constexpr std::uint32_t a64_result(std::uint32_t word) { return word & 31; }
constexpr std::uint32_t a64_operand(std::uint32_t word) { return word >> 5 & 31; }
// By how much the 12 bits of an access are shifted.
constexpr unsigned a64_scale(std::uint32_t word) {
  if (is_a64_add(word)) return 0;
  const bool is_128_bits = (word & 0x04800000) == 0x04800000;
  return is_128_bits ? 4 : word >> 30;
}
constexpr std::uint64_t a64_page_distance(std::uint32_t word) {
  return sign_extend((word >> 5 & 0x7ffff) << 2 | (word >> 29 & 3), 21) << 12;
}
constexpr std::uint64_t a64_low_bits(std::uint32_t word) {
  return std::uint64_t{word >> 10 & 0xfff} << a64_scale(word);
}

// --- Thumb-2: two halfwords, the first in the low half. ---

constexpr bool is_thumb_branch(std::uint32_t word) {
  const std::uint32_t second = word >> 16;
  return (word & 0xf800) == 0xf000 && ((second & 0xd000) == 0xd000 || (second & 0xd000) == 0x9000 ||
                                       (second & 0xd001) == 0xc000);
}
// Whether the branch goes to ARM code: its distance is counted from a multiple of 4.
constexpr bool is_thumb_exchange(std::uint32_t word) { return (word >> 16 & 0xd000) == 0xc000; }
constexpr std::uint64_t thumb_place(std::uint32_t word, std::uint64_t place) {
  return is_thumb_exchange(word) ? place & ~std::uint64_t{3} : place;
}
constexpr bool is_thumb_low(std::uint32_t word) { return (word & 0x8000fbf0) == 0x0000f240; }
constexpr bool is_thumb_high(std::uint32_t word) { return (word & 0x8000fbf0) == 0x0000f2c0; }
constexpr std::uint32_t thumb_register(std::uint32_t word) { return word >> 24 & 15; }
constexpr std::uint64_t thumb_distance(std::uint32_t word) {
  const std::uint64_t first = word & 0xffff;
  const std::uint64_t second = word >> 16;
  const std::uint64_t s = first >> 10 & 1;
  const std::uint64_t i1 = (second >> 13 & 1) ^ s ^ 1;
  const std::uint64_t i2 = (second >> 11 & 1) ^ s ^ 1;
  return sign_extend(s << 24 | i1 << 23 | i2 << 22 | (first & 0x3ff) << 12 | (second & 0x7ff) << 1,
                     25);
}
constexpr std::uint32_t with_thumb_distance(std::uint32_t word, std::uint64_t distance) {
  const auto d = static_cast<std::uint32_t>(distance);
  const std::uint32_t s = d >> 24 & 1;
  const std::uint32_t j1 = (d >> 23 & 1) ^ s ^ 1;
  const std::uint32_t j2 = (d >> 22 & 1) ^ s ^ 1;
  return (word & 0xd000f800) | s << 10 | (d >> 12 & 0x3ff) | j1 << 29 | j2 << 27 |
         (d >> 1 & 0x7ff) << 16;
}
constexpr std::uint32_t thumb_half(std::uint32_t word) {
  return (word & 15) << 12 | (word >> 10 & 1) << 11 | (word >> 28 & 7) << 8 | (word >> 16 & 0xff);
}
constexpr std::uint32_t with_thumb_half(std::uint32_t word, std::uint32_t half) {
  return (word & 0x8f00fbf0) | (half >> 12 & 15) | (half >> 11 & 1) << 10 | (half >> 8 & 7) << 28 |
         (half & 0xff) << 16;
}

// --- ARM32. ---

constexpr bool is_arm_branch(std::uint32_t word) { return (word & 0x0e000000) == 0x0a000000; }
constexpr bool is_arm_low(std::uint32_t word) { return (word & 0x0ff00000) == 0x03000000; }
constexpr bool is_arm_high(std::uint32_t word) { return (word & 0x0ff00000) == 0x03400000; }
constexpr std::uint32_t arm_register(std::uint32_t word) { return word >> 12 & 15; }
constexpr std::uint32_t arm_half(std::uint32_t word) {
  return (word >> 4 & 0xf000) | (word & 0xfff);
}
constexpr std::uint32_t with_arm_half(std::uint32_t word, std::uint32_t half) {
  return (word & 0xfff0f000) | (half & 0xf000) << 4 | (half & 0xfff);
}

// --- RISC-V. ---

// How far what adds the low bits may lie behind AUIPC or LUI, in bytes.
inline constexpr std::uint64_t riscv_pair_bytes = 16;

constexpr bool is_riscv_branch(std::uint32_t word) {
  const std::uint32_t link = word >> 7 & 31;
  return (word & 0x7f) == 0x6f && (link == 0 || link == 1 || link == 5);
}
constexpr bool is_riscv_relative(std::uint32_t word) { return (word & 0x7f) == 0x17; }
constexpr bool is_riscv_high(std::uint32_t word) { return (word & 0x5f) == 0x17; }
constexpr bool is_riscv_store(std::uint32_t word) { return (word & 0x7b) == 0x23; }
constexpr bool is_riscv_low(std::uint32_t word) {
  const std::uint32_t opcode = word & 0x7f;
  const bool is_plain = (word >> 12 & 7) == 0;
  return ((opcode == 0x13 || opcode == 0x67) && is_plain) || opcode == 0x03 || opcode == 0x07 ||
         is_riscv_store(word);
}
constexpr std::uint32_t riscv_result(std::uint32_t word) { return word >> 7 & 31; }
constexpr std::uint32_t riscv_operand(std::uint32_t word) { return word >> 15 & 31; }
constexpr std::uint64_t riscv_distance(std::uint32_t word) {
  const std::uint64_t bits = (word >> 31 & 1) << 20 | (word >> 12 & 0xff) << 12 |
                             (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1;
  return sign_extend(bits, 21);
}
constexpr std::uint32_t with_riscv_distance(std::uint32_t word, std::uint64_t distance) {
  const auto d = static_cast<std::uint32_t>(distance);
  return (word & 0xfff) | (d >> 20 & 1) << 31 | (d >> 12 & 0xff) << 12 | (d >> 11 & 1) << 20 |
         (d >> 1 & 0x3ff) << 21;
}
constexpr std::uint64_t riscv_low_bits(std::uint32_t word) {
  const std::uint32_t bits =
      is_riscv_store(word) ? (word >> 25) << 5 | (word >> 7 & 31) : word >> 20;
  return sign_extend(bits, 12);
}
constexpr std::uint32_t with_riscv_low_bits(std::uint32_t word, std::uint32_t bits) {
  return is_riscv_store(word) ? (word & 0x01fff07f) | (bits >> 5 & 0x7f) << 25 | (bits & 31) << 7
                              : (word & 0x000fffff) | (bits & 0xfff) << 20;
}

// --- Xtensa: instructions of two or three bytes. ---

// Where instructions begin is found by reading them from here on before each block of so many bytes
// of the image: after a few of them that is right whatever the first byte was.
inline constexpr std::uint64_t xtensa_block_bytes = 64;
inline constexpr std::uint64_t xtensa_lead_bytes = 40;

constexpr std::uint64_t xtensa_instruction_bytes(std::uint32_t first) {
  return (first & 15) >= 8 && (first & 15) < 14 ? 2 : 3;
}
constexpr bool is_xtensa_call(std::uint32_t first) { return (first & 15) == 5; }

// --- x86-64: displacements of four bytes anywhere. ---

// True when the bytes before `at` make a displacement of the four bytes there.
inline bool is_x86_relative(const ImageView& view, std::uint64_t at) {
  if (!view.has(at - 3, 7) || at < 3) return false;
  const std::uint32_t last = view.u8(at - 1);
  const std::uint32_t opcode = view.u8(at - 2);
  if (last == 0xe8 || last == 0xe9) return true;             // CALL, JMP.
  if ((last & 0xf0) == 0x80 && opcode == 0x0f) return true;  // Jcc.
  if ((last & 0xc7) != 0x05) return false;                   // An operand at RIP.
  const std::uint32_t before = view.u8(at - 3);
  if (before == 0x0f) {
    return opcode == 0x10 || opcode == 0x11 || opcode == 0x28 || opcode == 0x29 || opcode == 0x6f ||
           opcode == 0x7f || opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf ||
           opcode == 0x1f || opcode == 0x6e || (opcode & 0xf0) == 0x40 || (opcode & 0xf0) == 0x50 ||
           opcode == 0x2e || opcode == 0x2f;
  }
  switch (opcode) {
    case 0x8b:
    case 0x8d:
    case 0x89:
    case 0x88:
    case 0x8a:
    case 0x63:
    case 0x03:
    case 0x0b:
    case 0x13:
    case 0x1b:
    case 0x23:
    case 0x2b:
    case 0x33:
    case 0x3b:
    case 0x01:
    case 0x09:
    case 0x21:
    case 0x29:
    case 0x31:
    case 0x39:
    case 0x38:
    case 0x3a:
    case 0x80:
    case 0x81:
    case 0x83:
    case 0x85:
    case 0x84:
    case 0xc6:
    case 0xc7:
    case 0xf6:
    case 0xf7:
    case 0xff: return true;
    default: return false;
  }
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

// --- Finding. ---

// The partner that `is_partner` accepts and lies nearest, up to `most` bytes away in steps of
// `step`; 0 when there is none. Negative steps search backwards.
template <typename IsPartner>
std::int8_t find_partner(const ImageView& view, std::uint64_t offset, int step, int count,
                         IsPartner is_partner) {
  for (int i = 1; i <= count; ++i) {
    const std::uint64_t at = offset + static_cast<std::uint64_t>(std::int64_t{step * i});
    if (!view.has(at, 4)) return 0;
    if (is_partner(view.u32(at))) return static_cast<std::int8_t>(step * i);
  }
  return 0;
}

// What an instruction at `offset` refers to, if it does. `address` is its own.
template <std::uint32_t code>
std::optional<Reference> instruction_at(const ImageView& view, std::uint64_t offset,
                                        std::uint64_t address, std::uint64_t base) {
  Reference found;
  found.offset = offset;
  found.place = address;
  const std::uint32_t word = view.u32(offset);
  if constexpr (code == rules::a64) {
    if (is_a64_branch(word)) {
      found.kind = ReferenceKind::a64_branch;
    } else if (is_a64_page(word)) {
      found.kind = ReferenceKind::a64_page;
      found.partner = find_partner(view, offset, 4, pair_distance, [&](std::uint32_t other) {
        return is_a64_low(other) && a64_operand(other) == a64_result(word);
      });
    } else if (is_a64_low(word)) {
      found.kind = ReferenceKind::a64_low;
      found.partner = find_partner(view, offset, -4, pair_distance, [&](std::uint32_t other) {
        return is_a64_page(other) && a64_result(other) == a64_operand(word);
      });
      if (found.partner == 0) return std::nullopt;
      found.place += static_cast<std::uint64_t>(std::int64_t{found.partner});
    } else {
      return std::nullopt;
    }
  } else if constexpr (code == rules::thumb) {
    if (is_thumb_branch(word)) {
      // The second half of one instruction is not the first of another.
      if (view.has(offset - 2, 4) && is_thumb_branch(view.u32(offset - 2))) return std::nullopt;
      found.kind = ReferenceKind::thumb_branch;
    } else if (is_thumb_low(word)) {
      found.kind = ReferenceKind::thumb_low;
      found.partner = find_partner(view, offset, 2, 2 * pair_distance, [&](std::uint32_t other) {
        return is_thumb_high(other) && thumb_register(other) == thumb_register(word);
      });
      if (found.partner == 0) return std::nullopt;
    } else if (is_thumb_high(word)) {
      found.kind = ReferenceKind::thumb_high;
      found.partner = find_partner(view, offset, -2, 2 * pair_distance, [&](std::uint32_t other) {
        return is_thumb_low(other) && thumb_register(other) == thumb_register(word);
      });
      if (found.partner == 0) return std::nullopt;
    } else {
      return std::nullopt;
    }
  } else if constexpr (code == rules::arm) {
    if (is_arm_branch(word)) {
      found.kind = ReferenceKind::arm_branch;
    } else if (is_arm_low(word)) {
      found.kind = ReferenceKind::arm_low;
      found.partner = find_partner(view, offset, 4, pair_distance, [&](std::uint32_t other) {
        return is_arm_high(other) && arm_register(other) == arm_register(word);
      });
      if (found.partner == 0) return std::nullopt;
    } else if (is_arm_high(word)) {
      found.kind = ReferenceKind::arm_high;
      found.partner = find_partner(view, offset, -4, pair_distance, [&](std::uint32_t other) {
        return is_arm_low(other) && arm_register(other) == arm_register(word);
      });
      if (found.partner == 0) return std::nullopt;
    } else {
      return std::nullopt;
    }
  } else if constexpr (code == rules::x86) {
    if (!is_x86_relative(view, offset)) return std::nullopt;
    // Of displacements that overlap the first is one.
    for (std::uint64_t i = 1; i < 4; ++i) {
      if (is_x86_relative(view, offset - i)) return std::nullopt;
    }
    found.kind = ReferenceKind::x86_relative;
  } else if constexpr (code == rules::riscv) {
    if (is_riscv_branch(word)) {
      found.kind = ReferenceKind::riscv_branch;
    } else if (is_riscv_high(word)) {
      found.kind = ReferenceKind::riscv_high;
      found.partner = find_partner(view, offset, 2, riscv_pair_bytes / 2, [&](std::uint32_t other) {
        return is_riscv_low(other) && riscv_operand(other) == riscv_result(word);
      });
      if (found.partner < 4) return std::nullopt;
    } else if (is_riscv_low(word)) {
      found.kind = ReferenceKind::riscv_low;
      found.partner =
          find_partner(view, offset, -2, riscv_pair_bytes / 2, [&](std::uint32_t other) {
            return is_riscv_high(other) && riscv_result(other) == riscv_operand(word);
          });
      if (found.partner > -4) return std::nullopt;
      found.place += static_cast<std::uint64_t>(std::int64_t{found.partner});
    } else {
      return std::nullopt;
    }
  }
  const auto target = read(found.kind, view, offset, found.partner, found.place, base);
  if (!target) return std::nullopt;
  found.target = *target;
  return found;
}

template <typename Visit>
void visit_xtensa(const ImageView& view, std::uint64_t begin, std::uint64_t end,
                  std::uint64_t address, const AddressMap& map, Visit& visit) {
  const std::uint64_t address_end = map.address_end();
  std::uint64_t block = begin / xtensa_block_bytes * xtensa_block_bytes;
  for (; block < end; block += xtensa_block_bytes) {
    const std::uint64_t block_end = std::min(block + xtensa_block_bytes, end);
    std::uint64_t at = block - std::min(block, xtensa_lead_bytes);
    for (; at < block_end && view.has(at, 3); at += xtensa_instruction_bytes(view.u8(at))) {
      if (at < begin || at < block || !is_xtensa_call(view.u8(at))) continue;
      Reference found;
      found.kind = ReferenceKind::xtensa_call;
      found.offset = at;
      found.place = address + (at - begin);
      found.target = *read(found.kind, view, at, 0, found.place, map.base);
      if (found.target < address_end) visit(found);
    }
  }
}

// Most instructions of ARM64 that might add the low bits of an address do not: no ADRP is near.
// This tells them apart without a search.
template <std::uint32_t code>
class PairFilter {
 public:
  PairFilter(const ImageView& view, std::uint64_t begin) : view_(view) {
    if constexpr (code == rules::a64) {
      constexpr std::uint64_t reach = 4 * pair_distance;
      const std::uint64_t first = begin - std::min(begin, reach);
      for (std::uint64_t at = first; at < begin; at += 4) {
        if (view.has(at, 4)) note(at, view.u32(at));
      }
    }
  }

  // True when nothing begins at `at`. To be called with every instruction, in order.
  bool is_nothing(std::uint64_t at) {
    if constexpr (code == rules::a64) {
      const std::uint32_t word = view_.u32(at);
      note(at, word);
      if (is_a64_low(word)) return at > pages_reach_;
      return !is_a64_branch(word) && !is_a64_page(word);
    }
    return false;
  }

 private:
  void note(std::uint64_t at, std::uint32_t word) {
    if (is_a64_page(word)) pages_reach_ = at + 4 * pair_distance;
  }

  const ImageView& view_;
  std::uint64_t pages_reach_ = 0;  // How far the last ADRP can have partners.
};

template <std::uint32_t code, typename Visit>
void visit_code(const ImageView& view, std::uint64_t begin, std::uint64_t end,
                std::uint64_t address, const AddressMap& map, Visit& visit) {
  const std::uint64_t address_end = map.address_end();
  constexpr std::uint64_t step = code == rules::a64 || code == rules::arm       ? 4
                                 : code == rules::thumb || code == rules::riscv ? 2
                                                                                : 1;
  const std::uint64_t first = round_up(begin, step);
  const std::uint64_t last = view.end_of(first, end, 4);
  PairFilter<code> filter(view, first);
  for (std::uint64_t at = first; at < last; at += step) {
    if (filter.is_nothing(at)) continue;
    const auto found = instruction_at<code>(view, at, address + (at - begin), map.base);
    if (found && found->target < address_end) visit(*found);
  }
}

// Words of data. `place`: the address that those at `begin` are relative to; `place_step`: how much
// it grows with each byte.
template <ReferenceKind kind, typename Visit>
void visit_data(const ImageView& view, std::uint64_t begin, std::uint64_t end, std::uint64_t place,
                std::uint64_t place_step, const AddressMap& map, Visit& visit) {
  const std::uint64_t address_end = map.address_end();
  constexpr std::uint64_t step = size_bytes(kind);
  const std::uint64_t first = round_up(begin, step);
  const std::uint64_t last = view.end_of(first, end, step);
  for (std::uint64_t at = first; at < last; at += step) {
    Reference found;
    found.kind = kind;
    found.offset = at;
    found.place = place + (at - begin) * place_step;
    found.target = *read(kind, view, at, 0, found.place, map.base);
    if (found.target < address_end) visit(found);
  }
}

// Calls visit(Reference) for each reference of these rules that begins at offsets [begin, end),
// where `address` is that of `begin` and `anchor` that of rules::anchored32: instructions in
// ascending order, then each kind of data.
template <typename Visit>
void visit_all(const ImageView& view, std::uint64_t begin, std::uint64_t end, std::uint64_t address,
               std::uint64_t anchor, std::uint32_t rule_bits, const AddressMap& map,
               Visit&& visit) {
  switch (rule_bits & rules::code_mask) {
    case rules::a64: visit_code<rules::a64>(view, begin, end, address, map, visit); break;
    case rules::thumb: visit_code<rules::thumb>(view, begin, end, address, map, visit); break;
    case rules::arm: visit_code<rules::arm>(view, begin, end, address, map, visit); break;
    case rules::x86: visit_code<rules::x86>(view, begin, end, address, map, visit); break;
    case rules::riscv: visit_code<rules::riscv>(view, begin, end, address, map, visit); break;
    case rules::xtensa: visit_xtensa(view, begin, end, address, map, visit); break;
    default: break;
  }
  if ((rule_bits & rules::absolute32) != 0) {
    visit_data<ReferenceKind::absolute32>(view, begin, end, 0, 0, map, visit);
  }
  if ((rule_bits & rules::absolute64) != 0) {
    visit_data<ReferenceKind::absolute64>(view, begin, end, 0, 0, map, visit);
  }
  if ((rule_bits & rules::relative32) != 0) {
    visit_data<ReferenceKind::relative32>(view, begin, end, address, 1, map, visit);
  }
  if ((rule_bits & rules::anchored32) != 0) {
    visit_data<ReferenceKind::relative32>(view, begin, end, anchor, 0, map, visit);
  }
}

}  // namespace references
}  // namespace romdelta
