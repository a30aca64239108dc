// The page that `pkgtool explain-size --html` writes, without its data.
#pragma once

#include <string_view>

namespace romdelta::pkgtool {

// The object of size_json(), in which no '<' may stand, belongs between the two.
extern const std::string_view size_page_begin;
extern const std::string_view size_page_end;

}  // namespace romdelta::pkgtool
