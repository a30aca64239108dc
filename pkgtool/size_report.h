// Size reports: where the bytes of a payload went, for people, for programs and for a browser, all
// from the same structure.
#pragma once

#include <string>

#include "pkgtool/size_breakdown.h"

namespace romdelta::pkgtool {

// `top`: how many regions and symbols are listed.
std::string size_text(const SizeBreakdown& breakdown, std::size_t top);

// docs/pkgtool.md has the keys.
std::string size_json(const SizeBreakdown& breakdown);

// A page that needs nothing but itself: a treemap of the object of size_json(), and the same
// numbers as a table.
std::string size_html(const SizeBreakdown& breakdown);

}  // namespace romdelta::pkgtool
