#include "tests/support/reference_context.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tests/support/reference_coder.h"

namespace romdelta::test {
namespace {

using reference::Bits;
using reference::fail_unless;
using reference::floor_div;
using reference::Malformed;
using reference::Numbers;
using reference::update;
using Table = reference::Chances;

constexpr std::int64_t kLogistic[] = {22,    36,    60,    98,    162,   267,   439,   720,   1179,
                                      1921,  3108,  4971,  7812,  11955, 17625, 24743, 32768, 40793,
                                      47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097,
                                      65269, 65374, 65438, 65476, 65500, 65514};

std::int64_t squash(std::int64_t x) {
  x = std::clamp<std::int64_t>(x, -2047, 2047) + 2048;
  const std::int64_t i = x / 128;
  const std::int64_t part = x % 128;
  return (kLogistic[i] * (128 - part) + kLogistic[i + 1] * part + 64) / 128;
}

std::int64_t stretch(std::int64_t p) {
  for (std::int64_t x = -2047; x < 2047; ++x) {
    if (squash(x) >= 16 * p) return x;
  }
  return 2047;
}

// All of them, because searching takes long.
const Table& stretch_table() {
  static const Table table = [] {
    Table values;
    for (std::int64_t p = 0; p < 4096; ++p) values.push_back(stretch(p));
    return values;
  }();
  return table;
}

std::uint32_t hash(std::uint64_t x) { return static_cast<std::uint32_t>(x * 0x9e3779b1u); }
std::uint32_t hash(std::uint64_t x, unsigned n) { return hash(x) >> (32 - n); }

struct Entry {
  std::uint32_t change = 0;
  unsigned check = 0;
  unsigned trust = 0;
};

struct Unit {
  std::uint32_t word = 0;
  std::uint32_t mask = 0;
  unsigned before = 0;
  unsigned after = 0;
  unsigned top = 0;
};

// Sections 7.6 to 7.8.
class Reference {
 public:
  Reference(ByteSpan stream, unsigned unit_bytes, ByteSpan source)
      : bits_(stream), u_(unit_bytes), source_(source) {}

  Bytes apply(std::uint64_t position, std::uint64_t target_bytes) {
    std::uint64_t left = target_bytes;
    bool first = true;
    while (left != 0) {
      if (!first) {
        const std::uint64_t z = number(2);
        position += z % 2 == 0 ? z / 2 : 0 - (z / 2 + 1);
      }
      first = false;
      const std::uint64_t copy = number(0);
      fail_unless(copy <= left);
      left -= copy;
      if (copy != 0) {
        fail_unless(position <= source_.size() && copy <= source_.size() - position);
        copy_parts(position, copy);
        position += copy;
      }
      if (left == 0) break;
      const std::uint64_t extra = number(1);
      fail_unless(extra <= left && copy + extra != 0);
      left -= extra;
      for (std::uint64_t i = 0; i < extra; ++i) out_.push_back(literal());
    }
    fail_unless(bits_.at_end());
    return out_;
  }

 private:
  bool mix(const std::vector<std::int64_t*>& c, std::int64_t* w) {
    std::vector<std::int64_t> s;
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < c.size(); ++i) {
      s.push_back(stretch_[static_cast<std::size_t>(*c[i] / 16)]);
      sum += w[i] * s[i];
    }
    const std::int64_t chance = squash(floor_div(sum, 65536));
    const bool result = bits_.bit(chance);
    const std::int64_t error = (result ? 65535 : 0) - chance;
    for (std::size_t i = 0; i < c.size(); ++i) {
      w[i] += floor_div(s[i] * error * 6 + 32768, 65536);
      w[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(w[i]));
      update(c[i], result);
    }
    return result;
  }

  std::uint64_t number(std::size_t kind) { return numbers_[kind].next(&bits_); }

  unsigned source_byte(std::uint64_t at) const { return at < source_.size() ? source_[at] : 0; }

