// Map encoder: an address map -> the bytes of a package. docs/format.md section 7.9.
#pragma once

#include "format/manifest.h"
#include "installer/address_map.h"
#include "pkgtool/pipeline.h"

namespace romdelta::pkgtool {

struct EncodedMap {
  Bytes bytes;           // Empty: there is no map.
  MapIdentity identity;  // What the manifest says about it.
};

// An empty map makes no bytes.
EncodedMap encode_map(const AddressMap& map);

}  // namespace romdelta::pkgtool
