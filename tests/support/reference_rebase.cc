// Sections 7.10 and 7.11 of docs/format.md; see reference_map.h.
#include <algorithm>
#include <optional>
#include <set>

#include "tests/support/reference_map.h"

namespace romdelta::test {
namespace {

constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;

// The lower `n` bits as a signed number, modulo 2^64.
std::uint64_t sx(std::uint64_t v, unsigned n) {
  const std::uint64_t sign = std::uint64_t{1} << (n - 1);
  return ((v & (2 * sign - 1)) ^ sign) - sign;
}
bool fits(std::uint64_t v, unsigned n) { return sx(v, n) == v; }

// v[i..j], and v with other bits there.
std::uint32_t bits(std::uint64_t v, unsigned i, unsigned j) {
  return static_cast<std::uint32_t>((v >> i) & ((std::uint64_t{2} << (j - i)) - 1));
}
std::uint32_t with_bits(std::uint32_t v, unsigned i, unsigned j, std::uint64_t content) {
  const std::uint64_t mask = ((std::uint64_t{2} << (j - i)) - 1) << i;
  return static_cast<std::uint32_t>((v & ~mask) | (content << i & mask));
}

using Place = std::optional<std::uint64_t>;
using Word = std::optional<std::uint64_t>;
constexpr std::nullopt_t kKept = std::nullopt;

// Sections 7.10 and 7.11.
class Rewriter {
 public:
  Rewriter(ByteSpan source, const ReferenceMap& map)
      : source_(source), map_(map), out_(to_bytes(source)) {}

  Bytes rewrite() {
    const std::uint64_t size = source_.size();
    std::set<std::uint64_t> begins = {0, size};
    for (const auto* table : {&map_.segments, &map_.regions, &map_.anchors}) {
      for (const MapStep& step : *table) begins.insert(std::min<std::uint64_t>(step.begin, size));
    }
    find_xtensa();
    for (auto begin = begins.begin(); std::next(begin) != begins.end(); ++begin) {
      part(*begin, *std::next(begin));
    }
    return out_;
  }

 private:
  static std::optional<std::uint32_t> value(const std::vector<MapStep>& table, std::uint64_t key) {
    const auto after = std::upper_bound(
        table.begin(), table.end(), key,
        [](std::uint64_t wanted, const MapStep& step) { return wanted < step.begin; });
    if (after == table.begin()) return std::nullopt;
    return std::prev(after)->value;
  }

  Place address(std::uint64_t offset) const {
    const auto after = std::upper_bound(
        map_.segments.begin(), map_.segments.end(), offset,
        [](std::uint64_t wanted, const MapStep& step) { return wanted < step.begin; });
    if (after == map_.segments.begin() || std::prev(after)->value == 0xffffffff) return {};
    return std::prev(after)->value + (offset - std::prev(after)->begin);
  }

  // Nothing when `address` is none.
  std::optional<std::uint64_t> shift(std::uint64_t address) const {
    if (address >= kTwo32) return {};
    const std::optional<std::uint32_t> found = value(map_.shifts, address);
    if (!found || *found == 0x80000000) return {};
    return sx(*found, 32);
  }

  // Numbers of `count` bytes; nothing when they do not lie inside the source.
  Word number(std::uint64_t o, unsigned count) const {
    if (o > source_.size() || count > source_.size() - o) return {};
    std::uint64_t result = 0;
    for (unsigned i = count; i-- != 0;) {
      result = result << 8 | source_[static_cast<std::size_t>(o + i)];
    }
    return result;
  }
  std::optional<std::uint32_t> w(std::uint64_t o) const {
    const Word word = number(o, 4);
    if (!word) return {};
    return static_cast<std::uint32_t>(*word);
  }

  // The offset of the nearest word that fits; `step` is negative for a search backwards.
  template <typename Fits>
  std::optional<std::uint64_t> partner(std::uint64_t o, int step, int distance, Fits fits) const {
    for (int past = step; past >= -distance && past <= distance; past += step) {
      const std::uint64_t at = o + static_cast<std::uint64_t>(std::int64_t{past});
      const std::optional<std::uint32_t> q = w(at);
      if (!q) return {};
      if (fits(*q)) return at;
    }
    return {};
  }

