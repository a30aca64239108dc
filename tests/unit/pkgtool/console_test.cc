#include "installer/cli/console.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace romdelta::cli {
namespace {

std::string printed(ProgressMode mode, const std::function<void(ProgressPrinter*)>& use) {
  std::ostringstream err;
  {
    ProgressPrinter printer(mode, err);
    use(&printer);
  }
  return err.str();
}

void count_up(ProgressPrinter* printer) {
  for (std::uint64_t i = 0; i <= 1000; ++i) printer->update("match", i, 1000);
  for (std::uint64_t i = 0; i <= 1000; ++i) printer->update("encode", i, 1000);
}

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

TEST(Console, PrintsNothingWhenToldSo) { EXPECT_EQ(printed(ProgressMode::none, count_up), ""); }

// Tests have no terminal on standard error that matters: CTest captures it.
TEST(Console, PlainNamesEachStageOnce) {
  EXPECT_EQ(printed(ProgressMode::plain, count_up), "match\nencode\n");
}

TEST(Console, JsonPrintsOneObjectALine) {
  std::istringstream lines(printed(ProgressMode::json, count_up));
  std::string line;
  std::size_t count = 0;
  nlohmann::json last;
  while (std::getline(lines, line)) {
    last = nlohmann::json::parse(line);
    EXPECT_EQ(last["schema"], 1);
    EXPECT_TRUE(last["stage"].is_string());
    ++count;
  }
  EXPECT_EQ(count, 2 * 101u);
  EXPECT_EQ(last["stage"], "encode");
  EXPECT_EQ(last["done"], 1000);
  EXPECT_EQ(last["total"], 1000);
}

TEST(Console, PrintsAtMostOnceForEachPercent) {
  const std::string text = printed(ProgressMode::json, [](ProgressPrinter* printer) {
    for (std::uint64_t i = 0; i <= 1000000; ++i) printer->update("match", i, 1000000);
  });
  EXPECT_EQ(line_count(text), 101u);
}

TEST(Console, SurvivesNothingToDoAndTooMuchDone) {
  const std::string text = printed(ProgressMode::json, [](ProgressPrinter* printer) {
    printer->update("match", 0, 0);
    printer->update("encode", 5, 3);
  });
  EXPECT_EQ(line_count(text), 2u);
}

TEST(Console, BarGoesAwayAtTheEnd) {
  const std::string text = printed(ProgressMode::bar, count_up);
  EXPECT_NE(text.find("50 %  match"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\x1b[K"));
  EXPECT_EQ(line_count(text), 0u);
}

TEST(Console, BarThatWasNeverShownLeavesNothing) {
  EXPECT_EQ(printed(ProgressMode::bar, [](ProgressPrinter* printer) { printer->finish(); }), "");
}

TEST(Console, ModeNamesFollowTheEnumeration) {
  EXPECT_STREQ(kProgressModeNames[static_cast<std::size_t>(ProgressMode::automatic)], "auto");
  EXPECT_STREQ(kProgressModeNames[static_cast<std::size_t>(ProgressMode::bar)], "bar");
  EXPECT_STREQ(kProgressModeNames[static_cast<std::size_t>(ProgressMode::plain)], "plain");
  EXPECT_STREQ(kProgressModeNames[static_cast<std::size_t>(ProgressMode::json)], "json");
  EXPECT_STREQ(kProgressModeNames[static_cast<std::size_t>(ProgressMode::none)], "none");
}

}  // namespace
}  // namespace romdelta::cli
