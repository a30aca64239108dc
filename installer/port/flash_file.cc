#include "installer/port/flash_file.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>

#include "installer/port/posix_io.h"

namespace romdelta {
namespace {

int open_flags(FileFlash::Access access) {
  switch (access) {
    case FileFlash::Access::read_only: return O_RDONLY | O_CLOEXEC;
    case FileFlash::Access::read_write: return O_RDWR | O_CLOEXEC;
    case FileFlash::Access::create: return O_RDWR | O_CREAT | O_CLOEXEC;
  }
  return O_RDONLY | O_CLOEXEC;
}

// A regular file may grow; anything else must already reach `size_bytes`.
bool is_large_enough(int descriptor, std::uint64_t size_bytes) {
  struct stat info;
  if (::fstat(descriptor, &info) != 0) return false;
  if (S_ISREG(info.st_mode)) return true;
  const off_t end = ::lseek(descriptor, 0, SEEK_END);
  if (end < 0) return false;
  if (static_cast<std::uint64_t>(end) >= size_bytes) return true;
  errno = ENOSPC;
  return false;
}

}  // namespace

Status FileFlash::open(const char* path, Access access, std::uint64_t size_bytes,
                       const FlashGeometry& geometry, int* error_number) {
  close();
  descriptor_ = ::open(path, open_flags(access), 0644);
  if (descriptor_ < 0 || !is_large_enough(descriptor_, size_bytes)) {
    *error_number = errno;
    close();
    return Status::flash_read_failed;
  }
  size_bytes_ = size_bytes;
  geometry_ = geometry;
  geometry_.erase_before_program = false;
  return Status::ok;
}

void FileFlash::close() {
  if (descriptor_ >= 0) (void)::close(descriptor_);
  descriptor_ = -1;
}

Status FileFlash::read(std::uint64_t offset, MutableByteSpan into) {
  const std::int64_t got = posix_io::read_at(descriptor_, offset, into);
  if (got < 0) return Status::flash_read_failed;
  std::ranges::fill(into.subspan(static_cast<std::size_t>(got)), std::uint8_t{0xff});
  return Status::ok;
}

Status FileFlash::erase(std::uint64_t, std::uint64_t) { return Status::flash_erase_failed; }

Status FileFlash::program(std::uint64_t offset, ByteSpan bytes) {
  return posix_io::write_at(descriptor_, offset, bytes) ? Status::ok : Status::flash_program_failed;
}

Status FileFlash::sync() {
  return ::fdatasync(descriptor_) == 0 ? Status::ok : Status::flash_sync_failed;
}

}  // namespace romdelta
