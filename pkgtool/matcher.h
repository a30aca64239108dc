// Matcher: (source, target) -> Cover.
//
// Approximate matching after Percival's bsdiff ("Naive differences of executable code", 2003):
// exact matches found through a suffix array seed alignments, which grow over bytes that differ as
// long as more than half of them agree.
#pragma once

#include "pkgtool/cover.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// Memory: 5 bytes for each source byte (9 above 2 GiB), besides the images.
// Throws Error when the suffix array cannot be built.
Cover match_images(ByteSpan source, ByteSpan target, const StageProgress& progress);

}  // namespace romdelta::pkgtool
