// The documents under test, and the blocks in them that tests generate.
//
// A block lies between the lines "<!-- begin generated: NAME -->" and "<!-- end generated: NAME
// -->". With ROMDELTA_UPDATE_DOCS=1 in the environment, or --update on the command line, a test
// rewrites its block instead of comparing it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/bytes.h"

namespace romdelta::docs_test {

// Text of `name` in docs/. Fails the running test and returns "" when it cannot be read.
std::string read_doc(const std::string& name);

// What lies between the marker lines, without them; fails the running test when they are missing.
std::string generated_block(const std::string& doc_text, const std::string& block);

// Compares the block with `expected` or, when updating, writes it.
void expect_generated_block(const std::string& doc, const std::string& block,
                            const std::string& expected);

// The cells of each row of the first Markdown table after `heading`, blanks and backquotes trimmed;
// the header row and the rule below it are left out.
std::vector<std::vector<std::string>> table_after(const std::string& doc_text,
                                                  const std::string& heading);

// A part of a hex listing: `bytes` bytes explained by `note`.
struct HexNote {
  std::size_t bytes;
  std::string note;
};

// The listing of `bytes`, 16 a line, each part on lines of its own. Fails the running test when the
// parts do not add up to the bytes.
std::string hex_listing(ByteSpan bytes, const std::vector<HexNote>& parts);

// The bytes of such a listing, read back from its hex digits and offsets.
std::vector<std::uint8_t> parse_hex_listing(const std::string& listing);

std::string hex(ByteSpan bytes);

// Digits in groups of three: 106,496.
std::string grouped(std::uint64_t value);

void set_update_docs(bool update);

}  // namespace romdelta::docs_test
