#include "pkgtool/device_report.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "format/text.h"

namespace romdelta::pkgtool {
namespace {

using Json = nlohmann::json;

constexpr const char* kHint = "`installer --rom ROM.toml inventory --format json` prints a report";

// Says where it is: "INV.json: packages[2].version".
class ReportReader {
 public:
  explicit ReportReader(const std::string& where) : where_(where) {}

  DeviceReport run(const std::string& text) {
    const Json root = parse(text);
    if (!root.is_object()) fail("", "it has to be an object");
    if (number(root, "", "schema", kMax64) != 1) fail("schema", "it has to be 1");
    if (const Json* device = find(root, "device")) read_device(*device);
    const Json* packages = find(root, "packages");
    if (packages == nullptr || !packages->is_array())
      fail("packages", "it has to be a list of ROM packages");
    for (std::size_t i = 0; i < packages->size(); ++i) {
      read_package((*packages)[i], "packages[" + std::to_string(i) + "]");
    }
    sort_packages();
    return std::move(report_);
  }

 private:
  static constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

  [[noreturn]] void fail(const std::string& field, const std::string& what) const {
    throw Error(Exit::bad_input, "not a device's report: " + what,
                field.empty() ? where_ : where_ + ": " + field, kHint);
  }

  Json parse(const std::string& text) const {
    if (text.size() > device_report_bytes_max) fail("", "it is larger than 4 MiB");
    try {
      return Json::parse(text);
    } catch (const Json::parse_error& error) {
      fail("byte " + std::to_string(error.byte), "no JSON from here on");
    } catch (const Json::out_of_range&) {
      fail("", "it has a number that no number type holds");
    }
  }

  // Null when the key is missing, or null itself.
  static const Json* find(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  std::string text(const Json& object, const std::string& prefix, const char* key,
                   bool (*is_valid)(std::string_view), const char* what) const {
    const Json* value = find(object, key);
    if (value == nullptr) fail(prefix + key, "it is missing");
    if (!value->is_string() || !is_valid(value->get_ref<const std::string&>())) {
      fail(prefix + key, std::string("it has to be ") + what);
    }
    return value->get<std::string>();
  }

  // Requires: the key is there.
  std::uint64_t number(const Json& object, const std::string& prefix, const char* key,
                       std::uint64_t max) const {
    const Json* value = find(object, key);
    if (value == nullptr) fail(prefix + key, "it is missing");
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > max) {
      fail(prefix + key, "it has to be a whole number from 0 to " + std::to_string(max));
    }
    return value->get<std::uint64_t>();
  }

  // 0 when it is not given, as in a manifest.
  std::uint64_t counter(const Json& object, const std::string& prefix, const char* key) const {
    return find(object, key) == nullptr ? 0 : number(object, prefix, key, kMax64);
  }

  void read_device(const Json& device) {
    if (!device.is_object()) fail("device", "it has to be an object");
    const auto is_name = [](std::string_view text) {
      return !text.empty() && text.size() <= limits::identity_bytes_max && is_printable(text);
    };
    const std::string prefix = "device.";
    DeviceTraits& traits = report_.device;
    if (find(device, "vendor")) traits.vendor = text(device, prefix, "vendor", is_name, "a name");
    if (find(device, "model")) traits.model = text(device, prefix, "model", is_name, "a name");
    if (find(device, "hardware")) {
      traits.hardware = static_cast<std::uint32_t>(number(device, prefix, "hardware", kMax32));
    }
    if (find(device, "ram_bytes")) traits.ram_bytes = number(device, prefix, "ram_bytes", kMax64);
    if (find(device, "scratch_bytes")) {
      traits.scratch_bytes = number(device, prefix, "scratch_bytes", limits::image_bytes_max);
    }
    traits.security_counter = counter(device, prefix, "security_counter");
  }

  void read_package(const Json& entry, const std::string& name) {
    if (!entry.is_object()) fail(name, "it has to be an object");
    const std::string prefix = name + '.';
    ReportedPackage package;
    package.package_id =
        text(entry, prefix, "package_id", is_valid_package_id, "the id of a ROM package");
    package.version = text(entry, prefix, "version", is_valid_version, "a version");
    package.security_counter = counter(entry, prefix, "security_counter");
    if (const Json* release = find(entry, "release")) {
      if (!release->is_object()) fail(prefix + "release", "it has to be an object");
      package.release.security_counter = counter(*release, prefix + "release.", "security_counter");
      package.release.device_counter = counter(*release, prefix + "release.", "device_counter");
      package.release.number = counter(*release, prefix + "release.", "number");
    }
    if (find(entry, "image_digest")) package.image_digest = digest(entry, prefix);
    if (const Json* slots = find(entry, "slots")) package.slots = read_slots(*slots, prefix);
    report_.packages.push_back(std::move(package));
  }

  // Nothing when all digits are zero: the inventory's way to say that it does not know.
  std::optional<Digest> digest(const Json& entry, const std::string& prefix) const {
    const auto is_digest = [](std::string_view text) {
      return text.size() == 2 * Digest::bytes &&
             text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    };
    const std::string hex = text(entry, prefix, "image_digest", is_digest, "64 hex digits");
    Digest result;
    for (std::size_t i = 0; i < hex.size(); ++i) {
      const char c = hex[i];
      const auto digit = static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
      std::uint8_t& byte = result.value[i / 2];
      byte = static_cast<std::uint8_t>(byte << 4 | digit);
    }
    return result == Digest() ? std::nullopt : std::optional(result);
  }

  SlotTraits read_slots(const Json& entry, const std::string& package) const {
    const std::string prefix = package + "slots.";
    if (!entry.is_object()) fail(package + "slots", "it has to be an object");
    SlotTraits slots;
    slots.bytes = number(entry, prefix, "bytes", limits::image_bytes_max);
    slots.count = static_cast<std::uint32_t>(number(entry, prefix, "count", 2));
    slots.rewrite_unit_bytes = static_cast<std::uint32_t>(
        number(entry, prefix, "rewrite_unit_bytes", limits::erase_block_bytes_max));
    slots.program_unit_bytes = static_cast<std::uint32_t>(
        number(entry, prefix, "program_unit_bytes", limits::program_unit_bytes_max));
    if (slots.count == 0) fail(prefix + "count", "a ROM package has one slot or two");
    if (slots.rewrite_unit_bytes == 0 || slots.program_unit_bytes == 0) {
      fail(package + "slots", "the units of a flash are not empty");
    }
    return slots;
  }

  void sort_packages() {
    auto& packages = report_.packages;
    std::ranges::sort(packages, {}, &ReportedPackage::package_id);
    const auto twice = std::ranges::adjacent_find(packages, {}, &ReportedPackage::package_id);
    if (twice != packages.end()) fail("packages", "it lists " + twice->package_id + " twice");
  }

  const std::string& where_;
  DeviceReport report_;
};

}  // namespace

const ReportedPackage* DeviceReport::find(const std::string& package_id) const {
  const auto found =
      std::ranges::lower_bound(packages, package_id, {}, &ReportedPackage::package_id);
  return found == packages.end() || found->package_id != package_id ? nullptr : &*found;
}

DeviceReport parse_device_report(const std::string& text, const std::string& where) {
  return ReportReader(where).run(text);
}

DeviceReport read_device_report(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  // One byte more than allowed tells that there is more; a device file would have no end.
  std::string text(device_report_bytes_max + 1, '\0');
  if (file.is_open()) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    throw Error(Exit::bad_input, std::string("cannot read the file: ") + std::strerror(errno),
                path);
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_device_report(text, path);
}

}  // namespace romdelta::pkgtool