  // A reference of `count` bytes at `o`; `make(T', P')` is its new content.
  template <typename Make>
  void rewrite(std::uint64_t o, unsigned count, std::uint64_t t, Place p, Make make) {
    const std::optional<std::uint64_t> t_shift = shift(t);
    if (!t_shift) return;
    const std::uint64_t p_shift = p ? shift(*p).value_or(0) : 0;
    if (*t_shift == 0 && p_shift == 0) return;
    const Word made = make(t + *t_shift, p.value_or(0) + p_shift);
    if (!made) return;
    for (unsigned i = 0; i < count; ++i) {
      out_[static_cast<std::size_t>(o + i)] = static_cast<std::uint8_t>(*made >> (8 * i));
    }
  }

  void part(std::uint64_t begin, std::uint64_t end) {
    const std::uint32_t rules = value(map_.regions, begin).value_or(0);
    if (!address(begin)) return;
    for (std::uint64_t o = begin; o < end; ++o) {
      const std::uint64_t a = *address(o);
      switch (rules % 16) {
        case 1:
          if (o % 4 == 0) a64(o, a);
          break;
        case 2:
          if (o % 2 == 0) thumb(o, a);
          break;
        case 3:
          if (o % 4 == 0) arm(o, a);
          break;
        case 4: x86(o, a); break;
        case 5:
          if (o % 2 == 0) riscv(o, a);
          break;
        case 6:
          if (xtensa_.contains(o)) xtensa(o, a);
          break;
        default: break;
      }
    }
    for (std::uint64_t o = begin; o < end; ++o) {
      if (o % 4 == 0 && (rules & 0x10) != 0) absolute(o, 4);
    }
    for (std::uint64_t o = begin; o < end; ++o) {
      if (o % 8 == 0 && (rules & 0x20) != 0) absolute(o, 8);
    }
    for (std::uint64_t o = begin; o < end; ++o) {
      if (o % 4 == 0 && (rules & 0x40) != 0) relative(o, *address(o));
    }
    for (std::uint64_t o = begin; o < end; ++o) {
      if (o % 4 == 0 && (rules & 0x80) != 0) relative(o, value(map_.anchors, o).value_or(0));
    }
  }

  static bool a64_add(std::uint32_t w) { return (w & 0xffc00000) == 0x91000000; }
  static bool a64_low(std::uint32_t w) { return a64_add(w) || (w & 0x3b000000) == 0x39000000; }
  static bool a64_page(std::uint32_t w) { return (w & 0x9f000000) == 0x90000000; }
  static unsigned scale(std::uint32_t w) {
    if (a64_add(w)) return 0;
    return (w & 0x04800000) == 0x04800000 ? 4 : bits(w, 30, 31);
  }
  static std::uint64_t low_bits(std::uint32_t w) {
    return std::uint64_t{bits(w, 10, 21)} << scale(w);
  }
  static std::uint64_t pages(std::uint32_t w) {
    return sx(4 * std::uint64_t{bits(w, 5, 23)} + bits(w, 29, 30), 21);
  }
  std::uint64_t page(std::uint64_t p) const {
    return ((p + map_.base) & ~std::uint64_t{4095}) - map_.base;
  }

  void a64(std::uint64_t o, std::uint64_t a) {
    const std::optional<std::uint32_t> word = w(o);
    if (!word) return;
    const std::uint32_t v = *word;
    if ((v & 0x7c000000) == 0x14000000) {
      rewrite(o, 4, a + 4 * sx(v, 26), a, [&](std::uint64_t t, std::uint64_t p) -> Word {
        if ((t - p) % 4 != 0 || !fits(t - p, 28)) return kKept;
        return with_bits(v, 0, 25, (t - p) / 4);
      });
    } else if (a64_page(v)) {
      const auto low = partner(
          o, 4, 32, [&](std::uint32_t q) { return a64_low(q) && bits(q, 5, 9) == bits(v, 0, 4); });
      const std::uint64_t t = page(a) + 4096 * pages(v) + (low ? low_bits(*w(*low)) : 0);
      rewrite(o, 4, t, a, [&](std::uint64_t t_new, std::uint64_t p) -> Word {
        const std::uint64_t made = (t_new + map_.base) / 4096 - (p + map_.base) / 4096;
        if (!fits(made, 21)) return kKept;
        return with_bits(with_bits(v, 5, 23, made / 4), 29, 30, made);
      });
    } else if (a64_low(v)) {
      const auto high = partner(o, -4, 32, [&](std::uint32_t q) {
        return a64_page(q) && bits(q, 0, 4) == bits(v, 5, 9);
      });
      if (!high) return;
      const std::uint64_t p = a - (o - *high);
      rewrite(o, 4, page(p) + 4096 * pages(*w(*high)) + low_bits(v), p,
              [&](std::uint64_t t, std::uint64_t) -> Word {
                const std::uint64_t rest = (t + map_.base) % 4096;
                if (rest % (1u << scale(v)) != 0) return kKept;
                return with_bits(v, 10, 21, rest >> scale(v));
              });
    }
  }

