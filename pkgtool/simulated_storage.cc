#include "pkgtool/simulated_storage.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace romdelta::pkgtool {
namespace {

void append_number(Bytes* bytes, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) {
    bytes->push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void append_fingerprint(Bytes* bytes, const Fingerprint& fingerprint) {
  append_number(bytes, fingerprint.low);
  append_number(bytes, fingerprint.high);
}

// What one read of an unstable unit gives.
Bytes read_unstable(UnstableUnit* unit, std::uint64_t offset) {
  if (unit->calm != UnstableUnit::Calm::each_read && unit->boots <= 1) {
    return unit->calm == UnstableUnit::Calm::after ? unit->after : unit->before;
  }
  const std::uint64_t number = mixed(unit->seed, offset, unit->reads++);
  if (number % 3 == 0) return unit->before;
  if (number % 3 == 1) return unit->after;
  Bytes noise(unit->after.size());
  fill_noise(number, noise);
  return noise;
}

}  // namespace

const char* to_string(Part part) {
  switch (part) {
    case Part::slot_a: return "slot_a";
    case Part::slot_b: return "slot_b";
    case Part::journal: return "journal";
    case Part::inventory: return "inventory";
    case Part::scratch: return "scratch";
    case Part::other_a: return "other_a";
    case Part::other_b: return "other_b";
  }
  return "unknown";
}

Fingerprint fingerprint_of(ByteSpan bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

std::uint64_t mixed(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  const std::array<std::uint64_t, 3> numbers = {a, b, c};
  return XXH3_64bits(numbers.data(), sizeof numbers);
}

void fill_noise(std::uint64_t seed, MutableByteSpan bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i, number >>= 8) {
    if (i % 8 == 0) number = mixed(seed, i);
    bytes[i] = static_cast<std::uint8_t>(number);
  }
}

// --- FlashContents ---

void FlashContents::read(std::uint64_t offset, MutableByteSpan into) const {
  for (std::size_t done = 0; done < into.size();) {
    const auto at = static_cast<std::size_t>((offset + done) % page_bytes);
    const std::size_t step = std::min(page_bytes - at, into.size() - done);
    const Page* page = pages_[static_cast<std::size_t>((offset + done) / page_bytes)].get();
    if (page == nullptr) {
      std::ranges::fill(into.subspan(done, step), std::uint8_t{0xff});
    } else {
      copy_bytes(&into[done], ByteSpan(page->bytes).subspan(at, step));
    }
    done += step;
  }
}

void FlashContents::write(std::uint64_t offset, ByteSpan bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto at = static_cast<std::size_t>((offset + done) % page_bytes);
    const std::size_t step = std::min(page_bytes - at, bytes.size() - done);
    copy_bytes(&writable(offset + done).bytes[at], bytes.subspan(done, step));
    done += step;
  }
}

void FlashContents::erase(std::uint64_t offset, std::uint64_t count) {
  for (std::uint64_t done = 0; done < count;) {
    const auto at = static_cast<std::size_t>((offset + done) % page_bytes);
    const auto step =
        static_cast<std::size_t>(std::min<std::uint64_t>(page_bytes - at, count - done));
    std::shared_ptr<Page>& page = pages_[static_cast<std::size_t>((offset + done) / page_bytes)];
    if (step == page_bytes) {
      page = nullptr;
    } else if (page != nullptr) {
      Page& own = writable(offset + done);
      std::fill_n(own.bytes.begin() + static_cast<std::ptrdiff_t>(at), step, std::uint8_t{0xff});
      for (std::size_t i = at; i < at + step; ++i) {
        own.touched[i / 8] = static_cast<std::uint8_t>(own.touched[i / 8] & ~(1u << i % 8));
      }
    }
    done += step;
  }
}

bool FlashContents::touched(std::uint64_t offset) const {
  const Page* page = pages_[static_cast<std::size_t>(offset / page_bytes)].get();
  const auto at = static_cast<std::size_t>(offset % page_bytes);
  return page != nullptr && (page->touched[at / 8] >> at % 8 & 1) != 0;
}

void FlashContents::touch(std::uint64_t offset) {
  const auto at = static_cast<std::size_t>(offset % page_bytes);
  std::uint8_t& bits = writable(offset).touched[at / 8];
  bits = static_cast<std::uint8_t>(bits | 1u << at % 8);
}

FlashContents::Page& FlashContents::writable(std::uint64_t offset) {
  std::shared_ptr<Page>& page = pages_[static_cast<std::size_t>(offset / page_bytes)];
  if (page == nullptr) {
    page = std::make_shared<Page>();
  } else if (page.use_count() != 1) {
    page = std::make_shared<Page>(*page);
  }
  // Another thread may have given up its share just now: after what it read from the page.
  std::atomic_thread_fence(std::memory_order_acquire);
  page->hashed.store(false, std::memory_order_relaxed);
  return *page;
}

