// Updates in place that differ in what they ask of the engine, and devices for them.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "format/package.h"
#include "tests/support/test_device.h"

namespace romdelta::test {

struct InPlaceCase {
  std::string name;
  Bytes source;
  Bytes target;
  FlashGeometry flash = nor_geometry;
  std::uint64_t scratch_bytes = 16 * 1024;
  std::uint32_t erase_block_bytes = 1024;  // Of the package; a multiple of the device's.
  std::uint32_t program_unit_bytes = 16;
  std::uint64_t ram_bytes = 256 * 1024;
};

struct InPlacePackage {
  InPlaceCase made_for;
  PackageHead head;
  Bytes file;
  const Manifest& manifest() const { return head.manifest; }
};
void PrintTo(const InPlacePackage* package, std::ostream* out);

// Built once. By name: small, moved (keeps old bytes), holes, larger, smaller, short, map, nand,
// disk, tight (several chunks).
const std::vector<const InPlacePackage*>& in_place_packages();
const InPlacePackage& in_place_package(const std::string& name);

// What pkgtool makes, signed by test_key(1). An empty source: a full package.
struct BuildOptions {
  Layout layout = Layout::in_place;
  std::string package_id = "com.example.app";
  std::string source_version = "1.0";
  std::string target_version = "2.0";
  std::uint64_t security_counter = 0;
};
Bytes build_package(const InPlaceCase& the_case, const BuildOptions& options = {});
// A full package in place that makes the target of the case.
Bytes full_package(const InPlaceCase& the_case);

// A device with one slot, scratch and the source of the case.
std::unique_ptr<TestDevice> device_for(const InPlaceCase& the_case);

// Runs until the flash has done `operations` more erases, programs, reads and syncs, and then does
// nothing any more, whatever becomes of the one that it fails in. True when it came so far.
bool run_until_cut(TestDevice* device, ByteSpan file, std::uint64_t operations,
                   FaultPlan::Effect effect, Status* status);
// Runs until `groups` groups are written. True when it was cancelled there.
bool run_until_group(TestDevice* device, ByteSpan file, std::uint32_t groups);

// How many groups an installation writes, not counting holes; the numbers of all operations that a
// whole one does.
std::uint64_t operation_count(const InPlacePackage& package);

// Everything that a cut leaves.
struct FlashContent {
  Bytes slot;
  Bytes scratch;
  Bytes journal;
  Bytes inventory;
};
FlashContent content_of(TestDevice* device);
void set_content(TestDevice* device, const FlashContent& content);

}  // namespace romdelta::test
