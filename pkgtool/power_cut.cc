#include "pkgtool/power_cut.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace romdelta::pkgtool {
namespace {

constexpr std::array<const char*, fault_kind_count> kNames = {
    "cut_before",  "cut_after",  "torn_program", "torn_erase", "unstable",
    "unsynced",    "io_read",    "io_erase",     "io_program", "io_sync",
    "misdirected", "duplicated", "flip",         "watchdog"};

// How the unit or block that was being changed reads afterwards.
enum Stability : std::uint32_t { settled, each_read, reads_new, stability_count };

enum ProgramStyle : std::uint32_t { blank, some_bits, any_bits, program_style_count };

// 0, 1 and 2: so many quarters and one are erased.
enum EraseStyle : std::uint32_t { zero = 3, noise, weak, erase_style_count };

// Unstable bytes are kept in pieces of about this size.
constexpr std::uint64_t kUnstableBytes = 256;

// Up to eight writes: every subset. More: prefixes, each single loss and survivor, and some others.
constexpr std::size_t kAllSubsets = 8;

// At most `most` of the numbers below `count`: both ends, the middle and others.
std::vector<std::uint64_t> chosen(std::uint64_t count, std::size_t most, std::uint64_t seed) {
  std::set<std::uint64_t> result;
  if (count <= most) {
    for (std::uint64_t i = 0; i < count; ++i) result.insert(i);
  } else {
    const std::uint64_t places[] = {0, count - 1, count / 2, 1, count - 2};
    for (const std::uint64_t place : places) {
      if (result.size() < most) result.insert(place);
    }
    for (std::uint64_t i = 0; result.size() < most; ++i) result.insert(mixed(seed, i) % count);
  }
  return {result.begin(), result.end()};
}

Bytes contents_of(const FlashImage& image, std::uint64_t offset, std::uint64_t count) {
  Bytes bytes(static_cast<std::size_t>(count));
  image.contents.read(offset, bytes);
  return bytes;
}

// What the operation would have left at this place.
Bytes intended(const FlashOp& op, std::uint64_t offset, std::uint64_t count) {
  if (op.kind == FlashOpKind::erase) return Bytes(static_cast<std::size_t>(count), 0xff);
  const auto begin = op.data->begin() + static_cast<std::ptrdiff_t>(offset - op.offset);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

// One flash on which power fails during one operation.
class Tear {
 public:
  Tear(SimulatedStorage* storage, const FlashOp& op, std::uint64_t seed)
      : image_(&storage->image(op.part)),
        flash_(storage->geometry(op.part).flash),
        op_(op),
        seed_(seed) {}

  // The first bytes of the operation are done as they should be.
  void complete(std::uint64_t count) {
    if (count == 0) return;
    forget(op_.offset, count);
    if (op_.kind == FlashOpKind::erase) {
      image_->contents.erase(op_.offset, count);
    } else {
      image_->contents.write(op_.offset,
                             ByteSpan(*op_.data).first(static_cast<std::size_t>(count)));
      touch(op_.offset, count);
    }
  }

  // The place holds `bytes` and is doubtful until it is erased.
  void leave(std::uint64_t offset, const Bytes& bytes, Stability stability) {
    const Bytes before = contents_of(*image_, offset, bytes.size());
    forget(offset, bytes.size());
    image_->contents.write(offset, bytes);
    touch(offset, bytes.size());
    if (stability == settled) return;
    make_unstable(
        offset, before,
        stability == each_read ? UnstableUnit::Calm::each_read : UnstableUnit::Calm::after);
  }

  // The place holds what was intended, or what was there, and nobody knows.
  void make_unstable(std::uint64_t offset, const Bytes& before, UnstableUnit::Calm calm) {
    const std::uint64_t unit = flash_.program_unit_bytes;
    const std::uint64_t piece =
        flash_.erase_before_program ? round_up(std::max(unit, kUnstableBytes), unit) : unit;
    for (std::uint64_t at = 0; at < before.size(); at += piece) {
      const std::uint64_t count = std::min<std::uint64_t>(piece, before.size() - at);
      UnstableUnit& place = image_->unstable[offset + at];
      const auto begin = before.begin() + static_cast<std::ptrdiff_t>(at);
      place.before.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
      place.after = intended(op_, offset + at, count);
      place.calm = calm;
      place.seed = seed_;
    }
  }

  const FlashImage& image() const { return *image_; }
  const FlashGeometry& flash() const { return flash_; }

 private:
  void forget(std::uint64_t offset, std::uint64_t count) {
    image_->unstable.erase(image_->unstable.lower_bound(offset),
                           image_->unstable.lower_bound(offset + count));
  }
  void touch(std::uint64_t offset, std::uint64_t count) {
    if (!flash_.erase_before_program) return;
    for (std::uint64_t at = 0; at < count; at += flash_.program_unit_bytes) {
      image_->contents.touch(offset + at);
    }
  }

  FlashImage* image_;
  FlashGeometry flash_;
  const FlashOp& op_;
  std::uint64_t seed_;
};

bool tear_program(SimulatedStorage* storage, const FlashOp& op, const Fault& fault) {
  Tear tear(storage, op, fault.seed);
  const std::uint64_t unit = tear.flash().program_unit_bytes;
  const auto stability = static_cast<Stability>(fault.variant % stability_count);
  const auto style =
      static_cast<ProgramStyle>(fault.variant / stability_count % program_style_count);
  const std::uint64_t done = fault.variant / stability_count / program_style_count * unit;
  if (op.kind != FlashOpKind::program || done >= op.count) return false;
  tear.complete(done);
  const std::uint64_t at = op.offset + done;
  Bytes bytes = contents_of(tear.image(), at, unit);
  const Bytes after = intended(op, at, unit);
  Bytes random(bytes.size());
  fill_noise(mixed(fault.seed, at), random);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    // Programming clears bits: some of those that should be cleared are. Storage that overwrites
    // has a part of the new bytes instead.
    const bool overwrites = !tear.flash().erase_before_program;
    const std::uint8_t some = overwrites
                                  ? (i < bytes.size() / 2 ? after[i] : bytes[i])
                                  : static_cast<std::uint8_t>(bytes[i] & (after[i] | random[i]));
    if (style == some_bits) bytes[i] = some;
    if (style == any_bits) bytes[i] = random[i];
  }
  tear.leave(at, bytes, stability);
  return true;
}

bool tear_erase(SimulatedStorage* storage, const FlashOp& op, const Fault& fault) {
  Tear tear(storage, op, fault.seed);
  const std::uint64_t block = tear.flash().erase_block_bytes;
  const std::uint64_t unit = tear.flash().program_unit_bytes;
  const auto stability = static_cast<Stability>(fault.variant % stability_count);
  const std::uint32_t style = fault.variant / stability_count % erase_style_count;
  const std::uint64_t done = fault.variant / stability_count / erase_style_count * block;
  if (op.kind != FlashOpKind::erase || done >= op.count) return false;
  tear.complete(done);
  const std::uint64_t at = op.offset + done;
  Bytes bytes = contents_of(tear.image(), at, block);
  if (style == zero) std::ranges::fill(bytes, std::uint8_t{0});
  if (style == weak) std::ranges::fill(bytes, std::uint8_t{0xff});
  if (style == noise) fill_noise(mixed(fault.seed, at), bytes);
  if (style < zero) {
    const std::uint64_t erased = round_up(block * (style + 1) / 4, unit);
    std::fill_n(bytes.begin(), std::min(erased, block), std::uint8_t{0xff});
  }
  tear.leave(at, bytes, stability);
  return true;
}

bool unsettle(SimulatedStorage* storage, const FlashOp& op, const Fault& fault) {
  if (op.kind == FlashOpKind::sync || fault.variant >= 3) return false;
  constexpr UnstableUnit::Calm kCalm[] = {UnstableUnit::Calm::each_read, UnstableUnit::Calm::after,
                                          UnstableUnit::Calm::before};
  Tear tear(storage, op, fault.seed);
  const Bytes before = contents_of(tear.image(), op.offset, op.count);
  tear.leave(op.offset, intended(op, op.offset, op.count), settled);
  tear.make_unstable(op.offset, before, kCalm[fault.variant]);
  return true;
}

std::uint64_t subset_count(std::size_t pending, std::size_t more) {
  if (pending <= kAllSubsets) return std::uint64_t{1} << pending;
  return 3 * pending + 1 + more;
}

bool survives(std::size_t index, std::size_t pending, std::uint64_t subset, std::uint64_t seed) {
  if (pending <= kAllSubsets) return (subset >> index & 1) != 0;
  if (subset <= pending) return index < subset;
  if (subset <= 2 * pending) return index != subset - pending - 1;
  if (subset <= 3 * pending) return index == subset - 2 * pending - 1;
  return (mixed(seed, subset, index) & 1) != 0;
}

bool lose_unsynced(SimulatedStorage* storage, const FlashOp& op, const Fault& fault) {
  const std::size_t pending = storage->pending_count();
  const bool torn = fault.variant % 2 != 0;
  if (pending == 0 || (torn && op.kind != FlashOpKind::program)) return false;
  storage->lose_pending(
      [&](std::size_t index) { return survives(index, pending, fault.variant / 2, fault.seed); });
  if (!torn) return true;
  const std::uint64_t units = op.count / storage->geometry(op.part).flash.program_unit_bytes;
  Fault half = fault;
  half.variant =
      static_cast<std::uint32_t>((units / 2 * program_style_count + any_bits) * stability_count);
  return tear_program(storage, op, half);
}

bool parse_number(std::string_view text, std::string_view name, std::uint64_t* value) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_fault(const std::vector<std::string_view>& words, Fault* fault) {
  if (words.size() != 4 || !words[1].starts_with("fault=")) return false;
  const auto name = std::ranges::find(kNames, words[1].substr(6));
  std::uint64_t variant = 0;
  if (name == kNames.end() || !parse_number(words[0], "op=", &fault->op) ||
      !parse_number(words[2], "variant=", &variant) ||
      !parse_number(words[3], "seed=", &fault->seed) || variant > 0xffffffffu) {
    return false;
  }
  fault->kind = static_cast<FaultKind>(name - kNames.begin());
  fault->variant = static_cast<std::uint32_t>(variant);
  return true;
}

}  // namespace