  static bool thumb_branch(std::uint32_t w) {
    const std::uint32_t h2 = w >> 16;
    return (w & 0xf800) == 0xf000 &&
           ((h2 & 0xd000) == 0xd000 || (h2 & 0xd000) == 0x9000 || (h2 & 0xd001) == 0xc000);
  }
  static bool thumb_movw(std::uint32_t w) { return (w & 0x8000fbf0) == 0x0000f240; }
  static bool thumb_movt(std::uint32_t w) { return (w & 0x8000fbf0) == 0x0000f2c0; }
  static std::uint64_t thumb_half(std::uint32_t w) {
    return 4096u * bits(w, 0, 3) + 2048u * bits(w, 10, 10) + 256u * bits(w, 28, 30) +
           bits(w, 16, 23);
  }
  static std::uint32_t with_thumb_half(std::uint32_t w, std::uint64_t half) {
    w = with_bits(w, 0, 3, half >> 12);
    w = with_bits(w, 10, 10, half >> 11);
    w = with_bits(w, 28, 30, half >> 8);
    return with_bits(w, 16, 23, half);
  }

  void thumb(std::uint64_t o, std::uint64_t a) {
    const std::optional<std::uint32_t> word = w(o);
    if (!word) return;
    const std::uint32_t v = *word;
    const std::optional<std::uint32_t> before = w(o - 2);
    const auto same_register = [&](std::uint32_t q) { return bits(q, 24, 27) == bits(v, 24, 27); };
    if (thumb_branch(v) && !(before && thumb_branch(*before))) {
      const bool to_arm = (v >> 16 & 0xd000) == 0xc000;
      const std::uint64_t keep = to_arm ? ~std::uint64_t{3} : ~std::uint64_t{0};
      const std::uint64_t s = bits(v, 10, 10);
      const std::uint64_t i1 = 1 - (bits(v, 29, 29) ^ s);
      const std::uint64_t i2 = 1 - (bits(v, 27, 27) ^ s);
      const std::uint64_t d = sx((s << 24) + (i1 << 23) + (i2 << 22) +
                                     (std::uint64_t{bits(v, 0, 9)} << 12) + 2 * bits(v, 16, 26),
                                 25);
      rewrite(o, 4, (a & keep) + 4 + d, a, [&](std::uint64_t t, std::uint64_t p_new) -> Word {
        const std::uint64_t made = t - (p_new & keep) - 4;
        if (!fits(made, 25) || made % (to_arm ? 4 : 2) != 0) return kKept;
        const std::uint32_t sign = bits(made, 24, 24);
        std::uint32_t result = with_bits(v, 10, 10, sign);
        result = with_bits(result, 0, 9, made >> 12);
        result = with_bits(result, 16, 26, made >> 1);
        result = with_bits(result, 29, 29, 1 - (bits(made, 23, 23) ^ sign));
        return with_bits(result, 27, 27, 1 - (bits(made, 22, 22) ^ sign));
      });
    } else if (thumb_movw(v)) {
      const auto high =
          partner(o, 2, 32, [&](std::uint32_t q) { return thumb_movt(q) && same_register(q); });
      if (!high) return;
      rewrite(o, 4, (thumb_half(*w(*high)) << 16) + thumb_half(v) - map_.base, {},
              [&](std::uint64_t t, std::uint64_t) -> Word {
                return with_thumb_half(v, t + map_.base);
              });
    } else if (thumb_movt(v)) {
      const auto low =
          partner(o, -2, 32, [&](std::uint32_t q) { return thumb_movw(q) && same_register(q); });
      if (!low) return;
      rewrite(o, 4, (thumb_half(v) << 16) + thumb_half(*w(*low)) - map_.base, {},
              [&](std::uint64_t t, std::uint64_t) -> Word {
                return with_thumb_half(v, (t + map_.base) >> 16);
              });
    }
  }

  static std::uint64_t arm_half(std::uint32_t w) {
    return 4096u * bits(w, 16, 19) + bits(w, 0, 11);
  }
  static std::uint32_t with_arm_half(std::uint32_t w, std::uint64_t half) {
    return with_bits(with_bits(w, 16, 19, half >> 12), 0, 11, half);
  }