  void copy_parts(std::uint64_t position, std::uint64_t count) {
    while (count != 0) {
      const std::uint64_t part = std::min(count, 64 - position % 64);
      const bool differs = block_differs(part);
      for (std::uint64_t done = 0; done < part;) {
        const std::uint64_t past = (position + done) % u_;
        const std::uint64_t step = std::min(part - done, u_ - past);
        const Unit unit = unit_at(position + done - past, past, step);
        const std::uint32_t made = (unit.word & unit.mask) + (differs ? change(unit) : 0);
        for (std::uint64_t i = past; i < past + step; ++i) {
          out_.push_back(static_cast<std::uint8_t>(made >> (8 * i)));
        }
        done += step;
      }
      position += part;
      count -= part;
    }
  }

  Unit unit_at(std::uint64_t position, std::uint64_t past, std::uint64_t count) const {
    Unit unit;
    for (unsigned i = 0; i < u_; ++i) {
      unit.word |= source_byte(position + i) << (8 * i);
      if (i >= past && i < past + count) unit.mask |= 0xffu << (8 * i);
    }
    unit.before = position == 0 ? 0 : source_byte(position - 1);
    unit.after = source_byte(position + 2 * u_ - 1);
    unit.top = source_byte(position + u_ - 1);
    return unit;
  }

  bool block_differs(std::uint64_t part) {
    std::int64_t& c = block_[blocks_ % 256 + (part == 64 ? 256 : 0)];
    const bool result = bits_.bit(std::clamp<std::int64_t>(c, 16, 65520));
    c += ((result ? 65535 : 0) - c) / 32;
    blocks_ = 2 * blocks_ + result;
    return result;
  }

  std::uint32_t change(const Unit& unit) {
    const std::uint64_t before = u_ == 2 ? 65536 * std::uint64_t{unit.before} : 0;
    const std::uint32_t e = hash(unit.word + before);
    const std::uint32_t s = hash((unit.word >> (u_ == 2 ? 4 : 12)) + before + 0x2545f491);
    Entry& exact = exact_[e >> 23];
    Entry& similar = similar_[s >> 23];
    const unsigned exact_check = e >> 8 & 0xff;
    const unsigned similar_check = s >> 8 & 0xff;
    const bool exact_known = exact.trust != 0 && exact.check == exact_check;
    const bool similar_known = similar.trust != 0 && similar.check == similar_check;

    const std::size_t known = exact_known ? 2 : similar_known ? 1 : 0;
    const std::uint32_t first = (exact_known     ? exact.change
                                 : similar_known ? similar.change
                                                 : 0) &
                                unit.mask;
    const std::size_t trust = exact_known ? std::min(exact.trust, 7u) : 0;
    const std::size_t nonzero = first != 0 ? 1 : 0;
    std::uint32_t result = 0;
    if (mix({&history_[hash(32 * unit.top + 16 * nonzero + changes_ % 16, 11)],
             &pair_[hash(8 * (256 * unit.top + unit.after) + trust, 12)]},
            &first_weights_[2 * (8 * (2 * known + nonzero) + trust)])) {
      result = first;
    } else {
      std::uint32_t second = first != 0 ? 0 : last_change_ & unit.mask;
      if (exact_known && similar_known && (similar.change & unit.mask) != first) {
        second = similar.change & unit.mask;
      }
      if (second != first && bits_.direct(&second_[2 * unit.top + (second == 0 ? 1 : 0)])) {
        result = second;
      } else {
        result = spell(unit, first);
      }
    }
    changes_ = 2 * changes_ + (result != 0 ? 1 : 0);
    if (result != 0) last_change_ = result;
    if (unit.mask == (u_ == 2 ? 0xffffu : 0xffffffffu)) {
      learn(&exact, exact_known, exact_check, 2, result);
      learn(&similar, similar_known, similar_check, 1, result);
    }
    return result;
  }

  static void learn(Entry* entry, bool known, unsigned check, unsigned patience,
                    std::uint32_t result) {
    if (!known) {
      *entry = {result, check, 1};
    } else if (entry->change == result) {
      entry->trust = std::min(entry->trust + 1, 255u);
    } else if (entry->trust > patience) {
      entry->trust = 1 + entry->trust / (2 * patience);
    } else {
      entry->change = result;
      entry->trust = 1;
    }
  }

