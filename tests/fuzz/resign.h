// Makes any bytes a package that a device trusts: header, sizes of the tree, digests and signature
// are put right, everything else stays as it was. Lets a fuzzer reach what lies behind them.
#pragma once

#include "format/manifest.h"
#include "tests/support/bytes.h"
#include "tests/support/test_key.h"

namespace romdelta::test {

struct ResignOptions {
  bool fit_manifest = true;               // Target size and RAM budget follow the rest.
  const ImageIdentity* source = nullptr;  // Stands in for the source of a delta.
};

// Never larger than `input` by more than a head.
Bytes resign(ByteSpan input, const TestKey& key, const ResignOptions& options);

}  // namespace romdelta::test
