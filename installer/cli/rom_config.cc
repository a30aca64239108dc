#include "installer/cli/rom_config.h"

#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "format/text.h"
#include "installer/cli/error.h"
#include "installer/cli/toml_reader.h"
#include "installer/port/flash_file.h"
#include "installer/port/flash_mtd.h"

namespace romdelta::cli {
namespace {

// Used where ROM.toml does not say: what most NOR flash and every file can do.
constexpr std::uint32_t kEraseBlockBytes = 4096;
constexpr std::uint32_t kProgramUnitBytes = 512;

}  // namespace

struct RomConfig::Storage {
  FileFlash file;
  MtdFlash mtd;
};

class RomConfig::Reader {
 public:
  Reader(RomConfig* config, const std::string& path, RomAccess access)
      : config_(*config),
        toml_(path, "docs/porting.md shows a complete ROM.toml"),
        access_(access) {}

  void run() {
    const toml::table& root = toml_.parse();
    toml_.reject_unknown(root, {"device", "region", "journal", "scratch", "inventory", "keyring"},
                         "");
    read_device(toml_.table_of(root, "device"));
    for (const toml::node& entry : toml_.tables_of(root, "region")) {
      read_region(toml_.table(entry, "region"));
    }
    config_.device_.journal = region(toml_.table_of(root, "journal"), "journal", kRecords);
    config_.device_.inventory = region(toml_.table_of(root, "inventory"), "inventory", kRecords);
    if (const toml::node* scratch = root.get("scratch")) {
      config_.device_.scratch = read_scratch(toml_.table(*scratch, "scratch"));
    }
    if (const toml::node* keyring = root.get("keyring")) {
      config_.device_.keyring = region(toml_.table(*keyring, "keyring"), "keyring", kRecords);
    }
    config_.device_.vendor = config_.vendor_;
    config_.device_.model = config_.model_;
    config_.device_.regions = config_.regions_;
  }

 private:
  // A part of the device's storage.
  struct Place {
    std::string name;
    const toml::table* entry = nullptr;
    std::uint64_t device = 0;
    std::uint64_t file = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  static constexpr FlashGeometry kRecords{kEraseBlockBytes, kProgramUnitBytes, false};

  void read_device(const toml::table& device) {
    toml_.reject_unknown(device,
                         {"vendor", "model", "hardware", "ram_budget_bytes", "production",
                          "confirm", "trusted_clock"},
                         "device.");
    config_.vendor_ = toml_.text(device, "vendor");
    config_.model_ = toml_.text(device, "model");
    config_.device_.hardware = toml_.number32(device, "hardware", 0);
    config_.ram_budget_bytes_ = toml_.number(device, "ram_budget_bytes");
    config_.device_.production = toml_.flag(device, "production", true);
    config_.has_trusted_clock_ = toml_.flag(device, "trusted_clock", false);
    const std::string confirm = toml_.text(device, "confirm", "manual");
    if (confirm != "manual" && confirm != "automatic") {
      toml_.fail("'device.confirm' is 'manual' or 'automatic'", *device.get("confirm"));
    }
    config_.confirms_at_once_ = confirm == "automatic";
  }

  void read_region(const toml::table& entry) {
    toml_.reject_unknown(
        entry, {"package_id", "slot_a", "slot_b", "erase_block_bytes", "program_unit_bytes"},
        "region.");
    const std::string id = toml_.text(entry, "package_id");
    if (!is_valid_package_id(id)) {
      toml_.fail("'" + id + "' is not a package id", *entry.get("package_id"));
    }
    for (const RomRegion& before : config_.regions_) {
      if (before.package_id == id) toml_.fail("two regions for " + id, entry);
    }
    const FlashGeometry geometry = read_geometry(entry, kRecords);
    RomRegion region_entry;
    region_entry.package_id = config_.package_ids_.emplace_back(id);
    region_entry.slot_a = region(toml_.table_of(entry, "slot_a"), "slot_a", geometry, true);
    if (const toml::node* slot_b = entry.get("slot_b")) {
      region_entry.slot_b = region(toml_.table(*slot_b, "slot_b"), "slot_b", geometry);
    }
    const bool has_one_slot = !region_entry.slot_b.present();
    if (!scratch_geometry_ && has_one_slot) scratch_geometry_ = geometry;
    config_.regions_.push_back(region_entry);
  }

  FlashGeometry read_geometry(const toml::table& entry, FlashGeometry otherwise) const {
    otherwise.erase_block_bytes =
        toml_.number32(entry, "erase_block_bytes", otherwise.erase_block_bytes);
    otherwise.program_unit_bytes =
        toml_.number32(entry, "program_unit_bytes", otherwise.program_unit_bytes);
    return otherwise;
  }

  FlashRegion read_scratch(const toml::table& entry) {
    toml_.reject_unknown(
        entry, {"path", "offset_bytes", "size_bytes", "erase_block_bytes", "program_unit_bytes"},
        "scratch.");
    return region(entry, "scratch", read_geometry(entry, scratch_geometry_.value_or(kRecords)));
  }

  // A brick in the making: a write to one part would destroy another.
  void reject_overlap(const Place& place) {
    for (const Place& other : places_) {
      const bool apart = place.device != other.device || place.file != other.file ||
                         place.offset >= other.offset + other.size ||
                         other.offset >= place.offset + place.size;
      if (!apart) toml_.fail("'" + place.name + "' overlaps '" + other.name + "'", *place.entry);
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
    if (name != "scratch") {
      toml_.reject_unknown(entry, {"path", "offset_bytes", "size_bytes"}, name + ".");
    }
    const std::filesystem::path given = toml_.text(entry, "path");
    const std::string path = (std::filesystem::path(toml_.path()).parent_path() / given).string();
    const std::uint64_t offset = toml_.number(entry, "offset_bytes", 0);
    const std::uint64_t size = toml_.number(entry, "size_bytes");
    if (offset > limits::image_bytes_max || size > limits::image_bytes_max) {
      toml_.fail("'" + name + "' lies beyond 1 TiB", entry);
    }
    Flash* flash = open(path, offset + size, geometry, must_exist);
    const FlashRegion result(flash, offset, size);
    if (!result.is_usable()) {
      toml_.fail(
          "'" + name +
              "' does not fit its storage: offset and size must lie inside it and be "
              "multiples of its program unit (and of the erase block where it must be erased), the "
              "program unit at most 4096 bytes and a divisor of the erase block",
          entry);
    }
    Place place = place_of(path);
    place.name = name;
    place.entry = &entry;
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
  // What scratch is for: that of the first region that has one slot.
  std::optional<FlashGeometry> scratch_geometry_;
  TomlReader toml_;
  RomAccess access_;
};

RomConfig::RomConfig(const std::string& path, RomAccess access) {
  Reader(this, path, access).run();
}

RomConfig::~RomConfig() = default;

}  // namespace romdelta::cli