  void arm(std::uint64_t o, std::uint64_t a) {
    const std::optional<std::uint32_t> word = w(o);
    if (!word) return;
    const std::uint32_t v = *word;
    const auto pairs_with = [&](std::uint32_t q, std::uint32_t kind) {
      return (q & 0x0ff00000) == kind && bits(q, 12, 15) == bits(v, 12, 15);
    };
    if ((v & 0x0e000000) == 0x0a000000) {
      rewrite(o, 4, a + 8 + 4 * sx(v, 24), a, [&](std::uint64_t t, std::uint64_t p) -> Word {
        if ((t - p) % 4 != 0 || !fits(t - p - 8, 26)) return kKept;
        return with_bits(v, 0, 23, (t - p - 8) / 4);
      });
    } else if ((v & 0x0ff00000) == 0x03000000) {
      const auto high =
          partner(o, 4, 32, [&](std::uint32_t q) { return pairs_with(q, 0x03400000); });
      if (!high) return;
      rewrite(
          o, 4, (arm_half(*w(*high)) << 16) + arm_half(v) - map_.base, {},
          [&](std::uint64_t t, std::uint64_t) -> Word { return with_arm_half(v, t + map_.base); });
    } else if ((v & 0x0ff00000) == 0x03400000) {
      const auto low =
          partner(o, -4, 32, [&](std::uint32_t q) { return pairs_with(q, 0x03000000); });
      if (!low) return;
      rewrite(o, 4, (arm_half(v) << 16) + arm_half(*w(*low)) - map_.base, {},
              [&](std::uint64_t t, std::uint64_t) -> Word {
                return with_arm_half(v, (t + map_.base) >> 16);
              });
    }
  }

  bool is_x86(std::uint64_t o) const {
    if (o < 3 || o > source_.size() || !w(o)) return false;
    const std::uint32_t m = source_[static_cast<std::size_t>(o - 1)];
    const std::uint32_t c = source_[static_cast<std::size_t>(o - 2)];
    const std::uint32_t d = source_[static_cast<std::size_t>(o - 3)];
    static const std::set<std::uint32_t> two = {
        0x10, 0x11, 0x1f, 0x28, 0x29, 0x2e, 0x2f, 0x40, 0x41, 0x42, 0x43, 0x44,
        0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50,
        0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c,
        0x5d, 0x5e, 0x5f, 0x6e, 0x6f, 0x7f, 0xb6, 0xb7, 0xbe, 0xbf};
    static const std::set<std::uint32_t> one = {0x01, 0x03, 0x09, 0x0b, 0x13, 0x1b, 0x21, 0x23,
                                                0x29, 0x2b, 0x31, 0x33, 0x38, 0x39, 0x3a, 0x3b,
                                                0x63, 0x80, 0x81, 0x83, 0x84, 0x85, 0x88, 0x89,
                                                0x8a, 0x8b, 0x8d, 0xc6, 0xc7, 0xf6, 0xf7, 0xff};
    if (m == 0xe8 || m == 0xe9) return true;
    if ((m & 0xf0) == 0x80 && c == 0x0f) return true;
    return (m & 0xc7) == 0x05 && (d == 0x0f ? two : one).contains(c);
  }

  void x86(std::uint64_t o, std::uint64_t a) {
    if (!is_x86(o)) return;
    for (std::uint64_t past = 1; past <= 3; ++past) {
      if (o >= past && is_x86(o - past)) return;
    }
    rewrite(o, 4, a + 4 + sx(*w(o), 32), a, [](std::uint64_t t, std::uint64_t p) -> Word {
      if (!fits(t - p - 4, 32)) return kKept;
      return t - p - 4;
    });
  }

  static bool riscv_high(std::uint32_t w) { return (w & 0x5f) == 0x17; }
  static bool riscv_store(std::uint32_t w) { return (w & 0x7b) == 0x23; }
  static bool riscv_low(std::uint32_t w) {
    const std::uint32_t op = bits(w, 0, 6);
    return ((op == 0x13 || op == 0x67) && bits(w, 12, 14) == 0) || op == 0x03 || op == 0x07 ||
           riscv_store(w);
  }
  static std::uint64_t riscv_low_bits(std::uint32_t w) {
    return sx(riscv_store(w) ? 32 * bits(w, 25, 31) + bits(w, 7, 11) : bits(w, 20, 31), 12);
  }

