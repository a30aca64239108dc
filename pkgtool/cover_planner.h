// Cover planner: of all alignments that were found, those that cost least together.
//
// The matcher takes the longest match at every step. That is not what costs least: a short exact
// match elsewhere breaks up an alignment whose differences the codec knows by heart. Here a cover
// is the cheapest way through the target by dynamic programming (Viterbi, 1967), where a word that
// changed in a way seen before is nearly free. docs/delta.md has figures.
#pragma once

#include "pkgtool/matcher.h"

namespace romdelta::pkgtool {

// Estimates of what codec context spends, in half bits, and how many alignments are looked at.
struct PlanCosts {
  std::uint32_t begin_copy = 66;
  std::uint32_t literal = 13;       // A byte that no copy covers.
  std::uint32_t strange_word = 40;  // A word that changed in a way not seen before,
  std::uint32_t strange_byte = 8;   // and each of its bytes that differs after the first.
  std::uint32_t familiar_word = 8;  // A word that changed as the same word did elsewhere,
  std::uint32_t similar_word = 16;  // or as words like it did.
  std::uint64_t back_bytes = 32;    // An alignment may begin this far before its seed,
  std::uint64_t idle_bytes = 128;   // and is forgotten after being of no use for so long.
};

// No estimate is right for all images: encode both, and keep what is smaller. The second looks at
// alignments earlier and forgets them earlier; tables whose entries were reordered like it.
inline constexpr PlanCosts plan_costs[] = {{}, {.back_bytes = 64, .idle_bytes = 64}};

// The alignments are those of matches.seeds. Time grows with the target, and with how many seeds
// lie close to each other.
Cover plan_cover(ByteSpan source, ByteSpan target, const Matches& matches, const PlanCosts& costs,
                 const StageProgress& progress);

}  // namespace romdelta::pkgtool
