#include "tests/support/faulty_flash.h"

#include <numeric>

namespace romdelta::test {

std::uint64_t FaultPlan::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

bool FaultPlan::fails(FlashOperation operation) {
  const std::uint64_t number = total();
  ++counts[static_cast<std::size_t>(operation)];
  const bool now = number == fail_at || (for_good && fired);
  if (now && !fired) fired_on = operation;
  fired = fired || now;
  return now;
}

Status FaultyFlash::read(std::uint64_t offset, MutableByteSpan into) {
  if (plan_->fails(FlashOperation::read)) return Status::flash_read_failed;
  return flash_->read(offset, into);
}

Status FaultyFlash::erase(std::uint64_t offset, std::uint64_t count) {
  if (!plan_->fails(FlashOperation::erase)) return flash_->erase(offset, count);
  const std::uint64_t block = geometry().erase_block_bytes;
  std::uint64_t reached = 0;
  if (plan_->effect == FaultPlan::Effect::half) reached = count / block / 2 * block;
  if (plan_->effect == FaultPlan::Effect::all) reached = count;
  (void)flash_->erase(offset, reached);
  return Status::flash_erase_failed;
}

Status FaultyFlash::program(std::uint64_t offset, ByteSpan bytes) {
  if (!plan_->fails(FlashOperation::program)) return flash_->program(offset, bytes);
  const std::size_t unit = geometry().program_unit_bytes;
  std::size_t reached = 0;
  if (plan_->effect == FaultPlan::Effect::half) reached = bytes.size() / unit / 2 * unit;
  if (plan_->effect == FaultPlan::Effect::all) reached = bytes.size();
  (void)flash_->program(offset, bytes.first(reached));
  return Status::flash_program_failed;
}

Status FaultyFlash::sync() {
  if (plan_->fails(FlashOperation::sync)) return Status::flash_sync_failed;
  return flash_->sync();
}

}  // namespace romdelta::test
