#include "pkgtool/product.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "format/text.h"
#include "installer/cli/toml_reader.h"
#include "pkgtool/device_filter.h"
#include "pkgtool/encoder.h"
#include "pkgtool/in_place_encoder.h"
#include "pkgtool/packager.h"

namespace romdelta::pkgtool {
namespace {

class ProductReader {
 public:
  explicit ProductReader(const std::string& path)
      : toml_(path, "docs/pkgtool.md shows a complete PRODUCT.toml") {}

  Product run() {
    const toml::table& root = toml_.parse();
    toml_.reject_unknown(root, {"product", "package", "release"}, "");
    if (root.contains("product")) read_defaults(toml_.table_of(root, "product"));
    for (const toml::node& entry : toml_.tables_of(root, "package")) {
      read_package(toml_.table(entry, "package"));
    }
    for (const toml::node& entry : toml_.tables_of(root, "release")) {
      read_release(toml_.table(entry, "release"));
    }
    return std::move(product_);
  }

 private:
  void read_defaults(const toml::table& table) {
    toml_.reject_unknown(table,
                         {"vendor", "model", "hardware", "ram_bytes", "erase_block_bytes",
                          "program_unit_bytes", "scratch_bytes", "member_of"},
                         "product.");
    if (const toml::node* node = table.get("member_of")) {
      product_.member_of = toml_.text(table, "member_of");
      if (!is_valid_package_id(product_.member_of)) {
        toml_.fail("'" + product_.member_of + "' is not the name of a super package", *node);
      }
    }
    read_name(table, "vendor", &product_.device.vendor);
    read_name(table, "model", &product_.device.model);
    if (const toml::node* hardware = table.get("hardware")) {
      const std::string range = toml_.text(table, "hardware");
      if (!parse_hardware(range, &product_.device)) {
        toml_.fail("'" + range + "' is not a hardware range", *hardware);
      }
    }
    ram_bytes_ = toml_.number(table, "ram_bytes", ram_bytes_);
    erase_block_bytes_ = erase_block(table);
    if (table.contains("program_unit_bytes")) {
      program_unit_bytes_ = program_unit(table, erase_block_bytes_);
    }
    if (table.contains("scratch_bytes")) scratch_bytes_ = toml_.number(table, "scratch_bytes");
  }

  std::uint32_t erase_block(const toml::table& table) {
    const std::uint32_t bytes = toml_.number32(table, "erase_block_bytes", erase_block_bytes_);
    if (bytes == 0 || bytes > limits::erase_block_bytes_max) {
      toml_.fail("'erase_block_bytes' must be 1 byte to 8 MiB", *table.get("erase_block_bytes"));
    }
    return bytes;
  }

  std::uint32_t program_unit(const toml::table& table, std::uint32_t erase_block) {
    const std::uint32_t bytes =
        toml_.number32(table, "program_unit_bytes",
                       program_unit_bytes_.value_or(EncoderOptions().program_unit_bytes));
    const toml::node* node = table.get("program_unit_bytes");
    if (node == nullptr && !program_unit_bytes_) return std::min(bytes, erase_block);
    if (!is_program_unit(bytes, erase_block)) {
      toml_.fail("'program_unit_bytes' must be 1 to 4096 bytes and divide the erase block",
                 node != nullptr ? *node : table);
    }
    return bytes;
  }

  void read_layout(const toml::table& table, RomPackage* package) {
    const std::string layout = toml_.text(table, "layout", "ab");
    if (layout != "ab" && layout != "in-place") {
      toml_.fail("'" + layout + "' is not a layout: ab or in-place", *table.get("layout"));
    }
    if (layout == "ab") {
      // They would change nothing.
      for (const char* key : {"scratch_bytes", "program_unit_bytes"}) {
        if (const toml::node* node = table.get(key)) {
          toml_.fail("'" + std::string(key) + "' is for layout \"in-place\"", *node);
        }
      }
      return;
    }
    package->layout = Layout::in_place;
    package->program_unit_bytes = program_unit(table, package->erase_block_bytes);
    package->scratch_bytes =
        toml_.number(table, "scratch_bytes",
                     scratch_bytes_.value_or(scratch_blocks_default * package->erase_block_bytes));
  }

  void read_name(const toml::table& table, const std::string& key, IdentityName* name) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const std::string text = toml_.text(table, key);
    if (!parse_name(text, name)) toml_.fail("'" + text + "' is not a name", *node);
  }

  void read_package(const toml::table& table) {
    toml_.reject_unknown(
        table,
        {"id", "layout", "ram_bytes", "erase_block_bytes", "program_unit_bytes", "scratch_bytes"},
        "package.");
    RomPackage package;
    package.id = toml_.text(table, "id");
    if (!is_valid_package_id(package.id)) {
      toml_.fail("'" + package.id + "' is not a package id", *table.get("id"));
    }
    if (is_known(package.id)) toml_.fail("two packages are called " + package.id, table);
    package.ram_bytes = toml_.number(table, "ram_bytes", ram_bytes_);
    package.erase_block_bytes = erase_block(table);
    read_layout(table, &package);
    product_.packages.push_back(package);
  }

  bool is_known(const std::string& id) const {
    return std::ranges::any_of(product_.packages,
                               [&](const RomPackage& package) { return package.id == id; });
  }

  void read_release(const toml::table& table) {
    toml_.reject_unknown(
        table, {"version", "security_counter", "device_counter", "release_number", "image"},
        "release.");
    Release release;
    release.version = read_version(table, "");
    if (product_.release(release.version) != nullptr) {
      toml_.fail("two releases are called " + release.version, table);
    }
    release.order.security_counter = toml_.number(table, "security_counter", 0);
    release.order.device_counter = toml_.number(table, "device_counter", 0);
    release.order.number = toml_.number(table, "release_number", 0);
    for (const toml::node& entry : toml_.tables_of(table, "image")) {
      read_image(toml_.table(entry, "image"), &release);
    }
    product_.releases.push_back(std::move(release));
  }

  void read_image(const toml::table& table, Release* release) {
    toml_.reject_unknown(table, {"package_id", "version", "path"}, "release.image.");
    const std::string id = toml_.text(table, "package_id");
    if (!is_known(id)) toml_.fail("there is no [[package]] " + id, *table.get("package_id"));
    RomImage image;
    image.version = read_version(table, release->version);
    const std::filesystem::path folder = std::filesystem::path(toml_.path()).parent_path();
    image.path = (folder / toml_.text(table, "path")).string();
    if (!release->images.emplace(id, std::move(image)).second) {
      toml_.fail("release " + release->version + " has two images of " + id, table);
    }
  }

  std::string read_version(const toml::table& table, const std::string& otherwise) {
    if (!table.contains("version") && !otherwise.empty()) return otherwise;
    std::string version = toml_.text(table, "version");
    if (!is_valid_version(version)) {
      toml_.fail("'" + version + "' is not a version", *table.get("version"));
    }
    return version;
  }

  cli::TomlReader toml_;
  Product product_;
  std::uint64_t ram_bytes_ = EncoderOptions().ram_bytes_max;
  std::uint32_t erase_block_bytes_ = EncoderOptions().erase_block_bytes;
  std::optional<std::uint32_t> program_unit_bytes_;
  std::optional<std::uint64_t> scratch_bytes_;
};

}  // namespace

const Release* Product::release(const std::string& version) const {
  const auto found = std::ranges::find(releases, version, &Release::version);
  return found == releases.end() ? nullptr : &*found;
}

Product read_product(const std::string& path) { return ProductReader(path).run(); }

}  // namespace romdelta::pkgtool
