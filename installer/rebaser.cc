#include "installer/rebaser.h"

#include "installer/references.h"

namespace romdelta {
namespace {

// A reference that begins this much before the bytes to be rewritten may reach into them.
constexpr std::uint64_t kLongestBytes = 8;

// Addresses and how they move.
class Shifts {
 public:
  explicit Shifts(const AddressMap& map) : places_(map.shifts), targets_(map.shifts) {}

  // Of the addresses that references lie at, which come in ascending order, and of those they hold.
  // False when it is none.
  bool of_place(std::uint64_t address, std::uint64_t* shift) {
    return find(&places_, address, shift);
  }
  bool of_target(std::uint64_t address, std::uint64_t* shift) {
    return find(&targets_, address, shift);
  }

 private:
  static bool find(MapCursor* cursor, std::uint64_t address, std::uint64_t* shift) {
    if (address >> 32 != 0) return false;
    const MapStep* step = cursor->find(address);
    if (step == nullptr || step->value == AddressMap::no_shift) return false;
    *shift = references::sign_extend(step->value, 32);
    return true;
  }

  MapCursor places_;
  MapCursor targets_;
};

}  // namespace

void Rebaser::rewrite(ByteSpan around, std::uint64_t around_position, MutableByteSpan out,
                      std::uint64_t position) const {
  const ImageView view(around.data(), around_position, around_position + around.size());
  const std::uint64_t end = position + out.size();
  MapCursor segments(map_.segments);
  MapCursor regions(map_.regions);
  MapCursor anchors(map_.anchors);
  Shifts shifts(map_);
  const auto rewrite_one = [&](const Reference& reference) {
    std::uint64_t moved = 0;
    std::uint64_t place_moved = 0;
    if (!shifts.of_target(reference.target, &moved)) return;
    if (references::is_relative(reference, view)) shifts.of_place(reference.place, &place_moved);
    if (moved == 0 && place_moved == 0) return;
    const auto bytes = references::rewritten(reference, view, reference.place + place_moved,
                                             reference.target + moved, map_.base);
    if (!bytes) return;
    const unsigned size = references::size_bytes(reference.kind);
    for (unsigned i = 0; i < size; ++i) {
      const std::uint64_t at = reference.offset + i;
      if (at >= position && at < end) {
        out[static_cast<std::size_t>(at - position)] = static_cast<std::uint8_t>(*bytes >> (8 * i));
      }
    }
  };
  std::uint64_t at = position - std::min(position, kLongestBytes);
  while (at < end) {
    const MapStep* segment = segments.find(at);
    const MapStep* region = regions.find(at);
    const MapStep* anchor = anchors.find(at);
    const std::uint64_t part_end =
        std::min({segments.end(end), regions.end(end), anchors.end(end)});
    if (segment != nullptr && segment->value != AddressMap::no_address && region != nullptr &&
        region->value != rules::none) {
      const std::uint64_t address = std::uint64_t{segment->value} + (at - segment->begin);
      references::visit_all(view, at, part_end, address, anchor == nullptr ? 0 : anchor->value,
                            region->value, map_, rewrite_one);
    }
    at = part_end;
  }
}

}  // namespace romdelta
