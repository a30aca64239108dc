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
