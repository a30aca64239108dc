#include "doc_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace romdelta::docs_test {
namespace {

constexpr std::size_t kBytesPerLine = 16;
// "0000  " and three characters a byte: where the note of a listing's line begins.
constexpr std::size_t kHexColumn = 6;
constexpr std::size_t kNoteColumn = kHexColumn + 3 * kBytesPerLine + 1;

bool update_docs = false;

std::string doc_path(const std::string& name) {
  return std::string(ROMDELTA_DOCS_DIR) + "/" + name;
}

struct BlockRange {
  std::size_t begin = std::string::npos;
  std::size_t end = std::string::npos;
  bool found() const { return begin != std::string::npos && end != std::string::npos; }
};

BlockRange find_block(const std::string& text, const std::string& block) {
  BlockRange range;
  const std::string first = "<!-- begin generated: " + block + " -->\n";
  const std::size_t at = text.find(first);
  if (at == std::string::npos) return range;
  range.begin = at + first.size();
  range.end = text.find("<!-- end generated: " + block + " -->", range.begin);
  return range;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" `");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" `") - begin + 1);
}

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  std::size_t at = 1;
  while (at < row.size()) {
    const std::size_t end = std::min(row.find('|', at), row.size());
    cells.push_back(trimmed(row.substr(at, end - at)));
    at = end + 1;
  }
  return cells;
}

}  // namespace

void set_update_docs(bool update) { update_docs = update; }

std::string read_doc(const std::string& name) {
  std::ifstream file(doc_path(name), std::ios::binary);
  EXPECT_TRUE(file.good()) << doc_path(name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string generated_block(const std::string& doc_text, const std::string& block) {
  const BlockRange range = find_block(doc_text, block);
  EXPECT_TRUE(range.found()) << "no generated block " << block;
  return range.found() ? doc_text.substr(range.begin, range.end - range.begin) : "";
}

void expect_generated_block(const std::string& doc, const std::string& block,
                            const std::string& expected) {
  std::string text = read_doc(doc);
  const BlockRange range = find_block(text, block);
  ASSERT_TRUE(range.found()) << "docs/" << doc << " has no generated block " << block;
  if (!update_docs) {
    EXPECT_EQ(text.substr(range.begin, range.end - range.begin), expected)
        << "docs/" << doc << ": run this test with ROMDELTA_UPDATE_DOCS=1 to rewrite " << block;
    return;
  }
  text.replace(range.begin, range.end - range.begin, expected);
  std::ofstream file(doc_path(doc), std::ios::binary | std::ios::trunc);
  file << text;
  file.flush();
  ASSERT_TRUE(file.good()) << doc_path(doc);
}

std::vector<std::vector<std::string>> table_after(const std::string& doc_text,
                                                  const std::string& heading) {
  std::vector<std::vector<std::string>> rows;
  const std::size_t at = doc_text.find("\n" + heading + "\n");
  EXPECT_NE(at, std::string::npos) << "no heading " << heading;
  if (at == std::string::npos) return rows;
  std::istringstream lines(doc_text.substr(at + heading.size() + 2));
  bool in_table = false;
  for (std::string line; std::getline(lines, line);) {
    const bool is_row = !line.empty() && line.front() == '|';
    if (in_table && !is_row) break;
    in_table = is_row;
    if (is_row) rows.push_back(cells_of(line));
  }
  EXPECT_GT(rows.size(), 2u) << "no table after " << heading;
  rows.erase(rows.begin(), rows.begin() + std::min<std::ptrdiff_t>(2, std::ssize(rows)));
  return rows;
}

std::string hex_listing(ByteSpan bytes, const std::vector<HexNote>& parts) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string listing;
  std::size_t at = 0;
  for (const HexNote& part : parts) {
    if (part.bytes > bytes.size() - at) {
      ADD_FAILURE() << "the parts are longer than the bytes: " << part.note;
      return listing;
    }
    for (std::size_t done = 0; done < part.bytes; done += kBytesPerLine) {
      const ByteSpan row = bytes.subspan(at + done, std::min(kBytesPerLine, part.bytes - done));
      std::string line;
      for (int shift = 12; shift >= 0; shift -= 4) line += kDigits[((at + done) >> shift) & 15];
      line += " ";
      for (const std::uint8_t byte : row) {
        line += ' ';
        line += kDigits[byte >> 4];
        line += kDigits[byte & 15];
      }
      if (done == 0) {
        line.resize(kNoteColumn, ' ');
        line += part.note;
      }
      listing += line + "\n";
    }
    at += part.bytes;
  }
  EXPECT_EQ(at, bytes.size()) << "bytes without a note";
  return listing;
}

std::vector<std::uint8_t> parse_hex_listing(const std::string& listing) {
  std::vector<std::uint8_t> bytes;
  std::istringstream lines(listing);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with("```")) continue;
    EXPECT_EQ(std::stoul(line.substr(0, 4), nullptr, 16), bytes.size()) << line;
    std::istringstream digits(line.substr(kHexColumn - 1, 3 * kBytesPerLine + 1));
    for (std::string pair; digits >> pair;) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(pair, nullptr, 16)));
    }
  }
  return bytes;
}

std::string hex(ByteSpan bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

}  // namespace romdelta::docs_test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const char* update = std::getenv("ROMDELTA_UPDATE_DOCS");
  bool wanted = update != nullptr && std::string_view(update) == "1";
  for (int i = 1; i < argc; ++i) wanted = wanted || std::string_view(argv[i]) == "--update";
  romdelta::docs_test::set_update_docs(wanted);
  return RUN_ALL_TESTS();
}
