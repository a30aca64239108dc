// SimulatedStorage: what lies on the flashes of a simulated device, cheap to copy.
//
// Contents are pages that copies share until one of them writes, so that the state before any
// operation of a recorded run is a copy of an earlier state and a few operations applied to it.
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "installer/port/flash.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// The flashes of a device. Each has a geometry of its own.
// other_*: the slots of a second ROM package, which not every device has.
enum class Part : std::uint8_t { slot_a, slot_b, journal, inventory, scratch, other_a, other_b };
inline constexpr std::size_t part_count = 7;
const char* to_string(Part part);

struct SimulatedGeometry {
  FlashGeometry flash;
  // NAND: the units of an erase block are programmed in ascending order.
  bool ascending = false;
  // What was written since the last sync may be lost in any subset when power fails.
  bool volatile_cache = false;
};

struct SimulatedPart {
  SimulatedGeometry geometry;
  std::uint64_t bytes = 0;  // 0: the device has none.
};
using SimulatedShape = std::array<SimulatedPart, part_count>;

enum class FlashOpKind : std::uint8_t { erase, program, sync };

// One operation that changes storage, at an offset within its part.
struct FlashOp {
  Part part = Part::slot_a;
  FlashOpKind kind = FlashOpKind::sync;
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  std::shared_ptr<const Bytes> data;  // program only.
};

// 128 bits of XXH3.
struct Fingerprint {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend auto operator<=>(const Fingerprint&, const Fingerprint&) = default;
};
Fingerprint fingerprint_of(ByteSpan bytes);

// A pseudo-random number that depends on the arguments only.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b, std::uint64_t c = 0);
// Fills with what depends on the seed only.
void fill_noise(std::uint64_t seed, MutableByteSpan bytes);

// The bytes of one flash, and of each program unit whether it was programmed, or touched by an
// operation that power cut short, since its block was erased.
class FlashContents {
 public:
  // Erased.
  explicit FlashContents(std::uint64_t bytes = 0)
      : pages_(static_cast<std::size_t>((bytes + page_bytes - 1) / page_bytes)) {}

  void read(std::uint64_t offset, MutableByteSpan into) const;
  void write(std::uint64_t offset, ByteSpan bytes);
  void erase(std::uint64_t offset, std::uint64_t count);
  // Of the unit that begins at `offset`.
  bool touched(std::uint64_t offset) const;
  void touch(std::uint64_t offset);

  Fingerprint fingerprint() const;

 private:
  static constexpr std::size_t page_bytes = 512;
  struct Page {
    Page() { bytes.fill(0xff); }
    Page(const Page& other) : bytes(other.bytes), touched(other.touched) {}

    std::array<std::uint8_t, page_bytes> bytes;
    std::array<std::uint8_t, page_bytes / 8> touched{};  // A bit for each byte.
    // Threads that share a page compute the same.
    mutable std::atomic<bool> hashed = false;
    mutable std::atomic<std::uint64_t> low = 0;
    mutable std::atomic<std::uint64_t> high = 0;
  };
  Page& writable(std::uint64_t offset);
  static Fingerprint hash(const Page& page);

  std::vector<std::shared_ptr<Page>> pages_;  // Null: erased.
};

// Program units that were being changed when power failed. Until their block is erased (or, where
// storage overwrites, they are programmed again) nobody knows what they read.
struct UnstableUnit {
  // What the boot after the cut reads; every later one reads as `each_read`.
  enum class Calm : std::uint8_t { each_read, after, before };

  Bytes before;
  Bytes after;
  Calm calm = Calm::each_read;
  std::uint64_t seed = 0;  // each_read: picks `before`, `after` or noise, read by read.
  unsigned boots = 0;      // Since the cut: 0, 1, or 2 for more.
  std::uint64_t reads = 0;
};

// How to read unstable units when one answer is wanted.
enum class Settled : std::uint8_t { before, after, noise };
inline constexpr Settled all_settlements[] = {Settled::before, Settled::after, Settled::noise};

struct FlashImage {
  FlashContents contents;
  std::map<std::uint64_t, UnstableUnit> unstable;  // By offset.
};

class SimulatedStorage {
 public:
  // Everything is erased.
  explicit SimulatedStorage(const SimulatedShape& shape);

  const SimulatedShape& shape() const { return *shape_; }
  const SimulatedGeometry& geometry(Part part) const {
    return (*shape_)[static_cast<std::size_t>(part)].geometry;
  }

  // What the operation leaves when power stays on. Its rules are FlashSimulator's business.
  void apply(const FlashOp& op);
  // Unstable units read as they like.
  void read(Part part, std::uint64_t offset, MutableByteSpan into);
  // Power comes back: reads are counted from here.
  void boot();

  FlashImage& image(Part part) { return states_[static_cast<std::size_t>(part)].now; }
  const FlashImage& image(Part part) const { return states_[static_cast<std::size_t>(part)].now; }
  // Volatile caches only: what was written since the last sync.
  const std::vector<FlashOp>& pending(Part part) const {
    return states_[static_cast<std::size_t>(part)].pending;
  }
  // Power has failed: of all pending writes, counted over the parts in order, those survive that
  // `survives` says.
  template <typename Survives>
  void lose_pending(Survives survives);
  std::size_t pending_count() const;

  // The same with no unstable unit.
  SimulatedStorage settled(Settled how) const;
  bool is_stable() const;

  // Of one part with its unstable units; of all.
  Fingerprint fingerprint(Part part) const;
  Fingerprint fingerprint() const;

 private:
  struct FlashState {
    FlashImage now;
    // Volatile caches only.
    FlashImage synced;
    std::vector<FlashOp> pending;
  };
  void apply_to(FlashImage* image, const FlashOp& op) const;

  std::shared_ptr<const SimulatedShape> shape_;
  std::array<FlashState, part_count> states_;
};

template <typename Survives>
void SimulatedStorage::lose_pending(Survives survives) {
  std::size_t index = 0;
  for (FlashState& state : states_) {
    if (state.pending.empty()) continue;
    state.now = state.synced;
    for (const FlashOp& op : state.pending) {
      if (survives(index++)) apply_to(&state.now, op);
    }
    state.synced = state.now;
    state.pending.clear();
  }
}

}  // namespace romdelta::pkgtool
