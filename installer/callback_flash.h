// CallbackFlash: a Flash that calls the functions of a C caller. installer_c.h is their contract.
#pragma once

#include "installer/installer_c.h"
#include "installer/port/flash.h"

namespace romdelta {

class CallbackFlash final : public Flash {
 public:
  CallbackFlash() = default;
  // `flash` is the caller's and must outlive this object.
  explicit CallbackFlash(const romdelta_flash& flash) : flash_(&flash) {}

  FlashGeometry geometry() const override {
    return {flash_->erase_block_bytes, flash_->program_unit_bytes, flash_->erase_before_program};
  }
  std::uint64_t size_bytes() const override { return flash_->size_bytes; }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    return status_of(flash_->read(flash_->context, offset, into.data(), into.size()),
                     Status::flash_read_failed);
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    return status_of(flash_->erase(flash_->context, offset, count), Status::flash_erase_failed);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    return status_of(flash_->program(flash_->context, offset, bytes.data(), bytes.size()),
                     Status::flash_program_failed);
  }
  Status sync() override {
    return status_of(flash_->sync(flash_->context), Status::flash_sync_failed);
  }

 private:
  static Status status_of(bool good, Status failure) { return good ? Status::ok : failure; }

  const romdelta_flash* flash_ = nullptr;
};

}  // namespace romdelta
