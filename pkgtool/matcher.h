// Matcher: (source, target) -> Cover.
//
// Approximate matching after Percival's bsdiff ("Naive differences of executable code", 2003):
// exact matches found through a suffix array seed alignments, which grow over bytes that differ as
// long as more than half of them agree.
#pragma once

#include <vector>

#include "pkgtool/cover.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// Where an exact match was found, and so an alignment that might be used.
struct Seed {
  std::uint64_t target_offset = 0;
  std::uint64_t source_offset = 0;
  // The alignment: how far apart the two are, modulo 2^64.
  std::uint64_t shift() const { return source_offset - target_offset; }
};

// An exact match of a string in the source.
struct LongestMatch {
  std::uint64_t source_offset = 0;
  std::uint64_t bytes = 0;  // 0: nothing matches.
};

struct Matches {
  Cover cover;              // Taking the longest match at every step.
  std::vector<Seed> seeds;  // All that were found on the way and those of `cover`, in target order.
};

// Memory: 5 bytes for each source byte (9 above 2 GiB), besides the images.
// Throws Error when the suffix array cannot be built.
Matches find_matches(ByteSpan source, ByteSpan target, const StageProgress& progress);

// A cover by matches of 16 bytes and more: good enough to see what moved where, in a fraction of
// the time. Memory: 1 to 2 bytes for each source byte.
Cover match_roughly(ByteSpan source, ByteSpan target);

// The cover of find_matches() alone.
Cover match_images(ByteSpan source, ByteSpan target, const StageProgress& progress);

}  // namespace romdelta::pkgtool
