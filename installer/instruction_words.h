// Instruction words: which of them hold an address, and the bits that do. docs/format.md section
// 7.10. Every function is of a word as it lies in memory, little-endian; distances are signed, in
// 64 bits.
#pragma once

#include <cstdint>

namespace romdelta::references {

constexpr std::uint64_t sign_extend(std::uint64_t value, unsigned bits) {
  const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
  return ((value & (2 * sign - 1)) ^ sign) - sign;
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

}  // namespace romdelta::references
