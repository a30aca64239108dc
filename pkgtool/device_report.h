// DeviceReport: what a device says that it has and can, as `installer inventory --format json`
// prints it. It comes from outside: everything in it is checked, and nothing of it is trusted
// beyond choosing packages, which the device checks again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/manifest.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// What is not given is not known, and then not held against a package.
struct DeviceTraits {
  std::optional<std::string> vendor;
  std::optional<std::string> model;
  std::optional<std::uint32_t> hardware;
  std::optional<std::uint64_t> ram_bytes;
  std::optional<std::uint64_t> scratch_bytes;  // 0: none.
  std::uint64_t security_counter = 0;          // Of the device as a whole.
};

struct SlotTraits {
  std::uint64_t bytes = 0;               // Of the smaller slot, if there are two.
  std::uint32_t count = 0;               // 1 or 2.
  std::uint32_t rewrite_unit_bytes = 0;  // What is erased, or else programmed, at once.
  std::uint32_t program_unit_bytes = 0;
};

// One ROM package of the device.
struct ReportedPackage {
  std::string package_id;
  std::string version;
  std::optional<Digest> image_digest;  // Nothing: the factory did not say.
  std::uint64_t security_counter = 0;
  ReleaseOrder release;  // That of the image.
  std::optional<SlotTraits> slots;
};

struct DeviceReport {
  DeviceTraits device;
  std::vector<ReportedPackage> packages;  // In ascending order of ids, each once.

  // Null: the device has no such ROM package.
  const ReportedPackage* find(const std::string& package_id) const;
};

// A report is at most so large: ten thousand ROM packages.
inline constexpr std::size_t device_report_bytes_max = 4u << 20;

// Unknown keys are ignored: later installers may say more. Throws Error (bad_input) that names the
// byte or the field; `where` names the file.
DeviceReport parse_device_report(const std::string& text, const std::string& where);
// Throws Error (bad_input).
DeviceReport read_device_report(const std::string& path);

}  // namespace romdelta::pkgtool
