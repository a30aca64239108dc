// SizeAccount: what the bytes of a payload were spent on, by kind of information and by region of
// the target.
//
// A decoder charges it as it goes. What it charges are shares: fractions of bits that need not add
// up to anything. settle() makes them add up to the bytes that were really stored, rounded() makes
// whole bytes of them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

// The kinds of information in a payload.
enum class Stream : std::uint8_t {
  address_map,
  plan,  // Of a delta in place.
  tree_nodes,
  chunk_headers,
  copy_lengths,
  extra_lengths,
  source_seeks,
  block_flags,      // Codec context: whether 64 bytes differ at all,
  word_flags,       // whether a word changed as was expected,
  spelled_changes,  // and the changes that were not.
  diff_values,      // Codec zstd: the changes of bytes,
  zero_runs,        // and how far apart they are.
  literals,
};
inline constexpr std::size_t stream_count = 13;

// What people tell apart.
enum class Purpose : std::uint8_t {
  structure,  // What the payload needs whatever the images are; and the address map.
  control,    // From where in the source, and how much.
  changes,    // What of it differs.
  literals,   // What the source has nothing like.
};
inline constexpr std::size_t purpose_count = 4;

const char* to_string(Stream stream);
const char* to_string(Purpose purpose);
Purpose purpose_of(Stream stream);

// What one part of the target took.
struct Spending {
  std::array<std::uint64_t, stream_count> stream_bytes{};
  std::uint64_t new_bytes = 0;      // Of the target: literals.
  std::uint64_t changed_bytes = 0;  // Copied, and other than in the source.

  std::uint64_t& operator[](Stream stream) {
    return stream_bytes[static_cast<std::size_t>(stream)];
  }
  std::uint64_t of(Stream stream) const { return stream_bytes[static_cast<std::size_t>(stream)]; }
  std::uint64_t of(Purpose purpose) const;
  std::uint64_t payload_bytes() const;
  Spending& operator+=(const Spending& other);
};

class SizeAccount {
 public:
  // `region_ends`: where the regions of the target end, ascending; the first begins at 0. At least
  // one.
  explicit SizeAccount(std::vector<std::uint64_t> region_ends);

  // Bytes of no region.
  void charge_structure(Stream stream, std::uint64_t bytes) { structure_[stream] += bytes; }

  // A share for what comes next in the target.
  void charge(Stream stream, double share) {
    pending_.back()[static_cast<std::size_t>(stream)] += share;
  }
  // What comes next in the target lies there. Only forward, unless everything was settled.
  void move_to(std::uint64_t position);
  // Bytes of the target are complete: copied, of which `changed` differ from the source, or new.
  void copied(std::uint64_t bytes, std::uint64_t changed);
  void made_new(std::uint64_t bytes);
  // All shares since the last call are worth `stored_bytes` together.
  void settle(std::uint64_t stored_bytes);

  const Spending& structure() const { return structure_; }
  // What each region took, in whole bytes, which add up to what was settled exactly: fractions are
  // carried on from one region to the next. Requires: everything was settled.
  std::vector<Spending> rounded() const;

 private:
  using Shares = std::array<double, stream_count>;

  void advance(std::uint64_t bytes);

  std::vector<std::uint64_t> region_ends_;
  Spending structure_;
  std::vector<Shares> settled_;   // In bytes, by region.
  std::vector<Spending> counts_;  // New and changed bytes, by region.
  std::vector<Shares> pending_;   // Of the regions up to the current one, since the last settle().
  std::size_t region_ = 0;
  std::uint64_t at_ = 0;  // In the target.
};

}  // namespace romdelta::pkgtool
