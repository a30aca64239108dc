// Produce: a request and a signer in, the bytes of a package out that is known to install.
#pragma once

#include "pkgtool/packager.h"
#include "pkgtool/signer.h"

namespace romdelta::pkgtool {

struct FinishedPackage {
  Manifest manifest;
  Bytes file;
};

// Builds and signs a package, and installs it with the device engine: on the strictest flash, with
// an arena of exactly the declared size; the result must equal the target and every budget must be
// kept. With request.prove_cuts no loss of power may harm it, or it is not signed. No signer: the
// same with a throw-away key, and `file` carries no signature. Throws Error: what build_package()
// and Signer::sign() throw, (internal) when the package does not install, or (negative answer) when
// it is not proven.
FinishedPackage produce(const BuildRequest& request, Signer* signer, const StageProgress& progress);

}  // namespace romdelta::pkgtool
