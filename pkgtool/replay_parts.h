// What replays of packages and of super packages are made of.
#pragma once

#include <cstdint>

#include "installer/port/flash_ram.h"
#include "installer/session.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// Memory as the strictest device: it must erase before it programs, and can program single bytes,
// so that what it counts is exactly what a manifest promises.
struct ReplayFlash {
  // `bytes` is rounded up to whole erase blocks. All of it is erased.
  ReplayFlash(std::uint64_t bytes, std::uint32_t erase_block_bytes);
  // Of journal or inventory: two erase blocks.
  static ReplayFlash of_records();
  ReplayFlash(const ReplayFlash&) = delete;
  ReplayFlash& operator=(const ReplayFlash&) = delete;

  FlashRegion region() { return {&flash, 0, memory.size()}; }

  Bytes memory;
  RamFlash flash;
};

// A session that tells `progress`, which has to outlive it and may be empty.
SessionOptions replay_options(StageProgress* progress);

}  // namespace romdelta::pkgtool
