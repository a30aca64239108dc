#include "pkgtool/simulated_shapes.h"

#include <algorithm>

#include "format/inventory_record.h"
#include "format/journal_record.h"

namespace romdelta::pkgtool {
namespace {

constexpr NamedGeometry kGeometries[] = {
    {"nor", {{4096, 1, true}, false, false}, "4 KiB blocks, single bytes"},
    {"nor16", {{4096, 16, true}, false, false}, "4 KiB blocks, 16-byte units"},
    {"nor32", {{8192, 32, true}, false, false}, "8 KiB blocks, 32-byte units"},
    {"nor256", {{4096, 256, true}, false, false}, "4 KiB blocks, 256-byte pages"},
    {"nor512", {{4096, 512, true}, false, false}, "4 KiB blocks, 512-byte units"},
    {"nor64k", {{65536, 4, true}, false, false}, "64 KiB blocks, 4-byte units"},
    {"nor64k-page", {{65536, 256, true}, false, false}, "64 KiB blocks, 256-byte pages"},
    {"nor128k", {{131072, 8, true}, false, false}, "128 KiB blocks, 8-byte units"},
    {"nor128k-page", {{131072, 512, true}, true, false}, "128 KiB blocks, 512-byte units in order"},
    {"nand", {{131072, 2048, true}, true, false}, "128 KiB blocks, 2 KiB pages in order"},
    {"nand4k", {{262144, 4096, true}, true, false}, "256 KiB blocks, 4 KiB pages in order"},
    {"nand-small", {{16384, 512, true}, true, false}, "16 KiB blocks, 512-byte pages in order"},
    {"disk", {{512, 512, false}, false, true}, "512-byte sectors behind a volatile cache"},
    {"disk4k", {{4096, 4096, false}, false, true}, "4 KiB sectors behind a volatile cache"},
    {"disk-sync", {{512, 512, false}, false, false}, "512-byte sectors without a cache"},
    {"tiny", {{512, 16, true}, false, false}, "512-byte blocks, 16-byte units"},
    {"tiny64", {{1024, 64, true}, true, false}, "1 KiB blocks, 64-byte units in order"},
    {"mini", {{256, 32, true}, false, false}, "256-byte blocks, 32-byte units"},
    {"tiny1", {{512, 1, true}, false, false}, "512-byte blocks, single bytes"},
};

}  // namespace

std::span<const NamedGeometry> all_geometries() { return kGeometries; }

std::optional<SimulatedGeometry> find_geometry(std::string_view name) {
  for (const NamedGeometry& geometry : kGeometries) {
    if (geometry.name == name) return geometry.geometry;
  }
  return std::nullopt;
}

SimulatedShape shape_for(const Manifest& manifest, const ShapeOptions& options) {
  const FlashGeometry flash = options.geometry.flash;
  // Also what the manifest's budgets were computed for: a group may be erased to its end.
  const std::uint64_t unit = std::max(flash.erase_block_bytes, manifest.erase_block_bytes);
  const std::uint64_t slot =
      round_up(std::max({manifest.target.bytes, options.source_bytes, std::uint64_t{1}}), unit);
  SimulatedShape shape;
  const auto set = [&](Part part, std::uint64_t bytes) {
    shape[static_cast<std::size_t>(part)] = {options.geometry, bytes};
  };
  set(Part::slot_a, slot);
  if (manifest.layout == Layout::ab) set(Part::slot_b, slot);
  // An inventory of one ROM package is smaller than a block, but not than a small sector.
  const std::uint64_t record_bytes =
      round_up(std::max<std::uint64_t>(InventoryHeader::bytes + InventoryRecord::bytes,
                                       options.record_blocks * flash.erase_block_bytes),
               flash.erase_block_bytes);
  // In place the first record of a half is written twice.
  const std::uint64_t places = manifest.layout == Layout::in_place ? 2 : 1;
  const std::uint64_t stride = round_up(JournalRecord::bytes, flash.program_unit_bytes);
  set(Part::journal,
      2 * std::max(record_bytes, round_up(places * stride, flash.erase_block_bytes)));
  set(Part::inventory, 2 * record_bytes);
  const std::uint64_t scratch = round_up(manifest.budgets.scratch_bytes, flash.erase_block_bytes) +
                                options.scratch_blocks * flash.erase_block_bytes;
  set(Part::scratch, scratch);
  return shape;
}

}  // namespace romdelta::pkgtool
