#include "installer/cli/device_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "installer/cli/error.h"

namespace romdelta::cli {

DeviceLock::DeviceLock(const std::string& rom_path)
    : descriptor_(::open(rom_path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) {
    throw Error(Exit::bad_input, std::string("cannot read the file: ") + std::strerror(errno),
                rom_path);
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    (void)::close(descriptor_);
    throw Error(Exit::io, "another installer is at work on this device", rom_path);
  }
}

DeviceLock::~DeviceLock() { (void)::close(descriptor_); }

}  // namespace romdelta::cli
