// MtdFlash: a Linux MTD character device (/dev/mtdN) as flash.
#pragma once

#include "installer/port/flash.h"

namespace romdelta {

class MtdFlash final : public Flash {
 public:
  MtdFlash() = default;
  ~MtdFlash() { close(); }
  MtdFlash(const MtdFlash&) = delete;
  MtdFlash& operator=(const MtdFlash&) = delete;

  // Opens `path` (zero-terminated) and takes geometry and size from the driver. `*error_number` is
  // the errno when the result is not ok. NAND with bad blocks belongs behind UBI: a bad block makes
  // erase() fail here.
  Status open(const char* path, bool writable, int* error_number);
  void close();

  FlashGeometry geometry() const override { return geometry_; }
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Status read(std::uint64_t offset, MutableByteSpan into) override;
  Status erase(std::uint64_t offset, std::uint64_t count) override;
  Status program(std::uint64_t offset, ByteSpan bytes) override;
  // MTD writes are synchronous: nothing to wait for.
  Status sync() override { return Status::ok; }

 private:
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
  FlashGeometry geometry_;
};

// True when `path` is an MTD character device.
bool is_mtd_device(const char* path);

}  // namespace romdelta
