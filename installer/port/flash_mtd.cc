#include "installer/port/flash_mtd.h"

#include <fcntl.h>
#include <mtd/mtd-user.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "installer/port/posix_io.h"

namespace romdelta {
namespace {

constexpr unsigned kMtdMajor = 90;  // Linux's number for MTD character devices.

}  // namespace

Status MtdFlash::open(const char* path, bool writable, int* error_number) {
  close();
  descriptor_ = ::open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  mtd_info_user info{};
  if (descriptor_ < 0 || ::ioctl(descriptor_, MEMGETINFO, &info) != 0) {
    *error_number = errno;
    close();
    return Status::flash_read_failed;
  }
  size_bytes_ = info.size;
  geometry_.erase_block_bytes = info.erasesize;
  geometry_.program_unit_bytes = info.writesize;
  geometry_.erase_before_program = (info.flags & MTD_NO_ERASE) == 0;
  return Status::ok;
}

void MtdFlash::close() {
  if (descriptor_ >= 0) (void)::close(descriptor_);
  descriptor_ = -1;
}

Status MtdFlash::read(std::uint64_t offset, MutableByteSpan into) {
  const std::int64_t got = posix_io::read_at(descriptor_, offset, into);
  return got == static_cast<std::int64_t>(into.size()) ? Status::ok : Status::flash_read_failed;
}

Status MtdFlash::erase(std::uint64_t offset, std::uint64_t count) {
  erase_info_user64 range{};
  range.start = offset;
  range.length = count;
  return ::ioctl(descriptor_, MEMERASE64, &range) == 0 ? Status::ok : Status::flash_erase_failed;
}

Status MtdFlash::program(std::uint64_t offset, ByteSpan bytes) {
  return posix_io::write_at(descriptor_, offset, bytes) ? Status::ok : Status::flash_program_failed;
}

bool is_mtd_device(const char* path) {
  struct stat info;
  return ::stat(path, &info) == 0 && S_ISCHR(info.st_mode) && major(info.st_rdev) == kMtdMajor;
}

}  // namespace romdelta
