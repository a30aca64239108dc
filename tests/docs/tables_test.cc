// Tables of the documents that follow from the code: docs/result-codes.md and docs/porting.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "doc_file.h"
#include "format/manifest.h"
#include "format/result_code.h"
#include "installer/installer_c.h"
#include "installer/session.h"

namespace romdelta::docs_test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ResultCodes, TableIsTheOneInTheCode) {
  std::string table =
      "\n| no. | Status | code | what happened | what the operator does |\n|---|---|---|---|---|\n";
  for (unsigned i = 0; i < status_count; ++i) {
    const ResultRow& row = result_row(static_cast<Status>(i));
    table += "| " + std::to_string(i) + " | `" + to_string(row.status) + "` | " +
             std::to_string(static_cast<unsigned>(row.code)) + " | " + row.meaning + " | " +
             row.action + " |\n";
  }
  expect_generated_block("result-codes.md", "status-table", table + "\n");
}

TEST(ResultCodes, TableOfCodesIsTheOneInTheCode) {
  std::string table = "\n| code | FUMO name | sent for |\n|---|---|---|\n";
  for (unsigned code = 200; code < 600; ++code) {
    std::string statuses;
    for (unsigned i = 0; i < status_count; ++i) {
      const auto status = static_cast<Status>(i);
      if (static_cast<unsigned>(result_code(status)) != code) continue;
      statuses += (statuses.empty() ? "`" : ", `") + std::string(to_string(status)) + "`";
    }
    if (statuses.empty()) continue;
    table += "| " + std::to_string(code) + " | " + to_string(static_cast<ResultCode>(code)) +
             " | " + statuses + " |\n";
  }
  expect_generated_block("result-codes.md", "code-table", table + "\n");
}

// Every code that can be sent is explained, and every other that FUMO leaves to devices is named
// among those never sent.
TEST(ResultCodes, AreEachExplainedOrNeverSent) {
  std::set<unsigned> sent;
  for (unsigned i = 0; i < status_count; ++i) {
    sent.insert(static_cast<unsigned>(result_code(static_cast<Status>(i))));
  }
  const std::string text = read_doc("result-codes.md");
  std::set<unsigned> explained;
  for (const std::vector<std::string>& row :
       table_after(text, "## What a server does about a code")) {
    ASSERT_EQ(row.size(), 3u);
    EXPECT_TRUE(explained.insert(static_cast<unsigned>(std::stoul(row[0]))).second) << row[0];
    EXPECT_FALSE(row[1].empty() || row[2].empty()) << row[0];
  }
  EXPECT_EQ(explained, sent);
  std::set<unsigned> never;
  for (const std::vector<std::string>& row : table_after(text, "## Codes never sent")) {
    const std::size_t dash = row[0].find('-');
    const auto first = static_cast<unsigned>(std::stoul(row[0]));
    const auto last = dash == std::string::npos
                          ? first
                          : static_cast<unsigned>(std::stoul(row[0].substr(dash + 1)));
    for (unsigned code = first; code <= last; ++code) {
      EXPECT_TRUE(never.insert(code).second) << code;
      EXPECT_FALSE(sent.contains(code)) << code;
    }
  }
  for (unsigned code = 250; code < 600; ++code) {
    if (code >= 300 && code < 400) continue;
    EXPECT_TRUE(sent.contains(code) || never.contains(code)) << code;
  }
}

// Arena bytes that are left for the buffers of a chunk, stored and decoded together; 0 when the
// rest does not fit.
std::uint64_t left_for_chunk(std::uint64_t arena_bytes, std::uint32_t group_bytes,
                             std::uint32_t chunk_count) {
  Manifest manifest;
  manifest.chunk_count = chunk_count;
  manifest.group_bytes = group_bytes;
  const std::uint64_t needed = arena_bytes_needed(manifest);
  return needed < arena_bytes ? arena_bytes - needed : 0;
}

