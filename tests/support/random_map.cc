#include "tests/support/random_map.h"

#include <set>

namespace romdelta::test {
namespace {

// Strictly ascending, some close to each other, most below `end`.
std::vector<MapStep> random_steps(Random* random, std::size_t count, std::uint64_t end) {
  std::set<std::uint32_t> begins;
  if (pick(random, 0, 3) != 0) begins.insert(0);
  std::uint64_t last = 0;
  while (begins.size() < count) {
    switch (pick(random, 0, 4)) {
      case 0: last += pick(random, 1, 9); break;
      case 1: last = pick(random, 0, 0xffffffff); break;
      default: last = pick(random, 0, end); break;
    }
    begins.insert(static_cast<std::uint32_t>(last));
  }
  std::vector<MapStep> steps;
  for (const std::uint32_t begin : begins) steps.push_back({begin, 0});
  return steps;
}

std::uint32_t random_shift(Random* random) {
  switch (pick(random, 0, 9)) {
    case 0: return AddressMap::no_shift;
    case 1: return static_cast<std::uint32_t>(pick(random, 0, 0xffffffff));
    case 2: return 0;
    case 3: return static_cast<std::uint32_t>(pick(random, 0, 64) - 32);
    default: return static_cast<std::uint32_t>(4 * pick(random, 0, 0x4000) - 0x8000);
  }
}

std::uint32_t random_rules(Random* random) {
  const auto code = static_cast<std::uint32_t>(pick(random, 0, rules::code_end - 1));
  switch (pick(random, 0, 3)) {
    case 0: return code | static_cast<std::uint32_t>(pick(random, 0, 15) << 4);
    case 1: return static_cast<std::uint32_t>(pick(random, 0, 15) << 4);
    default: return code;
  }
}

// Bits of the instructions that only the tests of references explain.
class Code {
 public:
  Code(Random* random, std::size_t count, std::uint64_t base)
      : random_(random), count_(count), base_(base) {}

  Bytes make(std::uint32_t rule) {
    while (out_.size() < count_) {
      const bool noise = pick(random_, 0, 9) == 0;
      one(noise ? 7 : rule == 0 ? any(1, 11) : rule);
    }
    out_.resize(count_);
    return out_;
  }

 private:
  std::uint32_t any(std::uint64_t low, std::uint64_t high) {
    return static_cast<std::uint32_t>(pick(random_, low, high));
  }
  // A field of `count` bits, the most significant ones mostly alike.
  std::uint32_t field(unsigned count) {
    const std::uint32_t mask = count == 32 ? ~0u : (1u << count) - 1;
    const auto reach = static_cast<std::uint32_t>(count_ / 4);
    const std::uint32_t near = any(0, 2 * reach) - reach;
    return (pick(random_, 0, 7) == 0 ? any(0, 0xffffffff) : near) & mask;
  }
  void word(std::uint32_t v, int bytes = 4) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  }
  void half(std::uint32_t v) { word(v, 2); }
  // Noise up to the next multiple of `unit`: most sets of instructions are aligned.
  void align(std::size_t unit) {
    while (out_.size() % unit != 0) out_.push_back(static_cast<std::uint8_t>(any(0, 255)));
  }

  void one(std::uint32_t rule) {
    if (rule == rules::a64 || rule == rules::arm || (rule >= 8 && rule <= 10)) align(4);
    if (rule == rules::thumb || rule == rules::riscv) align(2);
    switch (rule) {
      case rules::a64: return a64();
      case rules::thumb: return thumb();
      case rules::arm: return arm();
      case rules::x86: return x86();
      case rules::riscv: return riscv();
      case rules::xtensa:
        if (any(0, 2) == 0) return half(any(0, 0xffff));
        return word(field(18) << 6 | any(0, 3) << 4 | 5, 3);
      case 8: return word(static_cast<std::uint32_t>(base_ + any(0, count_)));
      case 9:
        word(static_cast<std::uint32_t>(base_ + any(0, count_)));
        return word(static_cast<std::uint32_t>(base_ >> 32));
      case 10: return word(field(32));
      default: return word(any(0, 0xffffffff), static_cast<int>(any(1, 4)));
    }
  }

  void a64() {
    const std::uint32_t rd = any(0, 3);
    switch (any(0, 5)) {
      case 0: return word(0x14000000 | any(0, 1) << 31 | field(26));
      case 1:
        return word(0x90000000 | any(0, 3) << 29 | (any(0, 7) == 0 ? field(19) : any(0, 3)) << 5 |
                    rd);
      case 2: return word(0x91000000 | any(0, 0xfff) << 10 | rd << 5 | rd);
      case 3:
        return word(0x39000000 | any(0, 3) << 30 | any(0, 1) << 26 | any(0, 3) << 22 |
                    any(0, 0xfff) << 10 | rd << 5 | any(0, 31));
      default:
        word(0x90000000 | any(0, 3) << 29 | rd);
        return word(0xf9400000 | any(0, 0xfff) << 10 | rd << 5);
    }
  }

