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

// "4,532,392".
std::string with_separators(std::uint64_t value);
// "12.5 %", or nothing of nothing.
std::string percent(std::uint64_t part, std::uint64_t whole);

}  // namespace romdelta::pkgtool
