// Reports: what a package is, for people and for programs, from the same structure.
#pragma once

#include <string>

#include "pkgtool/verifier.h"

namespace romdelta::pkgtool {

// What `pkgtool info` prints of a package whose signatures were not checked. Requires: result.head.
std::string text_report(const VerifyResult& result, bool with_chunks);
std::string json_report(const VerifyResult& result, bool with_chunks);

// What `pkgtool verify --format json` prints.
std::string verdict_json(const VerifyResult& result);

}  // namespace romdelta::pkgtool