const char* to_string(FaultKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::string to_string(const FaultPath& path) {
  std::string text;
  for (const Fault& fault : path) {
    if (!text.empty()) text += " then ";
    text += "op=" + std::to_string(fault.op) + " fault=" + to_string(fault.kind) +
            " variant=" + std::to_string(fault.variant) + " seed=" + std::to_string(fault.seed);
  }
  return text;
}

std::optional<FaultPath> parse_fault_path(std::string_view text) {
  FaultPath path;
  std::vector<std::string_view> words;
  const auto end_fault = [&] {
    Fault fault;
    const bool good = parse_fault(words, &fault);
    path.push_back(fault);
    words.clear();
    return good;
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word == "then") {
      if (!end_fault()) return std::nullopt;
    } else if (!word.empty()) {
      words.push_back(word);
    }
  }
  if (!end_fault()) return std::nullopt;
  return path;
}

std::vector<Fault> cuts_at(const SimulatedStorage& storage, const FlashOp& op, std::uint64_t index,
                           const FaultLimits& limits, std::uint64_t seed) {
  std::vector<Fault> faults;
  const auto add = [&](FaultKind kind, std::uint64_t variant) {
    faults.push_back({kind, index, static_cast<std::uint32_t>(variant), seed});
  };
  add(FaultKind::cut_before, 0);
  add(FaultKind::cut_after, 0);
  const FlashGeometry flash = storage.geometry(op.part).flash;
  if (op.kind == FlashOpKind::program) {
    const std::uint64_t units = op.count / flash.program_unit_bytes;
    for (const std::uint64_t done : chosen(units, limits.prefixes, mixed(seed, index))) {
      const std::uint64_t first = done * program_style_count;
      add(FaultKind::torn_program, (first + some_bits) * stability_count + settled);
      add(FaultKind::torn_program, (first + blank) * stability_count + settled);
      if (!limits.every_style) continue;
      add(FaultKind::torn_program, (first + any_bits) * stability_count + settled);
      add(FaultKind::torn_program, (first + some_bits) * stability_count + each_read);
      add(FaultKind::torn_program, (first + blank) * stability_count + reads_new);
    }
  }
  if (op.kind == FlashOpKind::erase) {
    for (const std::uint64_t done :
         chosen(op.count / flash.erase_block_bytes, limits.prefixes, mixed(seed, index))) {
      const std::uint64_t first = done * erase_style_count;
      for (std::uint32_t style = 0; style < erase_style_count; ++style) {
        if (!limits.every_style && style != 1 && style != weak) continue;
        add(FaultKind::torn_erase, (first + style) * stability_count + settled);
      }
      if (!limits.every_style) continue;
      add(FaultKind::torn_erase, (first + 1) * stability_count + each_read);
      add(FaultKind::torn_erase, (first + weak) * stability_count + each_read);
      add(FaultKind::torn_erase, (first + weak) * stability_count + reads_new);
    }
  }
  if (op.kind != FlashOpKind::sync) {
    for (std::uint32_t variant = 0; variant < 3; ++variant) add(FaultKind::unstable, variant);
  }
  const std::size_t pending = storage.pending_count();
  if (pending != 0) {
    for (const std::uint64_t subset :
         chosen(subset_count(pending, limits.subsets), limits.losses, mixed(seed, index))) {
      add(FaultKind::unsynced, subset * 2);
    }
    if (op.kind == FlashOpKind::program) add(FaultKind::unsynced, 1);
  }
  return faults;
}

bool cut_power(SimulatedStorage* storage, const FlashOp& op, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::cut_before: return true;
    case FaultKind::cut_after: storage->apply(op); return true;
    case FaultKind::torn_program: return tear_program(storage, op, fault);
    case FaultKind::torn_erase: return tear_erase(storage, op, fault);
    case FaultKind::unstable: return unsettle(storage, op, fault);
    case FaultKind::unsynced: return lose_unsynced(storage, op, fault);
    default: return false;
  }
}

IoFault io_fault(std::uint32_t variant) {
  return {variant / 3 % 2 != 0, static_cast<IoFault::Effect>(variant % 3)};
}

}  // namespace romdelta::pkgtool
