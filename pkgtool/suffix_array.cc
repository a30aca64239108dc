#include "pkgtool/suffix_array.h"

#include <divsufsort.h>
#include <divsufsort64.h>

#include <algorithm>
#include <limits>
#include <new>

#include "installer/cli/error.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::size_t kPairCount = 256 * 256;

std::size_t pair_at(ByteSpan text, std::size_t offset) {
  return std::size_t{text[offset]} * 256 + text[offset + 1];
}

template <typename Index, typename Sort>
std::vector<Index> sort_suffixes(ByteSpan text, Sort sort) {
  std::vector<Index> suffixes(text.size());
  if (!text.empty() && sort(text.data(), suffixes.data(), static_cast<Index>(text.size())) != 0) {
    throw std::bad_alloc();
  }
  return suffixes;
}

}  // namespace

SuffixArray::SuffixArray(ByteSpan text) : text_(text), buckets_(kPairCount) {
  try {
    if (text.size() < std::numeric_limits<std::int32_t>::max()) {
      suffixes_ = sort_suffixes<std::int32_t>(text, divsufsort);
      index_pairs(suffixes_);
    } else {
      wide_suffixes_ = sort_suffixes<std::int64_t>(text, divsufsort64);
      index_pairs(wide_suffixes_);
    }
  } catch (const std::bad_alloc&) {
    throw Error(Exit::io, "not enough memory to index the source image", {},
                "matching needs about 6 bytes of memory for each source byte");
  }
}

template <typename Index>
void SuffixArray::index_pairs(const std::vector<Index>& suffixes) {
  for (std::size_t i = 0; i < suffixes.size(); ++i) {
    const auto offset = static_cast<std::size_t>(suffixes[i]);
    if (offset + 1 >= text_.size()) continue;
    Bucket& bucket = buckets_[pair_at(text_, offset)];
    if (bucket.end == 0) bucket.begin = i;
    bucket.end = i + 1;
  }
}

LongestMatch SuffixArray::find(ByteSpan wanted) const {
  return wide_suffixes_.empty() ? find_in(suffixes_, wanted) : find_in(wide_suffixes_, wanted);
}

template <typename Index>
LongestMatch SuffixArray::find_in(const std::vector<Index>& suffixes, ByteSpan wanted) const {
  LongestMatch best;
  if (wanted.size() < 2) return best;
  const Bucket& bucket = buckets_[pair_at(wanted, 0)];
  std::uint64_t low = bucket.begin;
  std::uint64_t high = bucket.end;
  // How much of `wanted` the suffixes just outside [low, high) share with it: those between share
  // at least the smaller of the two.
  std::size_t low_shared = 2;
  std::size_t high_shared = 2;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto offset = static_cast<std::size_t>(suffixes[middle]);
    const std::size_t comparable = std::min(wanted.size(), text_.size() - offset);
    std::size_t shared = std::min(low_shared, high_shared);
    shared += kernels_.mismatch(text_.data() + offset + shared, wanted.data() + shared,
                                comparable - shared);
    if (shared > best.bytes) best = {offset, shared};
    if (shared == wanted.size()) break;
    const bool suffix_is_smaller =
        offset + shared == text_.size() || text_[offset + shared] < wanted[shared];
    if (suffix_is_smaller) {
      low = middle + 1;
      low_shared = shared;
    } else {
      high = middle;
      high_shared = shared;
    }
  }
  return best;
}

}  // namespace romdelta::pkgtool
