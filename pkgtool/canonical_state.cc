// What of a state matters: records by the order of their sequence numbers, torn ones as torn.
#include <algorithm>
#include <array>
#include <optional>

#include "format/inventory_record.h"
#include "format/journal_record.h"
#include "pkgtool/closure.h"

namespace romdelta::pkgtool {
namespace {

void append_number(Bytes* key, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) {
    key->push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void append_fingerprint(Bytes* key, const Fingerprint& fingerprint) {
  append_number(key, fingerprint.low);
  append_number(key, fingerprint.high);
}

// How the unit reads in the next boot.
std::uint64_t next_calm(const UnstableUnit& unit) {
  const bool calm = unit.boots == 0;
  return static_cast<std::uint64_t>(calm ? unit.calm : UnstableUnit::Calm::each_read);
}

// What lies in one place of the journal, or in one copy of the inventory.
struct Place {
  std::optional<std::uint64_t> sequence;  // Of an intact record.
  Bytes content;                          // Without it.
};

// Blank and torn are all that the engine can see of what is no record.
Place place_without_record(ByteSpan bytes) {
  const bool blank = std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0xff; });
  return {std::nullopt, Bytes(1, blank ? 0 : 1)};
}

Place journal_place(ByteSpan bytes) {
  JournalRecord record;
  if (parse_journal_record(bytes.first(JournalRecord::bytes), &record) != Status::ok) {
    return place_without_record(bytes);
  }
  Place place;
  place.sequence = record.sequence;
  record.sequence = 1;
  place.content.resize(JournalRecord::bytes);
  ByteWriter writer(place.content);
  encode_journal_record(record, &writer);
  return place;
}

Place inventory_place(ByteSpan bytes) {
  InventoryHeader header;
  const bool parsed =
      parse_inventory_header(bytes.first(InventoryHeader::bytes), &header) == Status::ok;
  const std::uint64_t records = std::uint64_t{header.count} * InventoryRecord::bytes;
  if (!parsed || records > bytes.size() - InventoryHeader::bytes) {
    return place_without_record(bytes);
  }
  const ByteSpan content = bytes.subspan(InventoryHeader::bytes, static_cast<std::size_t>(records));
  ChecksumStream checksum = begin_inventory_checksum(header);
  checksum.update(content);
  if (checksum.finish() != header.checksum) return place_without_record(bytes);
  return {header.sequence, {content.begin(), content.end()}};
}

void append_places(Bytes* key, const std::vector<Place>& places) {
  std::vector<std::uint64_t> sequences;
  for (const Place& place : places) {
    if (place.sequence) sequences.push_back(*place.sequence);
  }
  std::ranges::sort(sequences);
  for (const Place& place : places) {
    const auto rank =
        !place.sequence ? sequences.end() : std::ranges::lower_bound(sequences, *place.sequence);
    append_number(key, static_cast<std::uint64_t>(rank - sequences.begin()));
    append_fingerprint(key, fingerprint_of(place.content));
  }
}

// From one record of a part to the next, in each of its two halves.
struct RecordPlaces {
  RecordPlaces(const SimulatedStorage& storage, Part part) {
    const FlashGeometry flash = storage.geometry(part).flash;
    const std::uint64_t bytes = storage.shape()[static_cast<std::size_t>(part)].bytes;
    half = bytes / 2 / flash.erase_block_bytes * flash.erase_block_bytes;
    stride =
        part == Part::journal ? round_up(JournalRecord::bytes, flash.program_unit_bytes) : half;
    for (const std::uint64_t begin : {std::uint64_t{0}, half}) {
      for (std::uint64_t at = 0; range_inside(at, stride, half); at += stride) {
        offsets.push_back(begin + at);
      }
    }
  }
  std::uint64_t half = 0;
  std::uint64_t stride = 0;
  std::vector<std::uint64_t> offsets;
};

void append_records(Bytes* key, const SimulatedStorage& storage, Part part) {
  const RecordPlaces at(storage, part);
  std::vector<Place> places;
  Bytes buffer(static_cast<std::size_t>(at.stride));
  for (const std::uint64_t offset : at.offsets) {
    storage.image(part).contents.read(offset, buffer);
    places.push_back(part == Part::journal ? journal_place(buffer) : inventory_place(buffer));
  }
  append_places(key, places);
}

// Which places of records may not be programmed, and which are unstable.
void append_condition(Bytes* key, const SimulatedStorage& storage, Part part) {
  const RecordPlaces at(storage, part);
  const std::uint64_t unit = storage.geometry(part).flash.program_unit_bytes;
  const FlashImage& image = storage.image(part);
  for (const std::uint64_t offset : at.offsets) {
    bool touched = false;
    for (std::uint64_t i = 0; !touched && i < at.stride; i += unit) {
      touched = image.contents.touched(offset + i);
    }
    key->push_back(touched ? 1 : 0);
    std::uint64_t last = ~std::uint64_t{0};
    for (auto it = image.unstable.lower_bound(offset);
         it != image.unstable.end() && it->first < offset + at.stride; ++it) {
      const std::uint64_t state = next_calm(it->second);
      if (state != last) append_number(key, last = state);
    }
  }
}

// How much of one block of the target slot is written as it should be, when the rest of it is
// erased; else that it is not, and whether it looks erased.
std::uint64_t block_state(const FlashContents& contents, std::uint64_t offset,
                          const FlashGeometry& flash, ByteSpan target) {
  const std::uint64_t unit = flash.program_unit_bytes;
  const std::uint64_t end = offset + flash.erase_block_bytes;
  Bytes bytes(static_cast<std::size_t>(flash.erase_block_bytes));
  contents.read(offset, bytes);
  std::uint64_t good = offset;
  for (; good < end; good += unit) {
    if (flash.erase_before_program && !contents.touched(good)) break;
    const auto count = static_cast<std::size_t>(
        good < target.size() ? std::min<std::uint64_t>(unit, target.size() - good) : 0);
    const ByteSpan wanted = count == 0 ? ByteSpan() : target.subspan(good, count);
    const auto there = bytes.begin() + static_cast<std::ptrdiff_t>(good - offset);
    if (count == 0 || !std::equal(wanted.begin(), wanted.end(), there)) break;
  }
  const bool blank = std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(good - offset),
                                 bytes.end(), [](std::uint8_t byte) { return byte == 0xff; });
  bool clean = blank;
  for (std::uint64_t at = good; clean && at < end; at += unit) clean = !contents.touched(at);
  if (clean) return good - offset;
  return blank ? ~std::uint64_t{0} : ~std::uint64_t{1};
}