Fingerprint FlashContents::hash(const Page& page) {
  if (page.hashed.load(std::memory_order_acquire)) return {page.low.load(), page.high.load()};
  std::array<std::uint8_t, page_bytes + page_bytes / 8> all;
  copy_bytes(all.data(), page.bytes);
  copy_bytes(&all[page_bytes], page.touched);
  const Fingerprint result = fingerprint_of(all);
  page.low.store(result.low);
  page.high.store(result.high);
  page.hashed.store(true, std::memory_order_release);
  return result;
}

Fingerprint FlashContents::fingerprint() const {
  static const Fingerprint erased = hash(Page());
  Bytes hashes;
  hashes.reserve(pages_.size() * 16);
  for (const std::shared_ptr<Page>& page : pages_) {
    append_fingerprint(&hashes, page == nullptr ? erased : hash(*page));
  }
  return fingerprint_of(hashes);
}

// --- SimulatedStorage ---

SimulatedStorage::SimulatedStorage(const SimulatedShape& shape)
    : shape_(std::make_shared<const SimulatedShape>(shape)) {
  for (std::size_t i = 0; i < part_count; ++i) {
    states_[i].now.contents = FlashContents(shape[i].bytes);
    states_[i].synced = states_[i].now;
  }
}

void SimulatedStorage::apply_to(FlashImage* image, const FlashOp& op) const {
  const FlashGeometry& flash = geometry(op.part).flash;
  if (op.kind == FlashOpKind::sync) return;
  // An operation that is complete leaves nothing doubtful behind.
  image->unstable.erase(image->unstable.lower_bound(op.offset),
                        image->unstable.lower_bound(op.offset + op.count));
  if (op.kind == FlashOpKind::erase) {
    image->contents.erase(op.offset, op.count);
    return;
  }
  image->contents.write(op.offset, *op.data);
  if (!flash.erase_before_program) return;
  for (std::uint64_t at = 0; at < op.count; at += flash.program_unit_bytes) {
    image->contents.touch(op.offset + at);
  }
}

void SimulatedStorage::apply(const FlashOp& op) {
  FlashState& state = states_[static_cast<std::size_t>(op.part)];
  apply_to(&state.now, op);
  if (!geometry(op.part).volatile_cache) return;
  if (op.kind == FlashOpKind::sync) {
    state.synced = state.now;
    state.pending.clear();
  } else {
    state.pending.push_back(op);
  }
}

void SimulatedStorage::read(Part part, std::uint64_t offset, MutableByteSpan into) {
  FlashImage& from = image(part);
  from.contents.read(offset, into);
  if (from.unstable.empty()) return;
  const std::uint64_t end = offset + into.size();
  auto it = from.unstable.upper_bound(offset);
  if (it != from.unstable.begin()) --it;
  for (; it != from.unstable.end() && it->first < end; ++it) {
    const Bytes bytes = read_unstable(&it->second, it->first);
    const std::uint64_t first = std::max(offset, it->first);
    const std::uint64_t last = std::min(end, it->first + bytes.size());
    if (first >= last) continue;
    copy_bytes(&into[static_cast<std::size_t>(first - offset)],
               ByteSpan(bytes).subspan(static_cast<std::size_t>(first - it->first),
                                       static_cast<std::size_t>(last - first)));
  }
}

void SimulatedStorage::boot() {
  for (FlashState& state : states_) {
    for (auto& [offset, unit] : state.now.unstable) {
      unit.boots = std::min(unit.boots + 1, 2u);
      unit.reads = 0;
    }
    // What survived the cut is durable.
    state.synced = state.now;
    state.pending.clear();
  }
}

std::size_t SimulatedStorage::pending_count() const {
  std::size_t count = 0;
  for (const FlashState& state : states_) count += state.pending.size();
  return count;
}

SimulatedStorage SimulatedStorage::settled(Settled how) const {
  SimulatedStorage result = *this;
  for (FlashState& state : result.states_) {
    for (const auto& [offset, unit] : state.now.unstable) {
      Bytes bytes = how == Settled::before ? unit.before : unit.after;
      if (how == Settled::noise) fill_noise(mixed(unit.seed, offset), bytes);
      state.now.contents.write(offset, bytes);
    }
    state.now.unstable.clear();
  }
  return result;
}

bool SimulatedStorage::is_stable() const {
  return std::ranges::all_of(states_,
                             [](const FlashState& state) { return state.now.unstable.empty(); });
}

Fingerprint SimulatedStorage::fingerprint(Part part) const {
  const FlashImage& from = image(part);
  Bytes hashes;
  append_fingerprint(&hashes, from.contents.fingerprint());
  for (const auto& [offset, unit] : from.unstable) {
    append_number(&hashes, offset);
    append_fingerprint(&hashes, fingerprint_of(unit.before));
    append_fingerprint(&hashes, fingerprint_of(unit.after));
    append_number(&hashes, static_cast<std::uint64_t>(unit.calm) << 8 | unit.boots);
    append_number(&hashes, unit.seed);
  }
  return fingerprint_of(hashes);
}

Fingerprint SimulatedStorage::fingerprint() const {
  Bytes hashes;
  for (std::size_t i = 0; i < part_count; ++i) {
    append_fingerprint(&hashes, fingerprint(static_cast<Part>(i)));
  }
  return fingerprint_of(hashes);
}

}  // namespace romdelta::pkgtool
