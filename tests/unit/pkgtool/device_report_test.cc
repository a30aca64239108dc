#include "pkgtool/device_report.h"

#include <gtest/gtest.h>

#include "pkgtool/file.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

DeviceReport parse(const std::string& text) { return parse_device_report(text, "INV.json"); }

// What is wrong and where; "" when nothing is.
std::string complaint(const std::string& text) {
  const auto error = error_of([&] { parse(text); });
  if (!error) return "";
  EXPECT_EQ(error->exit(), Exit::bad_input);
  return error->where() + ": " + error->what();
}

// A report of one ROM package, with `fields` more in it.
std::string report_with(const std::string& fields) {
  return R"({"schema": 1, "packages": [{"package_id": "a", "version": "1")" + fields + "}]}";
}
std::string device_with(const std::string& fields) {
  return R"({"schema": 1, "packages": [], "device": {)" + fields + "}}";
}

TEST(DeviceReport, HasWhatTheDeviceSays) {
  const DeviceReport report = parse(R"({
    "schema": 1, "later": ["ignored"],
    "device": {"vendor": "example", "model": "x1", "hardware": 3, "ram_bytes": 262144,
               "scratch_bytes": 0, "later": true},
    "packages": [
      {"package_id": "b", "version": "2.0", "security_counter": 18446744073709551615,
       "image_digest": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
       "slots": {"count": 2, "bytes": 4096, "rewrite_unit_bytes": 512, "program_unit_bytes": 16}},
      {"package_id": "a", "version": "1.0",
       "image_digest": "0000000000000000000000000000000000000000000000000000000000000000"}]})");
  EXPECT_EQ(report.device.vendor, "example");
  EXPECT_EQ(report.device.model, "x1");
  EXPECT_EQ(report.device.hardware, 3u);
  EXPECT_EQ(report.device.ram_bytes, 262144u);
  EXPECT_EQ(report.device.scratch_bytes, 0u);
  ASSERT_EQ(report.packages.size(), 2u);
  const ReportedPackage& a = report.packages[0];
  EXPECT_EQ(a.package_id, "a");
  EXPECT_FALSE(a.image_digest.has_value()) << "all zero: the factory did not say";
  EXPECT_FALSE(a.slots.has_value());
  const ReportedPackage* b = report.find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->version, "2.0");
  EXPECT_EQ(b->security_counter, ~std::uint64_t{0});
  EXPECT_EQ(b->image_digest->value[1], 0x11);
  EXPECT_EQ(b->image_digest->value[31], 0xff);
  EXPECT_EQ(b->slots->count, 2u);
  EXPECT_EQ(b->slots->rewrite_unit_bytes, 512u);
  EXPECT_EQ(report.find("c"), nullptr);
  EXPECT_EQ(report.find(""), nullptr);
}

TEST(DeviceReport, DoesNotKnowWhatWasNotSaid) {
  const DeviceReport report = parse(report_with(R"(, "image_digest": null, "slots": null)"));
  EXPECT_FALSE(report.device.vendor || report.device.model || report.device.hardware ||
               report.device.ram_bytes || report.device.scratch_bytes);
  EXPECT_EQ(report.packages[0].security_counter, 0u);
}

TEST(DeviceReport, SaysWhichByteIsNoJson) {
  for (const char* text :
       {"", "{", "{\"schema\": 1,}", "nul", "\xff\xfe", "{\"a\": \"\xc3\x28\"}"}) {
    EXPECT_NE(complaint(text).find("INV.json: byte "), std::string::npos) << text;
    EXPECT_NE(complaint(text).find("no JSON from here on"), std::string::npos) << text;
  }
}

