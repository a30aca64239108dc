// SimulatedShapes: kinds of flash by name, and a device of such flash that is just large enough for
// a package.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "format/manifest.h"
#include "pkgtool/simulated_storage.h"

namespace romdelta::pkgtool {

struct NamedGeometry {
  const char* name;
  SimulatedGeometry geometry;
  const char* meaning;
};

// For `pkgtool prove --geometry` and the campaign in tests/sim.
std::span<const NamedGeometry> all_geometries();
std::optional<SimulatedGeometry> find_geometry(std::string_view name);

struct ShapeOptions {
  SimulatedGeometry geometry;        // Of every part.
  std::uint64_t source_bytes = 0;    // What a slot has to hold beside the target.
  std::uint64_t record_blocks = 2;   // Of journal and inventory, each half.
  std::uint64_t scratch_blocks = 0;  // More than the manifest asks for.
};

// Two slots for layout ab, one for in_place; scratch as the manifest declares.
SimulatedShape shape_for(const Manifest& manifest, const ShapeOptions& options);

}  // namespace romdelta::pkgtool
