// Reference finder: where in an image references are. docs/format.md section 7.10 specifies each
// rule.
//
// Finding is a function of the bytes around a place and of nothing else, so that a device can do it
// in any window of the source.
#pragma once

#include "installer/references.h"

namespace romdelta::references {

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

}  // namespace romdelta::references
