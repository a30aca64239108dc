// DevicePool: devices for as many threads as ask, each for one piece of work at a time.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "pkgtool/proof_device.h"

namespace romdelta::pkgtool {

class DevicePool {
 public:
  explicit DevicePool(const ProofSubject& subject) : subject_(subject) {}

  class Lease {
   public:
    Lease(DevicePool* pool, std::unique_ptr<ProofDevice> device)
        : pool_(pool), device_(std::move(device)) {}
    ~Lease() { pool_->give_back(std::move(device_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ProofDevice* get() const { return device_.get(); }

   private:
    DevicePool* pool_;
    std::unique_ptr<ProofDevice> device_;
  };

  Lease lease(const std::shared_ptr<const Bytes>& target) {
    std::unique_ptr<ProofDevice> device;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        device = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (device == nullptr) device = std::make_unique<ProofDevice>(subject_);
    device->set_target(target);
    return {this, std::move(device)};
  }

 private:
  void give_back(std::unique_ptr<ProofDevice> device) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(device));
  }

  const ProofSubject& subject_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ProofDevice>> idle_;
};

}  // namespace romdelta::pkgtool
