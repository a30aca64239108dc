// Super replay: a super package run through the installer's own engine, on memory: a device that
// has the sources that are given. `pkgtool super` does it before the output gets its name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "installer/super_session.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// The image that the device has of a ROM package; of those that are not named it has none that any
// delta fits.
using SuperSources = std::map<std::string, ByteSpan>;

struct SuperReplayResult {
  Status status = Status::internal;
  std::string failed_package;  // The ROM package whose member failed; empty: none.
  std::uint64_t arena_used_bytes = 0;
  std::size_t installed_count = 0;
};

// Requires: the members are whole, as verify_super_package() found them.
SuperReplayResult replay_super(ByteSpan file, const SuperSources& sources, TrustedKeys keys,
                               const StageProgress& progress);

}  // namespace romdelta::pkgtool
