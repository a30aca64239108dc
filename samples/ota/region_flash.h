// RegionFlash: a FlashRegion of the engine as the C interface takes it.
#pragma once

#include "installer/installer_c.h"
#include "installer/port/flash.h"
#include "installer/port/flash_file.h"

namespace romdelta::ota {

class RegionFlash {
 public:
  explicit RegionFlash(const FlashRegion& region) : region_(region) {
    const FlashGeometry geometry = region.geometry();
    flash_.context = this;
    flash_.size_bytes = region.size_bytes();
    flash_.erase_block_bytes = geometry.erase_block_bytes;
    flash_.program_unit_bytes = geometry.program_unit_bytes;
    flash_.erase_before_program = geometry.erase_before_program;
    flash_.read = [](void* self, std::uint64_t offset, std::uint8_t* into, std::size_t count) {
      return of(self).read(offset, {into, count}) == Status::ok;
    };
    flash_.erase = [](void* self, std::uint64_t offset, std::uint64_t count) {
      return of(self).erase(offset, count) == Status::ok;
    };
    flash_.program = [](void* self, std::uint64_t offset, const std::uint8_t* bytes,
                        std::size_t count) {
      return of(self).program(offset, {bytes, count}) == Status::ok;
    };
    flash_.sync = [](void* self) { return of(self).sync() == Status::ok; };
  }
  RegionFlash(const RegionFlash&) = delete;
  RegionFlash& operator=(const RegionFlash&) = delete;

  // Refers to this object.
  romdelta_region region() const { return {&flash_, 0, region_.size_bytes()}; }

 private:
  static const FlashRegion& of(void* self) { return static_cast<RegionFlash*>(self)->region_; }

  FlashRegion region_;
  romdelta_flash flash_{};
};

}  // namespace romdelta::ota
