#include "installer/rebaser.h"

#include "installer/reference_finder.h"

namespace romdelta {
namespace {

// A reference that begins this much before the bytes to be rewritten may reach into them.
constexpr std::uint64_t kLongestBytes = 8;

// Rewrites the references that it is given.
class Writer {
 public:
  Writer(const AddressMap& map, const StepIndex& shifts, const ImageView& view, MutableByteSpan out,
         std::uint64_t position)
      : map_(map), shifts_(shifts), view_(view), out_(out), position_(position) {}

  void operator()(const Reference& reference) {
    if (!target_.find(shifts_, reference.target)) return;
    std::uint64_t place_moved = 0;
    if (references::is_relative(reference, view_) && place_.find(shifts_, reference.place)) {
      place_moved = place_.shift;
    }
    if (target_.shift == 0 && place_moved == 0) return;
    const auto bytes = references::rewritten(reference, view_, reference.place + place_moved,
                                             reference.target + target_.shift, map_.base);
    if (bytes) write(reference.offset, *bytes, references::size_bytes(reference.kind));
  }

 private:
  // The step that was found last: the next address often lies in the same one.
  struct Step {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t shift = 0;
    bool is_address = false;

    // False when `address` is none.
    bool find(const StepIndex& shifts, std::uint64_t address) {
      if (address - begin < end - begin) return is_address;
      if (address >> 32 != 0) return false;
      const MapStep* step = shifts.find(address, &begin, &end);
      is_address = step != nullptr && step->value != AddressMap::no_shift;
      shift = is_address ? references::sign_extend(step->value, 32) : 0;
      return is_address;
    }
  };

  // What lies outside is left out.
  void write(std::uint64_t offset, std::uint64_t bytes, unsigned count) const {
    const std::uint64_t first = offset - position_;
    if (count == 4 && range_inside(first, 4, out_.size())) {
      // By far the most, and one store.
      std::uint8_t* to = out_.data() + first;
      to[0] = static_cast<std::uint8_t>(bytes);
      to[1] = static_cast<std::uint8_t>(bytes >> 8);
      to[2] = static_cast<std::uint8_t>(bytes >> 16);
      to[3] = static_cast<std::uint8_t>(bytes >> 24);
      return;
    }
    for (unsigned i = 0; i < count; ++i) {
      // Wraps before the first byte: beyond the last.
      const std::uint64_t at = first + i;
      if (at >= out_.size()) continue;
      out_[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(bytes >> (8 * i));
    }
  }

  const AddressMap& map_;
  const StepIndex& shifts_;
  const ImageView& view_;
  MutableByteSpan out_;
  std::uint64_t position_;
  Step target_;
  Step place_;
};

}  // namespace

StepIndex::StepIndex(std::span<const MapStep> steps, std::uint64_t key_end) : steps_(steps) {
  while (key_end >> part_bits_ > part_count) ++part_bits_;
  std::size_t after = 0;
  for (std::size_t part = 0; part < part_count; ++part) {
    const std::uint64_t key = std::uint64_t{part} << part_bits_;
    while (after < steps.size() && steps[after].begin <= key) ++after;
    begins_[part] = static_cast<std::uint16_t>(after);
  }
}

void Rebaser::rewrite(ByteSpan around, std::uint64_t around_position, MutableByteSpan out,
                      std::uint64_t position) const {
  const ImageView view(around.data(), around_position, around_position + around.size());
  const std::uint64_t end = position + out.size();
  MapCursor segments(map_.segments);
  MapCursor regions(map_.regions);
  MapCursor anchors(map_.anchors);
  Writer writer(map_, shifts_, view, out, position);
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
                            region->value, map_, writer);
    }
    at = part_end;
  }
}

}  // namespace romdelta
