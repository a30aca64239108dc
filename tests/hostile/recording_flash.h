// RecordingFlash: a flash that remembers every byte it was asked to program.
#pragma once

#include <vector>

#include "installer/port/flash.h"
#include "tests/support/bytes.h"

namespace romdelta::test {

class RecordingFlash final : public Flash {
 public:
  struct Write {
    std::uint64_t offset = 0;
    Bytes bytes;
  };

  // `flash` is the caller's and must outlive this object.
  explicit RecordingFlash(Flash* flash) : flash_(flash) {}

  FlashGeometry geometry() const override { return flash_->geometry(); }
  std::uint64_t size_bytes() const override { return flash_->size_bytes(); }
  Status read(std::uint64_t offset, MutableByteSpan into) override {
    return flash_->read(offset, into);
  }
  Status erase(std::uint64_t offset, std::uint64_t count) override {
    ++erases_;
    return flash_->erase(offset, count);
  }
  Status program(std::uint64_t offset, ByteSpan bytes) override {
    writes_.push_back({offset, to_bytes(bytes)});
    return flash_->program(offset, bytes);
  }
  Status sync() override { return flash_->sync(); }

  const std::vector<Write>& writes() const { return writes_; }
  std::size_t erases() const { return erases_; }
  void forget() {
    writes_.clear();
    erases_ = 0;
  }

 private:
  Flash* flash_;
  std::vector<Write> writes_;
  std::size_t erases_ = 0;
};

}  // namespace romdelta::test
