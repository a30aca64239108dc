// Replay: a package run through the installer's own engine, on memory. `pkgtool apply` is this, and
// `build` does it to every package before the output gets its name.
#pragma once

#include <optional>

#include "format/package.h"
#include "installer/session.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

struct ReplayResult {
  Status status = Status::internal;
  Bytes target;                     // When status is ok.
  std::optional<PackageHead> head;  // When the signature was good.
  std::uint64_t arena_used_bytes = 0;
  std::uint64_t flash_write_bytes = 0;  // Programmed into the target slot and into scratch.
  std::uint64_t erase_count = 0;
  std::uint64_t journal_bytes = 0;        // Programmed into the journal.
  std::uint64_t failed_offset_bytes = 0;  // What was wanted when the session failed.
};

struct ReplayOptions {
  std::size_t piece_bytes = 64 * 1024;  // How the package is cut when it is pushed.
  StageProgress progress;
};

// Installs `package` on a device that has exactly `source` in slot A, what the manifest names and
// the flash geometry that it was built for. An empty optional source: a blank device.
ReplayResult replay(ByteSpan package, std::optional<ByteSpan> source, TrustedKeys keys,
                    const ReplayOptions& options);

}  // namespace romdelta::pkgtool
