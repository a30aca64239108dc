#include "pkgtool/replay_parts.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::uint32_t kRecordBlockBytes = 64 << 10;

bool forward_progress(void* context, const Progress& progress) {
  const auto& callback = *static_cast<const StageProgress*>(context);
  callback(to_string(progress.stage), progress.done_bytes, progress.total_bytes);
  return true;
}

}  // namespace

ReplayFlash::ReplayFlash(std::uint64_t bytes, std::uint32_t erase_block_bytes)
    : memory(static_cast<std::size_t>(round_up(bytes, erase_block_bytes)), 0xff),
      flash(memory, {erase_block_bytes, 1, true}) {}

ReplayFlash ReplayFlash::of_records() { return {2 * kRecordBlockBytes, kRecordBlockBytes}; }

SessionOptions replay_options(StageProgress* progress) {
  SessionOptions options;
  if (!*progress) return options;
  options.progress = forward_progress;
  options.progress_context = progress;
  return options;
}

}  // namespace romdelta::pkgtool
