// Whole reads and writes at an offset on a file descriptor: what FileFlash and MtdFlash share.
#pragma once

#include <cerrno>
#include <cstdint>

#include <unistd.h>

#include "format/bytes.h"

namespace romdelta::posix_io {

// Reads until `into` is full or the file ends. Returns bytes read, or -1 with errno set.
inline std::int64_t read_at(int descriptor, std::uint64_t offset, MutableByteSpan into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::pread(descriptor, into.data() + done, into.size() - done,
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return static_cast<std::int64_t>(done);
}

// True when all bytes were written; errno says why not.
inline bool write_at(int descriptor, std::uint64_t offset, ByteSpan bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::pwrite(descriptor, bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    done += static_cast<std::size_t>(put);
  }
  return true;
}

}  // namespace romdelta::posix_io
