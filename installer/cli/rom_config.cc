#include "installer/cli/rom_config.h"

#include <sys/stat.h>
#include <toml++/toml.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>

#include "format/text.h"
#include "installer/cli/error.h"
#include "installer/port/flash_file.h"
#include "installer/port/flash_mtd.h"

namespace romdelta::cli {
namespace {

// Used where ROM.toml does not say: what most NOR flash and every file can do.
constexpr std::int64_t kEraseBlockBytes = 4096;
constexpr std::int64_t kProgramUnitBytes = 512;

std::string position(const std::string& path, const toml::node& node) {
  std::ostringstream text;
  text << path << ':' << node.source().begin.line << ':' << node.source().begin.column;
  return text.str();
}

}  // namespace

struct RomConfig::Storage {
  FileFlash file;
  MtdFlash mtd;
};

class RomConfig::Reader {
 public:
  Reader(RomConfig* config, const std::string& path, RomAccess access)
      : config_(*config), path_(path), access_(access) {}

  void run() {
    const toml::table root = parse();
    reject_unknown(root, {"device", "region", "journal", "scratch", "inventory"}, "");
    read_device(table(root, "device", path_));
    read_regions(root);
    config_.device_.journal = region(table(root, "journal", path_), "journal", kRecords);
    config_.device_.inventory = region(table(root, "inventory", path_), "inventory", kRecords);
    if (const toml::node* scratch = root.get("scratch")) {
      config_.device_.scratch = region(as_table(*scratch, "scratch"), "scratch", kRecords);
    }
    config_.device_.vendor = config_.vendor_;
    config_.device_.model = config_.model_;
    config_.device_.regions = config_.regions_;
  }

 private:
  // A part of the device's storage.
  struct Place {
    std::string name;
    std::string where;
    std::uint64_t device = 0;
    std::uint64_t file = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  static constexpr FlashGeometry kRecords{kEraseBlockBytes, kProgramUnitBytes, false};

  toml::table parse() const {
    try {
      return toml::parse_file(path_);
    } catch (const toml::parse_error& error) {
      std::ostringstream where;
      where << path_ << ':' << error.source().begin.line << ':' << error.source().begin.column;
      throw Error(Exit::bad_input, std::string(error.description()), where.str());
    }
  }

  [[noreturn]] void fail(const std::string& what, const std::string& where) const {
    throw Error(Exit::bad_input, what, where, "docs/porting.md shows a complete ROM.toml");
  }

  const toml::table& as_table(const toml::node& node, const std::string& name) const {
    if (const toml::table* result = node.as_table()) return *result;
    fail("'" + name + "' must be a table", position(path_, node));
  }

  // `where` is what an error names when there is no such table.
  const toml::table& table(const toml::table& parent, const std::string& name,
                           const std::string& where) const {
    const toml::node* node = parent.get(name);
    if (node == nullptr) fail("the table [" + name + "] is missing", where);
    return as_table(*node, name);
  }

  void reject_unknown(const toml::table& parent, std::initializer_list<std::string_view> known,
                      const std::string& name) const {
    for (const auto& [key, node] : parent) {
      const bool is_known =
          std::find(known.begin(), known.end(), std::string_view(key)) != known.end();
      if (is_known) continue;
      fail("unknown key '" + name + std::string(key.str()) + "'", position(path_, node));
    }
  }

  std::string text(const toml::table& parent, const std::string& key) const {
    const toml::node* node = parent.get(key);
    if (node == nullptr) fail("'" + key + "' is missing", position(path_, parent));
    const std::optional<std::string> value = node->value_exact<std::string>();
    if (!value || value->empty()) fail("'" + key + "' must be text", position(path_, *node));
    return *value;
  }

  std::uint64_t number(const toml::table& parent, const std::string& key,
                       std::optional<std::int64_t> otherwise = std::nullopt) const {
    const toml::node* node = parent.get(key);
    if (node == nullptr && otherwise) return static_cast<std::uint64_t>(*otherwise);
    if (node == nullptr) fail("'" + key + "' is missing", position(path_, parent));
    const std::optional<std::int64_t> value = node->value_exact<std::int64_t>();
    if (!value || *value < 0) {
      fail("'" + key + "' must be a whole number, not negative", position(path_, *node));
    }
    return static_cast<std::uint64_t>(*value);
  }

  std::uint32_t number32(const toml::table& parent, const std::string& key,
                         std::optional<std::int64_t> otherwise = std::nullopt) const {
    const std::uint64_t value = number(parent, key, otherwise);
    if (value > 0xffffffff) fail("'" + key + "' is too large", position(path_, *parent.get(key)));
    return static_cast<std::uint32_t>(value);
  }

  void read_device(const toml::table& device) {
    reject_unknown(device, {"vendor", "model", "hardware", "ram_budget_bytes"}, "device.");
    config_.vendor_ = text(device, "vendor");
    config_.model_ = text(device, "model");
    config_.device_.hardware = number32(device, "hardware", 0);
    config_.ram_budget_bytes_ = number(device, "ram_budget_bytes");
  }

