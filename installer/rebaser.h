// Rebaser: the source as it would look had only its parts moved. docs/format.md section 7.11.
//
// References are rewritten as the address map says, a window at a time. Each depends on the bytes
// of the source near it and on the map only, so a window can begin anywhere.
#pragma once

#include "format/bytes.h"
#include "installer/address_map.h"

namespace romdelta {

class Rebaser {
 public:
  // What has to be known of the source on each side of the bytes to be rewritten.
  static constexpr std::size_t margin_bytes = 128;

  explicit Rebaser(const AddressMap& map) : map_(map) {}

  // Rewrites `out`, which holds the bytes of the source from offset `position` on. `around` holds
  // the bytes of the source from offset `around_position` on: those of `out`, and margin_bytes more
  // on each side as far as the source goes. `out` and `around` must not overlap.
  void rewrite(ByteSpan around, std::uint64_t around_position, MutableByteSpan out,
               std::uint64_t position) const;

 private:
  const AddressMap& map_;
};

}  // namespace romdelta