  void thumb() {
    constexpr std::uint32_t kinds[] = {0xd000, 0x9000, 0xc000};
    const std::uint32_t rd = any(0, 3);
    switch (any(0, 4)) {
      case 0: return half(any(0, 0xffff));
      case 1:
      case 2: {
        const std::uint32_t s = any(0, 1);
        half(0xf000 | s << 10 | (any(0, 7) == 0 ? any(0, 0x3ff) : s == 1 ? 0x3ff : 0));
        return half(kinds[any(0, 2)] | 0x2800 * any(0, 1) | any(0, 0x7ff));
      }
      default: {
        const std::uint32_t address = static_cast<std::uint32_t>(base_) + any(0, count_);
        thumb_half(0xf240, rd, address & 0xffff);
        if (any(0, 3) == 0) half(any(0, 0xffff));
        return thumb_half(0xf2c0, rd, address >> 16);
      }
    }
  }
  void thumb_half(std::uint32_t kind, std::uint32_t rd, std::uint32_t value) {
    half(kind | value >> 12 | (value >> 11 & 1) << 10);
    half((value >> 8 & 7) << 12 | rd << 8 | (value & 0xff));
  }

  void arm() {
    const std::uint32_t rd = any(0, 3) << 12;
    if (any(0, 1) == 0) return word(0xea000000 | any(0, 1) << 24 | field(24));
    const std::uint32_t address = static_cast<std::uint32_t>(base_) + any(0, count_);
    word(0xe3000000 | rd | (address & 0xf000) << 4 | (address & 0xfff));
    if (any(0, 3) == 0) word(any(0, 0xffffffff));
    word(0xe3400000 | rd | (address >> 28) << 16 | (address >> 16 & 0xfff));
  }

  void x86() {
    constexpr std::uint32_t opcodes[] = {0xe8, 0xe9, 0x840f, 0x058b48, 0x058d48, 0x05100f, 0x15ff};
    const std::uint32_t opcode = opcodes[any(0, 6)];
    word(opcode, opcode > 0xffff ? 3 : opcode > 0xff ? 2 : 1);
    word(field(32));
    if (any(0, 1) == 0) word(any(0, 0xff), 1);
  }

  void riscv() {
    const std::uint32_t rd = any(0, 2) << 7;
    switch (any(0, 4)) {
      case 0: return half(any(0, 0xffff));
      case 1: return word(0x6f | any(0, 1) << 7 | any(0, 1) * 0xff1ff000u | field(12) << 20);
      default: {
        const bool absolute = any(0, 1) == 0;
        const std::uint32_t address = static_cast<std::uint32_t>(base_) + any(0, count_);
        word((absolute ? address & 0xfffff000u : any(0, 2) << 12) | rd | (absolute ? 0x37 : 0x17));
        if (any(0, 3) == 0) half(any(0, 0xffff));
        if (any(0, 2) == 0) return word(0x2023 | any(0, 0xfff) << 20 | rd << 8 | any(0, 31) << 7);
        return word((address & 0xfff) << 20 | rd << 8 | any(0, 31) << 7 | 0x13);
      }
    }
  }

  Random* random_;
  std::size_t count_;
  std::uint64_t base_;
  Bytes out_;
};

}  // namespace

ReferenceMap random_map(Random* random, std::size_t image_bytes) {
  constexpr std::uint64_t bases[] = {0,          1,          0x08000000, 0x08000802,
                                     0xffff0000, 1ull << 40, 0ull - 1,   0ull - 4096};
  ReferenceMap map;
  map.base = bases[pick(random, 0, std::size(bases) - 1)];
  const std::uint64_t end = image_bytes;
  map.segments = random_steps(random, pick(random, 1, 6), end);
  map.regions = random_steps(random, pick(random, 1, pick(random, 0, 1) == 0 ? 4 : 60), end);
  map.anchors = random_steps(random, pick(random, 0, 5), end);
  map.shifts = random_steps(random, pick(random, 1, pick(random, 0, 1) == 0 ? 4 : 100), end + 4096);
  for (MapStep& step : map.segments) {
    const std::uint64_t kind = pick(random, 0, 7);
    step.value = step.begin + static_cast<std::uint32_t>(kind < 4 ? 0 : pick(random, 0, 4096));
    if (kind == 6) step.value = static_cast<std::uint32_t>(pick(random, 0, 0xffffffff));
    if (kind == 7) step.value = AddressMap::no_address;
  }
  for (MapStep& step : map.regions) step.value = random_rules(random);
  for (MapStep& step : map.anchors) {
    step.value = static_cast<std::uint32_t>(pick(random, 0, pick(random, 0, 3) == 0 ? ~0u : end));
  }
  for (MapStep& step : map.shifts) step.value = random_shift(random);
  return map;
}

ReferenceMap plain_map(std::uint32_t rule, std::uint64_t base, std::vector<MapStep> shifts) {
  return {base, {{0, 0}}, {{0, rule}}, {{0, 0}}, std::move(shifts)};
}

Bytes random_code(Random* random, std::size_t count, std::uint32_t rule, std::uint64_t base) {
  return Code(random, count, base).make(rule);
}

}  // namespace romdelta::test
