// SuffixArray: the longest match of any string in the source.
#pragma once

#include <cstdint>
#include <vector>

#include "installer/simd/kernels.h"
#include "pkgtool/matcher.h"

namespace romdelta::pkgtool {

// Built once with libdivsufsort; searched by binary search that never compares a prefix twice
// (Manber and Myers, "Suffix arrays", 1993, without the LCP table).
class SuffixArray {
 public:
  // `text` stays the caller's and must outlive this object. Throws Error when memory runs out.
  explicit SuffixArray(ByteSpan text);

  // The longest prefix of `wanted` that occurs in the text, and one place where it does; at least
  // two bytes, or none.
  LongestMatch find(ByteSpan wanted) const;

 private:
  // The suffixes that begin with the same two bytes are neighbours: where each such bucket begins.
  // Suffixes of one byte belong to no bucket.
  struct Bucket {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  template <typename Index>
  void index_pairs(const std::vector<Index>& suffixes);
  template <typename Index>
  LongestMatch find_in(const std::vector<Index>& suffixes, ByteSpan wanted) const;

  ByteSpan text_;
  const Kernels& kernels_ = best_kernels();
  std::vector<std::int32_t> suffixes_;       // Up to 2 GiB of text,
  std::vector<std::int64_t> wide_suffixes_;  // and beyond.
  std::vector<Bucket> buckets_;
};

}  // namespace romdelta::pkgtool
