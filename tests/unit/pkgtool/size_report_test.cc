#include "pkgtool/size_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

using nlohmann::json;

class SizeReportTest : public ::testing::Test {
 protected:
  SizeReportTest() {
    const Bytes source = make_image(100'000, 1);
    const Bytes package = package_of(request_of(source, revise(source, 103'000, 2)));
    breakdown_ =
        break_down(package, verify_package(package, std::nullopt), source, std::nullopt, {20});
  }
  // The object in a page.
  static json data_of(const std::string& page) {
    const std::string begin = "id=\"data\">";
    const std::size_t from = page.find(begin) + begin.size();
    return json::parse(page.substr(from, page.find("</script>", from) - from));
  }

  SizeBreakdown breakdown_;
};

TEST_F(SizeReportTest, JsonAddsUp) {
  const json object = json::parse(size_json(breakdown_));
  EXPECT_EQ(object["schema"], 1);
  EXPECT_EQ(object["regions_are"], "ranges");
  std::uint64_t streams = 0;
  for (const auto& [name, bytes] : object["streams"].items()) streams += bytes.get<std::uint64_t>();
  EXPECT_EQ(object["payload_bytes"], streams);
  std::uint64_t regions = object["structure_bytes"];
  for (const json& region : object["regions"]) {
    regions += region["payload_bytes"].get<std::uint64_t>();
    EXPECT_EQ(region["payload_bytes"], region["literals_bytes"].get<std::uint64_t>() +
                                           region["changes_bytes"].get<std::uint64_t>() +
                                           region["control_bytes"].get<std::uint64_t>());
  }
  EXPECT_EQ(object["payload_bytes"], regions);
  EXPECT_EQ(object["reasons"].size(), main_reasons(breakdown_).size());
}

TEST_F(SizeReportTest, TextListsAsMuchAsAsked) {
  const std::string all = size_text(breakdown_, 1000);
  const std::string some = size_text(breakdown_, 2);
  EXPECT_EQ(all.find("others)"), std::string::npos);
  EXPECT_NE(some.find("others)"), std::string::npos);
  EXPECT_LT(some.size(), all.size());
  for (const std::string& reason : main_reasons(breakdown_)) {
    EXPECT_NE(some.find(reason), std::string::npos);
  }
}

TEST_F(SizeReportTest, ThePageHoldsTheSameNumbers) {
  EXPECT_EQ(data_of(size_html(breakdown_)), json::parse(size_json(breakdown_)));
}

TEST_F(SizeReportTest, ThePageNeedsNothingElse) {
  const std::string page = size_html(breakdown_);
  for (const char* text : {"src=", "href=", "url(", "@import", "fetch("}) {
    EXPECT_EQ(page.find(text), std::string::npos) << text;
  }
  // Whatever someone adds: a browser that obeys this loads nothing.
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST_F(SizeReportTest, NamesCannotEndTheScript) {
  breakdown_.regions[0].name = "</script><b>&\"\\";
  const std::string page = size_html(breakdown_);
  EXPECT_EQ(page.find("</script><b>"), std::string::npos);
  EXPECT_EQ(data_of(page)["regions"][0]["name"], breakdown_.regions[0].name);
}

TEST_F(SizeReportTest, LongNamesAreShortenedInText) {
  breakdown_.regions[0].name = std::string(100, 'a') + "_end";
  breakdown_.regions[0].spent[Stream::literals] = breakdown_.manifest.payload_bytes;
  const std::string text = size_text(breakdown_, 20);
  EXPECT_NE(text.find("aaa..aaa"), std::string::npos);
  EXPECT_NE(text.find("_end "), std::string::npos);
}

}  // namespace
}  // namespace romdelta::pkgtool
