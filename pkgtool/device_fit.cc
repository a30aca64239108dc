#include "pkgtool/device_fit.h"

#include "installer/cli/command_line.h"
#include "pkgtool/report.h"

namespace romdelta::pkgtool {
namespace {

bool is_other(const IdentityName& wanted, const std::optional<std::string>& name) {
  return !wanted.empty() && name && wanted.view() != *name;
}

bool is_other_hardware(const DeviceFilter& filter, const DeviceTraits& device) {
  if (!filter.has_hardware_range || !device.hardware) return false;
  return *device.hardware < filter.hardware_min || *device.hardware > filter.hardware_max;
}

bool is_other_device(const DeviceFilter& filter, const DeviceTraits& device) {
  return is_other(filter.vendor, device.vendor) || is_other(filter.model, device.model) ||
         is_other_hardware(filter, device);
}

Status fit_slots(const Manifest& manifest, const SlotTraits& slots) {
  if (manifest.layout == Layout::ab && slots.count < 2) return Status::unsupported_layout;
  if (manifest.target.bytes > slots.bytes) return Status::slot_too_small;
  if (!manifest.is_full() && manifest.sources[0].bytes > slots.bytes) return Status::wrong_source;
  if (manifest.group_bytes % slots.program_unit_bytes != 0 ||
      manifest.erase_block_bytes % slots.rewrite_unit_bytes != 0 ||
      manifest.plan.program_unit_bytes % slots.program_unit_bytes != 0) {
    return Status::unsupported_geometry;
  }
  return Status::ok;
}

std::string range_text(const DeviceFilter& filter) {
  const std::string low = std::to_string(filter.hardware_min);
  if (filter.hardware_min == filter.hardware_max) return low;
  return low + " to " + std::to_string(filter.hardware_max);
}

std::string describe_device(const DeviceFilter& filter, const DeviceTraits& device) {
  if (is_other(filter.vendor, device.vendor)) {
    return "it is for vendor '" + std::string(filter.vendor.view()) + "', the device is of '" +
           *device.vendor + "'";
  }
  if (is_other(filter.model, device.model)) {
    return "it is for model '" + std::string(filter.model.view()) + "', the device is a '" +
           *device.model + "'";
  }
  return "it is for hardware " + range_text(filter) + ", the device has " +
         std::to_string(*device.hardware);
}

std::string needs(std::uint64_t needed, const char* what, std::uint64_t given) {
  return "it needs " + with_separators(needed) + " bytes of " + what + ", the device gives " +
         with_separators(given);
}

}  // namespace

Status fit(const Manifest& manifest, const DeviceTraits& device, const ReportedPackage& package) {
  if (is_other_device(manifest.device, device)) return Status::wrong_device;
  if (device.ram_bytes && manifest.budgets.ram_bytes > *device.ram_bytes) {
    return Status::arena_too_small;
  }
  if (manifest.source_count > 1) return Status::unsupported_field;
  if (device.scratch_bytes && manifest.budgets.scratch_bytes > *device.scratch_bytes) {
    return Status::scratch_too_small;
  }
  return package.slots ? fit_slots(manifest, *package.slots) : Status::ok;
}

std::string describe_misfit(Status refusal, const Manifest& manifest, const DeviceTraits& device,
                            const ReportedPackage& package) {
  switch (refusal) {
    case Status::wrong_device: return describe_device(manifest.device, device);
    case Status::arena_too_small:
      return needs(manifest.budgets.ram_bytes, "RAM", *device.ram_bytes);
    case Status::scratch_too_small:
      return needs(manifest.budgets.scratch_bytes, "scratch", *device.scratch_bytes);
    case Status::slot_too_small: return needs(manifest.target.bytes, "slot", package.slots->bytes);
    case Status::unsupported_layout: return "it is for two slots, the device has one";
    case Status::unsupported_geometry:
      return "it was built for erase blocks of " + with_separators(manifest.erase_block_bytes) +
             " bytes, which the device's flash cannot write";
    default: return cli::describe(refusal);
  }
}

std::string describe_misfit(const CatalogSuper& super, const DeviceTraits& device) {
  if (is_other_device(super.facts.device, device)) {
    return describe_device(super.facts.device, device);
  }
  if (device.ram_bytes && super.arena_bytes > *device.ram_bytes) {
    return needs(super.arena_bytes, "RAM", *device.ram_bytes);
  }
  return "";
}

}  // namespace romdelta::pkgtool