TEST(Porting, ArenaTableFollowsTheFormula) {
  constexpr std::uint32_t kib = 1024;
  std::string table =
      "\n| arena | group | left for a chunk, 1 to 64 chunks | 65 to 4,096 chunks | more |\n"
      "|---|---|---|---|---|\n";
  struct Row {
    std::uint32_t arena_kib;
    std::uint32_t group_kib;
  };
  for (const Row& row : {Row{64, 4}, Row{112, 4}, Row{128, 4}, Row{128, 8}, Row{192, 8},
                         Row{256, 16}, Row{512, 32}, Row{1024, 64}}) {
    table +=
        "| " + std::to_string(row.arena_kib) + " KiB | " + std::to_string(row.group_kib) + " KiB |";
    for (const std::uint32_t chunks : {64u, 4096u, limits::chunk_count_max}) {
      const std::uint64_t left =
          left_for_chunk(std::uint64_t{row.arena_kib} * kib, row.group_kib * kib, chunks);
      table += left == 0 ? " does not fit |" : " " + grouped(left) + " |";
    }
    table += "\n";
  }
  expect_generated_block("porting.md", "arena-table", table + "\n");
}

// Every relative link of a document names a file of the tree.
TEST(Links, LeadSomewhere) {
  const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(ROMDELTA_DOCS_DIR)) {
    if (entry.path().extension() != ".md") continue;
    const std::string text = text_of(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
      const fs::path target = entry.path().parent_path() / (*it)[1].str();
      EXPECT_TRUE(fs::exists(target)) << entry.path() << " -> " << (*it)[1];
    }
  }
}

// Every test that docs/threat-model.md names is in the tree.
TEST(ThreatModel, NamesTestsThatExist) {
  std::string sources;
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(fs::path(ROMDELTA_DOCS_DIR).parent_path() / "tests")) {
    if (entry.path().extension() != ".cc") continue;
    sources += text_of(entry.path());
  }
  const std::string text = read_doc("threat-model.md");
  const std::regex name("`([A-Z][A-Za-z0-9]+)\\.([A-Z][A-Za-z0-9]+)`");
  for (std::sregex_iterator it(text.begin(), text.end(), name), end; it != end; ++it) {
    const std::string test = '(' + (*it)[1].str() + ", " + (*it)[2].str() + ")";
    EXPECT_NE(sources.find(test), std::string::npos) << test;
  }
  const std::regex fuzzer("`(fuzz_[a-z_]+)`");
  const fs::path fuzz = fs::path(ROMDELTA_DOCS_DIR).parent_path() / "tests" / "fuzz";
  for (std::sregex_iterator it(text.begin(), text.end(), fuzzer), end; it != end; ++it) {
    EXPECT_TRUE(fs::exists(fuzz / ((*it)[1].str() + ".cc"))) << (*it)[1];
  }
}

// A defence that nobody tried is a claim.
TEST(ThreatModel, HasATestForEveryAttack) {
  const std::string text = read_doc("threat-model.md");
  for (const char* heading : {"## Attacks and defences", "## What happened to others"}) {
    const auto rows = table_after(text, heading);
    EXPECT_GT(rows.size(), 10u) << heading;
    for (const std::vector<std::string>& row : rows) {
      ASSERT_EQ(row.size(), 5u) << row[0];
      EXPECT_TRUE(row[4].find('.') != std::string::npos || row[4].find("fuzz_") == 0)
          << "nothing shows what stands against: " << row[0];
    }
  }
}

// Every docs/*.md file that the sources of format/ and installer/ send their reader to.
TEST(Links, FromTheSourcesExist) {
  const std::regex reference(R"(docs/[a-z_-]+\.md)");
  const fs::path root = fs::path(ROMDELTA_DOCS_DIR).parent_path();
  for (const char* folder : {"format", "installer"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".h" && entry.path().extension() != ".cc") continue;
      const std::string text = text_of(entry.path());
      for (std::sregex_iterator it(text.begin(), text.end(), reference), end; it != end; ++it) {
        EXPECT_TRUE(fs::exists(root / it->str())) << entry.path() << " -> " << it->str();
      }
    }
  }
}

}  // namespace
}  // namespace romdelta::docs_test
