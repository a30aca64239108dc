// SizeMeter: decodes a package once more, and writes down what every decision cost.
#pragma once

#include "pkgtool/size_account.h"
#include "pkgtool/verifier.h"

namespace romdelta::pkgtool {

// The target that `package` makes of `source`, which is not looked at for a full package; what it
// took is added to `account`. `verified`: what verify_package() found, all of it good. Throws Error
// (bad_input) when a chunk cannot be applied or the target is not the signed one.
Bytes meter_package(ByteSpan package, const VerifyResult& verified, ByteSpan source,
                    SizeAccount* account);

}  // namespace romdelta::pkgtool
