// A device's report -> parse_device_report and select_packages: what `pkgtool select` does with an
// INV.json that anybody may have written. Only Error may come out, and what is chosen leads on from
// what the report says.
#include <algorithm>
#include <string>

#include "format/text.h"
#include "pkgtool/selection.h"
#include "tests/fuzz/fuzz_input.h"

using namespace romdelta;
using namespace romdelta::test;
using pkgtool::Catalog;
using pkgtool::CatalogPackage;
using pkgtool::DeviceReport;
using pkgtool::ReportedPackage;

namespace {

ImageIdentity image(std::string_view version, std::uint8_t build) {
  ImageIdentity identity;
  require(identity.version.assign(version), "the version fits");
  identity.bytes = 1000;
  identity.digest.value[31] = build;
  return identity;
}

CatalogPackage package(std::string_view source, std::string_view target, std::uint64_t bytes,
                       std::uint64_t counter) {
  CatalogPackage result;
  result.path = std::string(source) + '-' + std::string(target);
  result.file_bytes = bytes;
  Manifest& manifest = result.head.manifest;
  require(manifest.package_id.assign("a"), "the id fits");
  manifest.target = image(target, 2);
  if (!source.empty()) {
    manifest.source_count = 1;
    manifest.sources[0] = image(source, 1);
  }
  manifest.group_bytes = manifest.erase_block_bytes = 1024;
  manifest.budgets.ram_bytes = 100'000;
  manifest.order.security_counter = counter;
  require(manifest.device.vendor.assign("v"), "the name fits");
  manifest.device.has_hardware_range = true;
  manifest.device.hardware_max = 3;
  return result;
}

const Catalog& catalog() {
  static const Catalog made = [] {
    Catalog packages;
    packages.packages = {package("1", "2", 100, 0), package("2", "3", 100, 1),
                         package("", "2", 150, 1), package("", "3", 900, 2)};
    packages.packages[1].head.manifest.sources[0].digest.value[31] = 2;
    return packages;
  }();
  return made;
}

void check_report(const DeviceReport& report) {
  for (std::size_t i = 0; i < report.packages.size(); ++i) {
    const ReportedPackage& reported = report.packages[i];
    require(is_valid_package_id(reported.package_id), "a ROM package has an id");
    require(is_valid_version(reported.version), "a ROM package has a version");
    require(i == 0 || report.packages[i - 1].package_id < reported.package_id, "ids ascend");
    require(report.find(reported.package_id) == &reported, "a ROM package is found by its id");
    if (!reported.slots) continue;
    require(reported.slots->count == 1 || reported.slots->count == 2, "there are one or two slots");
    require(reported.slots->rewrite_unit_bytes != 0 && reported.slots->program_unit_bytes != 0,
            "units are no divisors of zero");
  }
}

void check_selection(const DeviceReport& report) {
  const auto selection = pkgtool::select_packages(catalog(), report, {{"a", "3"}, {"b", "1"}});
  for (const pkgtool::PackageSelection& chosen : selection.packages) {
    require(chosen.is_reached() || chosen.steps.empty(), "there is a chain or a reason");
    std::string version = chosen.source_version;
    for (const pkgtool::SelectedStep& step : chosen.steps) {
      const Manifest& manifest = step.package->head.manifest;
      require(step.source_version == version, "a step begins where the one before ended");
      require(manifest.is_full() || manifest.sources[0].version.view() == version,
              "a delta is for what is there then");
      version = manifest.target.version.view();
    }
    require(!chosen.is_reached() || version == chosen.target_version, "the chain ends as wanted");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const DeviceReport report = pkgtool::parse_device_report(text, "INV.json");
    check_report(report);
    check_selection(report);
  } catch (const pkgtool::Error& error) {
    require(error.exit() == pkgtool::Exit::bad_input, "the input is at fault");
    require(error.where().starts_with("INV.json"), "an error says where");
    for (const std::string& part : {std::string(error.what()), error.where()}) {
      require(std::ranges::all_of(part, [](char c) { return c >= 0x20 && c < 0x7f; }),
              "an error has nothing in it that a terminal would obey");
    }
  }
  return 0;
}