// Nobody reads the target slot but to compare the whole: what is not the target is all the same.
void append_target_slot(Bytes* key, const SimulatedStorage& storage, ByteSpan target) {
  const std::uint64_t bytes = storage.shape()[static_cast<std::size_t>(Part::slot_b)].bytes;
  const FlashGeometry flash = storage.geometry(Part::slot_b).flash;
  const bool stable = storage.is_stable();
  for (const Settled how : {Settled::before, Settled::after}) {
    const SimulatedStorage settled = stable ? storage : storage.settled(how);
    const FlashContents& contents = settled.image(Part::slot_b).contents;
    for (std::uint64_t at = 0; at < bytes; at += flash.erase_block_bytes) {
      append_number(key, block_state(contents, at, flash, target));
    }
    if (stable) break;
  }
  std::vector<std::array<std::uint64_t, 2>> unstable;
  for (const auto& [offset, unit] : storage.image(Part::slot_b).unstable) {
    unstable.push_back({offset / flash.erase_block_bytes, next_calm(unit)});
  }
  unstable.erase(std::unique(unstable.begin(), unstable.end()), unstable.end());
  for (const auto& [block, state] : unstable) {
    append_number(key, block);
    append_number(key, state);
  }
}

}  // namespace

Fingerprint canonical_fingerprint(const SimulatedStorage& storage, const Manifest& manifest,
                                  ByteSpan target) {
  Bytes key;
  append_fingerprint(&key, storage.fingerprint(Part::slot_a));
  append_fingerprint(&key, storage.fingerprint(Part::scratch));
  append_fingerprint(&key, storage.fingerprint(Part::other_a));
  append_fingerprint(&key, storage.fingerprint(Part::other_b));
  if (manifest.layout == Layout::ab) {
    append_target_slot(&key, storage, target);
  } else {
    append_fingerprint(&key, storage.fingerprint(Part::slot_b));
  }
  for (const Part part : {Part::journal, Part::inventory}) append_condition(&key, storage, part);
  const bool stable = storage.is_stable();
  for (const Settled how : {Settled::before, Settled::after}) {
    const SimulatedStorage settled = stable ? storage : storage.settled(how);
    append_records(&key, settled, Part::journal);
    append_records(&key, settled, Part::inventory);
    if (stable) break;
  }
  return fingerprint_of(key);
}

}  // namespace romdelta::pkgtool