TEST(DeviceReport, SaysWhichFieldIsWrong) {
  const std::string what = ": not a device's report: ";
  EXPECT_EQ(complaint("[]"), "INV.json" + what + "it has to be an object");
  EXPECT_EQ(complaint("{}"), "INV.json: schema" + what + "it is missing");
  EXPECT_EQ(complaint(R"({"schema": 2, "packages": []})"),
            "INV.json: schema" + what + "it has to be 1");
  EXPECT_EQ(complaint(R"({"schema": 1})"),
            "INV.json: packages" + what + "it has to be a list of ROM packages");
  EXPECT_EQ(complaint(R"({"schema": 1, "packages": [7]})"),
            "INV.json: packages[0]" + what + "it has to be an object");
  EXPECT_EQ(complaint(R"({"schema": 1, "packages": [{"version": "1"}]})"),
            "INV.json: packages[0].package_id" + what + "it is missing");
  EXPECT_EQ(complaint(R"({"schema": 1, "packages": [{"package_id": "../a", "version": "1"}]})"),
            "INV.json: packages[0].package_id" + what + "it has to be the id of a ROM package");
  EXPECT_EQ(complaint(R"({"schema": 1, "packages": [{"package_id": "a", "version": 1}]})"),
            "INV.json: packages[0].version" + what + "it has to be a version");
  EXPECT_EQ(complaint(R"({"schema": 1, "packages": [{"package_id": "a", "version": "1"},
                                                    {"package_id": "a", "version": "2"}]})"),
            "INV.json: packages" + what + "it lists a twice");
}

TEST(DeviceReport, RefusesNumbersThatAreNotWhatTheyShouldBe) {
  for (const char* number : {"-1", "1.0", "1e3", "\"1\"", "18446744073709551616", "true", "[]"}) {
    EXPECT_NE(complaint(report_with(std::string(", \"security_counter\": ") + number)), "")
        << number;
  }
  EXPECT_NE(complaint(report_with(", \"later\": 1e2000")), "") << "not even where nobody looks";
  EXPECT_NE(complaint(device_with(R"("hardware": 4294967296)")), "");
  EXPECT_NE(complaint(device_with(R"("scratch_bytes": 1099511627777)")), "");
  const auto slots = [](const char* count, const char* unit) {
    return report_with(std::string(R"(, "slots": {"bytes": 1, "count": )") + count +
                       R"(, "rewrite_unit_bytes": )" + unit + R"(, "program_unit_bytes": 1})");
  };
  EXPECT_EQ(complaint(slots("2", "1")), "");
  for (const char* count : {"0", "3"}) EXPECT_NE(complaint(slots(count, "1")), "") << count;
  for (const char* unit : {"0", "8388609"}) EXPECT_NE(complaint(slots("1", unit)), "") << unit;
}

TEST(DeviceReport, RefusesTextsThatAreNotWhatTheyShouldBe) {
  EXPECT_NE(complaint(report_with(R"(, "image_digest": "00")")), "");
  EXPECT_NE(complaint(report_with(", \"image_digest\": \"" + std::string(64, 'A') + '"')), "");
  EXPECT_NE(complaint(device_with(R"("vendor": "")")), "");
  EXPECT_NE(complaint(device_with(R"("vendor": "a\u001b[31m")")), "");
  EXPECT_NE(complaint(device_with("\"model\": \"" + std::string(33, 'm') + '"')), "");
}

TEST(DeviceReport, OfAnyDepthIsRefusedWithoutHarm) {
  const std::string open(1 << 17, '[');
  EXPECT_NE(complaint(open), "");
  const std::string closed = open + std::string(open.size(), ']');
  EXPECT_NE(complaint(closed), "");
  EXPECT_EQ(complaint(report_with(", \"later\": " + closed)), "");
}

TEST(DeviceReport, LargerThanItsLimitIsNotRead) {
  const std::string blanks(device_report_bytes_max, ' ');
  EXPECT_NE(complaint(report_with("") + blanks), "");
  const ScratchDirectory directory;
  write_text(directory.path("INV.json"), report_with("") + blanks);
  EXPECT_EQ(exit_of([&] { read_device_report(directory.path("INV.json")); }), Exit::bad_input);
  EXPECT_EQ(exit_of([&] { read_device_report("/dev/zero"); }), Exit::bad_input);
  EXPECT_EQ(exit_of([&] { read_device_report(directory.path("none")); }), Exit::bad_input);
  EXPECT_EQ(exit_of([&] { read_device_report(directory.path("")); }), Exit::bad_input);
}

}  // namespace
}  // namespace romdelta::pkgtool
