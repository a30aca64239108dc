#include "pkgtool/device_filter.h"

#include <gtest/gtest.h>

namespace romdelta::pkgtool {
namespace {

TEST(DeviceFilterText, IsOneHardwareRevisionOrARange) {
  DeviceFilter filter;
  ASSERT_TRUE(parse_hardware("7", &filter));
  EXPECT_TRUE(filter.has_hardware_range);
  EXPECT_EQ(filter.hardware_min, 7u);
  EXPECT_EQ(filter.hardware_max, 7u);
  ASSERT_TRUE(parse_hardware("0-4294967295", &filter));
  EXPECT_EQ(filter.hardware_min, 0u);
  EXPECT_EQ(filter.hardware_max, 4294967295u);
}

TEST(DeviceFilterText, ThatIsNoHardwareRangeChangesNothing) {
  for (const char* text : {"", "-", "3-", "-3", "5-2", "4294967296", "1-4294967296", " 1", "1 ",
                           "+1", "0x1", "1-2-3", "1--2", "three"}) {
    DeviceFilter filter;
    EXPECT_FALSE(parse_hardware(text, &filter)) << '"' << text << '"';
    EXPECT_FALSE(filter.has_hardware_range) << '"' << text << '"';
  }
}

TEST(DeviceFilterText, IsANameOfUpTo32PrintableCharacters) {
  IdentityName name;
  ASSERT_TRUE(parse_name("Example & Co.", &name));
  EXPECT_EQ(name.view(), "Example & Co.");
  EXPECT_TRUE(parse_name(std::string(32, 'x'), &name));
  EXPECT_FALSE(parse_name(std::string(33, 'x'), &name));
  EXPECT_FALSE(parse_name("tab\t", &name));
  EXPECT_FALSE(parse_name("\xc3\xa9", &name));
}

}  // namespace
}  // namespace romdelta::pkgtool