  void read_regions(const toml::table& root) {
    const toml::node* node = root.get("region");
    const toml::array* regions = node == nullptr ? nullptr : node->as_array();
    if (regions == nullptr || regions->empty()) fail("there is no [[region]]", path_);
    for (const toml::node& entry : *regions) read_region(as_table(entry, "region"));
  }

  void read_region(const toml::table& entry) {
    reject_unknown(entry,
                   {"package_id", "slot_a", "slot_b", "erase_block_bytes", "program_unit_bytes"},
                   "region.");
    const std::string id = text(entry, "package_id");
    if (!is_valid_package_id(id)) {
      fail("'" + id + "' is not a package id", position(path_, *entry.get("package_id")));
    }
    for (const RomRegion& before : config_.regions_) {
      if (before.package_id == id) fail("two regions for " + id, position(path_, entry));
    }
    FlashGeometry geometry;
    geometry.erase_block_bytes = number32(entry, "erase_block_bytes", kEraseBlockBytes);
    geometry.program_unit_bytes = number32(entry, "program_unit_bytes", kProgramUnitBytes);
    RomRegion region_entry;
    region_entry.package_id = config_.package_ids_.emplace_back(id);
    region_entry.slot_a =
        region(table(entry, "slot_a", position(path_, entry)), "slot_a", geometry, true);
    if (const toml::node* slot_b = entry.get("slot_b")) {
      region_entry.slot_b = region(as_table(*slot_b, "slot_b"), "slot_b", geometry);
    }
    config_.regions_.push_back(region_entry);
  }

  // A brick in the making: a write to one part would destroy another.
  void reject_overlap(const Place& place) {
    for (const Place& other : places_) {
      const bool apart = place.device != other.device || place.file != other.file ||
                         place.offset >= other.offset + other.size ||
                         other.offset >= place.offset + place.size;
      if (!apart) fail("'" + place.name + "' overlaps '" + other.name + "'", place.where);
    }
    places_.push_back(place);
  }

  // Where the bytes of `path` are, whatever it is called; the storage is open.
  Place place_of(const std::string& path) const {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      throw Error(Exit::io, std::string("cannot open the storage: ") + std::strerror(errno), path);
    }
    Place place;
    const bool is_device = S_ISBLK(info.st_mode) || S_ISCHR(info.st_mode);
    place.device = is_device ? info.st_rdev : info.st_dev;
    place.file = is_device ? 0 : info.st_ino;
    return place;
  }

  // `must_exist`: never create the file.
  FlashRegion region(const toml::table& entry, const std::string& name,
                     const FlashGeometry& geometry, bool must_exist = false) {
    reject_unknown(entry, {"path", "offset_bytes", "size_bytes"}, name + ".");
    const std::filesystem::path given = text(entry, "path");
    const std::string path = (std::filesystem::path(path_).parent_path() / given).string();
    const std::uint64_t offset = number(entry, "offset_bytes", 0);
    const std::uint64_t size = number(entry, "size_bytes");
    if (offset > limits::image_bytes_max || size > limits::image_bytes_max) {
      fail("'" + name + "' lies beyond 1 TiB", position(path_, entry));
    }
    Flash* flash = open(path, offset + size, geometry, must_exist);
    const FlashRegion result(flash, offset, size);
    if (!result.is_usable()) {
      fail(
          "'" + name +
              "' does not fit its storage: offset and size must lie inside it and be "
              "multiples of its program unit (and of the erase block where it must be erased), the "
              "program unit at most 4096 bytes and a divisor of the erase block",
          position(path_, entry));
    }
    Place place = place_of(path);
    place.name = name;
    place.where = position(path_, entry);
    place.offset = offset;
    place.size = size;
    reject_overlap(place);
    return result;
  }

  Flash* open(const std::string& path, std::uint64_t size, const FlashGeometry& geometry,
              bool must_exist) {
    config_.storage_.push_back(std::make_unique<Storage>());
    Storage& storage = *config_.storage_.back();
    const bool writable = access_ == RomAccess::read_write;
    int error_number = 0;
    Status status = Status::ok;
    Flash* flash = &storage.file;
    if (is_mtd_device(path.c_str())) {
      status = storage.mtd.open(path.c_str(), writable, &error_number);
      flash = &storage.mtd;
    } else {
      const auto mode = !writable    ? FileFlash::Access::read_only
                        : must_exist ? FileFlash::Access::read_write
                                     : FileFlash::Access::create;
      status = storage.file.open(path.c_str(), mode, size, geometry, &error_number);
    }
    if (status != Status::ok) {
      const char* hint = error_number != ENOENT ? ""
                         : must_exist           ? "slot A is what the factory wrote"
                         : writable             ? "its folder must exist"
                                                : "`provision` creates it";
      throw Error(Exit::io, std::string("cannot open the storage: ") + std::strerror(error_number),
                  path, hint);
    }
    return flash;
  }

  RomConfig& config_;
  std::vector<Place> places_;
  const std::string& path_;
  RomAccess access_;
};

RomConfig::RomConfig(const std::string& path, RomAccess access) {
  Reader(this, path, access).run();
}

RomConfig::~RomConfig() = default;

}  // namespace romdelta::cli
