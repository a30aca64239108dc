// RomConfig: ROM.toml, the device as the installer's command line sees it, with its storage opened.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "installer/device.h"

namespace romdelta::cli {

// What may be done with the storage that a ROM.toml names.
enum class RomAccess { read_only, read_write };

class RomConfig {
 public:
  // Reads the file and opens what it names; paths are relative to its folder. Files that do not
  // exist are created when writing is allowed, except the slot that holds the running ROM image:
  // slot A. Throws Error (bad_input) with line and column, or (io).
  RomConfig(const std::string& path, RomAccess access);
  ~RomConfig();
  RomConfig(const RomConfig&) = delete;
  RomConfig& operator=(const RomConfig&) = delete;

  // Refers to this object; trusted_keys are the caller's to set.
  const Device& device() const { return device_; }
  std::uint64_t ram_budget_bytes() const { return ram_budget_bytes_; }
  // The system's clock cannot be set back by an attacker: keyrings expire by it.
  bool has_trusted_clock() const { return has_trusted_clock_; }
  // What was installed and verified is confirmed without waiting for `confirm`.
  bool confirms_at_once() const { return confirms_at_once_; }

 private:
  struct Storage;
  class Reader;

  Device device_;
  std::uint64_t ram_budget_bytes_ = 0;
  bool has_trusted_clock_ = false;
  bool confirms_at_once_ = false;
  std::string vendor_;
  std::string model_;
  std::list<std::string> package_ids_;
  std::vector<RomRegion> regions_;
  std::vector<std::unique_ptr<Storage>> storage_;
};

}  // namespace romdelta::cli
