// FileFlash: a file or block device as flash (POSIX). It overwrites, so it needs no erase.
#pragma once

#include "installer/port/flash.h"

namespace romdelta {

class FileFlash final : public Flash {
 public:
  FileFlash() = default;
  ~FileFlash() { close(); }
  FileFlash(const FileFlash&) = delete;
  FileFlash& operator=(const FileFlash&) = delete;

  enum class Access : std::uint8_t {
    read_only,
    read_write,  // The file must exist.
    create,      // A file that does not exist is created empty.
  };

  // Opens `path` (zero-terminated). A regular file counts as `size_bytes` long: what it lacks reads
  // as 0xff and is added when programmed. A block device must really have them. `*error_number` is
  // the errno when the result is not ok.
  Status open(const char* path, Access access, std::uint64_t size_bytes,
              const FlashGeometry& geometry, int* error_number);
  void close();

  FlashGeometry geometry() const override { return geometry_; }
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Status read(std::uint64_t offset, MutableByteSpan into) override;
  Status erase(std::uint64_t offset, std::uint64_t count) override;
  Status program(std::uint64_t offset, ByteSpan bytes) override;
  Status sync() override;

 private:
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
  FlashGeometry geometry_;
};

}  // namespace romdelta