  std::uint32_t spell(const Unit& unit, std::uint32_t expected) {
    std::uint32_t result = 0;
    std::size_t previous = 0;
    std::size_t as_expected = expected != 0 ? 1 : 0;
    for (std::size_t i = 0; i < u_; ++i) {
      if ((unit.mask >> (8 * i) & 0xff) == 0) continue;
      const std::size_t guess = expected >> (8 * i) & 0xff;
      const std::size_t source = unit.word >> (8 * i) & 0xff;
      std::size_t byte = 0;
      const std::size_t situation =
          8 * i + (previous != 0 ? 4 : 0) + 2 * as_expected + (guess == 0 ? 1 : 0);
      if (!mix({&zero_[256 * i + previous], &zero_[1024 + 256 * i + unit.top],
                &zero_[2048 + 256 * i + source]},
               &zero_weights_[3 * situation])) {
        byte = tree(8 * i, &byte_weights_, 3,
                    {256 * i + previous, 0x10000 + 256 * i + unit.top,
                     0x20000 + 512 * i + 2 * guess + as_expected});
      }
      if (byte != guess) as_expected = 0;
      previous = byte;
      result |= static_cast<std::uint32_t>(byte << (8 * i));
    }
    return result;
  }

  std::uint8_t literal() {
    std::uint64_t recent = 0;
    for (std::size_t i = std::min<std::size_t>(4, out_.size()); i != 0; --i) {
      recent = recent * 256 + out_[out_.size() - i];
    }
    const std::size_t phase = out_.size() % 4;
    return static_cast<std::uint8_t>(
        tree(8 * phase, &literal_weights_, 2,
             {0x30000 + recent % 256, 0x40000 + 4 * (recent >> 24) + phase}));
  }

  std::size_t tree(std::size_t set, Table* weights, std::size_t inputs,
                   const std::vector<std::uint64_t>& contexts) {
    std::size_t node = 1;
    for (std::size_t k = 8; k-- != 0;) {
      std::vector<std::int64_t*> c;
      for (const std::uint64_t context : contexts) {
        c.push_back(&bytes_[hash(context, 14) ^ (node * 0x9e5 % 16384)]);
      }
      node = 2 * node + mix(c, &(*weights)[inputs * (set + k)]);
    }
    return node - 256;
  }

  Bits bits_;
  std::uint64_t u_;
  ByteSpan source_;
  Bytes out_;
  const Table& stretch_ = stretch_table();
  std::uint64_t blocks_ = 0;
  std::uint64_t changes_ = 0;
  std::uint32_t last_change_ = 0;
  std::array<Numbers, 3> numbers_;
  Table block_ = Table(512, 16384);
  Table history_ = Table(2048, 32768);
  Table pair_ = Table(4096, 32768);
  Table second_ = Table(512, 32768);
  Table zero_ = Table(3072, 32768);
  Table bytes_ = Table(16384, 32768);
  std::vector<Entry> exact_{512};
  std::vector<Entry> similar_{512};
  Table first_weights_ = Table(48 * 2, 39322);
  Table zero_weights_ = Table(32 * 3, 28399);
  Table byte_weights_ = Table(32 * 3, 28399);
  Table literal_weights_ = Table(32 * 2, 39322);
};

}  // namespace

bool reference_context_patch(ByteSpan chunk, ByteSpan source, std::uint64_t target_bytes,
                             Bytes* target) {
  try {
    ByteReader reader(chunk);
    const unsigned unit_bytes = reader.u8();
    const std::uint64_t position = reader.varint();
    fail_unless(reader.ok() && (unit_bytes == 2 || unit_bytes == 4));
    *target =
        Reference(chunk.subspan(reader.offset()), unit_bytes, source).apply(position, target_bytes);
    return true;
  } catch (const Malformed&) {
    return false;
  }
}

}  // namespace romdelta::test
