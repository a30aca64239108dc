// What `pkgtool prove` prints of a verdict.
#pragma once

#include <string>

#include "pkgtool/prover.h"

namespace romdelta::pkgtool {

struct ProofSetting {
  std::string name;           // Of the package file.
  std::string geometry_name;  // "package" when the manifest says what flash it is for.
  FlashGeometry geometry;
};

std::string proof_text(const Verdict& verdict, const ProofSetting& setting);
std::string proof_json(const Verdict& verdict, const ProofSetting& setting);

}  // namespace romdelta::pkgtool