  void riscv(std::uint64_t o, std::uint64_t a) {
    const std::optional<std::uint32_t> word = w(o);
    if (!word) return;
    const std::uint32_t v = *word;
    const std::uint32_t rd = bits(v, 7, 11);
    if (bits(v, 0, 6) == 0x6f && (rd == 0 || rd == 1 || rd == 5)) {
      const std::uint64_t d =
          sx((std::uint64_t{bits(v, 31, 31)} << 20) + (std::uint64_t{bits(v, 12, 19)} << 12) +
                 (std::uint64_t{bits(v, 20, 20)} << 11) + 2 * bits(v, 21, 30),
             21);
      rewrite(o, 4, a + d, a, [&](std::uint64_t t, std::uint64_t p) -> Word {
        const std::uint64_t made = t - p;
        if (made % 2 != 0 || !fits(made, 21)) return kKept;
        std::uint32_t result = with_bits(v, 31, 31, made >> 20);
        result = with_bits(result, 12, 19, made >> 12);
        result = with_bits(result, 20, 20, made >> 11);
        return with_bits(result, 21, 30, made >> 1);
      });
    } else if (riscv_high(v)) {
      const auto low = partner(o, 2, 16, [&](std::uint32_t q) {
        return riscv_low(q) && bits(q, 15, 19) == bits(v, 7, 11);
      });
      if (low && *low - o >= 4) riscv_pair(o, *low, o, a);
    } else if (riscv_low(v)) {
      const auto high = partner(o, -2, 16, [&](std::uint32_t q) {
        return riscv_high(q) && bits(q, 7, 11) == bits(v, 15, 19);
      });
      if (high && o - *high >= 4) riscv_pair(*high, o, o, a - (o - *high));
    }
  }

  // `o` is the one of the two that is rewritten; `place` is where the upper one lies.
  void riscv_pair(std::uint64_t high, std::uint64_t low, std::uint64_t o, std::uint64_t place) {
    const std::uint32_t h = *w(high);
    const std::uint32_t l = *w(low);
    const bool relative = bits(h, 0, 6) == 0x17;
    const std::uint64_t s = sx(h & 0xfffff000, 32) + riscv_low_bits(l);
    const Place p = relative ? Place(place) : Place();
    const std::uint64_t t = relative ? *p + s : s % kTwo32 - map_.base;
    rewrite(o, 4, t, p, [&](std::uint64_t t_new, std::uint64_t p_new) -> Word {
      const std::uint64_t made = relative ? t_new - p_new : t_new + map_.base;
      if (o == high) return with_bits(h, 12, 31, (made + 0x800) >> 12);
      if (!riscv_store(l)) return with_bits(l, 20, 31, made);
      return with_bits(with_bits(l, 25, 31, made >> 5), 7, 11, made);
    });
  }

  void find_xtensa() {
    const auto is_xtensa = [](const MapStep& region) { return region.value % 16 == 6; };
    if (std::none_of(map_.regions.begin(), map_.regions.end(), is_xtensa)) return;
    for (std::uint64_t block = 0; block < source_.size(); block += 64) {
      std::uint64_t o = block < 40 ? 0 : block - 40;
      while (o < block + 64 && o < source_.size()) {
        if (o >= block) xtensa_.insert(o);
        const unsigned kind = source_[static_cast<std::size_t>(o)] % 16;
        o += kind >= 8 && kind <= 13 ? 2 : 3;
      }
    }
  }

  void xtensa(std::uint64_t o, std::uint64_t a) {
    const Word v = number(o, 3);
    if (!v || *v % 16 != 5) return;
    const std::uint64_t t = (a & ~std::uint64_t{3}) + 4 + 4 * sx(*v / 64, 18);
    rewrite(o, 3, t, a, [&](std::uint64_t t_new, std::uint64_t p_new) -> Word {
      const std::uint64_t made = t_new - (p_new & ~std::uint64_t{3}) - 4;
      if (made % 4 != 0 || !fits(made, 20)) return kKept;
      return with_bits(static_cast<std::uint32_t>(*v), 6, 23, made / 4);
    });
  }

  void absolute(std::uint64_t o, unsigned count) {
    const Word v = number(o, count);
    if (!v) return;
    rewrite(o, count, *v - map_.base, {},
            [&](std::uint64_t t, std::uint64_t) -> Word { return t + map_.base; });
  }

  void relative(std::uint64_t o, std::uint64_t p) {
    const std::optional<std::uint32_t> v = w(o);
    if (!v) return;
    rewrite(o, 4, p + sx(*v, 32), p, [](std::uint64_t t, std::uint64_t p_new) -> Word {
      if (!fits(t - p_new, 32)) return kKept;
      return t - p_new;
    });
  }

  ByteSpan source_;
  const ReferenceMap& map_;
  Bytes out_;
  std::set<std::uint64_t> xtensa_;  // The begins of instructions.
};

}  // namespace

Bytes reference_rebase(ByteSpan source, const ReferenceMap& map) {
  return Rewriter(source, map).rewrite();
}

}  // namespace romdelta::test
