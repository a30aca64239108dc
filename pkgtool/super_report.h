// Super report: what `pkgtool info` and `verify` print about a super package, and the dry run.
#pragma once

#include <string>

#include "pkgtool/super_device.h"
#include "pkgtool/super_verifier.h"

namespace romdelta::pkgtool {

// Requires: result.head. Signatures are listed, not checked.
std::string super_text_report(const SuperVerifyResult& result);
std::string super_json_report(const SuperVerifyResult& result);
std::string super_verdict_json(const SuperVerifyResult& result);

std::string dry_run_text(const SuperHead& head, const DryRun& run);
std::string dry_run_json(const SuperHead& head, const DryRun& run);

}  // namespace romdelta::pkgtool
