// DeviceLock: one installer at a time for one ROM.toml. The system releases it when the process
// ends, however it ends.
#pragma once

#include <string>

namespace romdelta::cli {

class DeviceLock {
 public:
  // Throws Error: (bad_input) when the file cannot be read, (io) when another holds the lock.
  explicit DeviceLock(const std::string& rom_path);
  ~DeviceLock();
  DeviceLock(const DeviceLock&) = delete;
  DeviceLock& operator=(const DeviceLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace romdelta::cli
