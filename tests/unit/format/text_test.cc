#include "format/text.h"

#include <gtest/gtest.h>

#include <string>

namespace romdelta {
namespace {

// The characters, of all 256, that `is_valid` accepts after "a".
std::string accepted_by(bool (*is_valid)(std::string_view)) {
  std::string accepted;
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'a', static_cast<char>(c)};
    if (is_valid(text)) accepted += static_cast<char>(c);
  }
  return accepted;
}

const std::string kDigits = "0123456789";
const std::string kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const std::string kLower = "abcdefghijklmnopqrstuvwxyz";

TEST(Text, KeepsItsContentWhenTheNewOneIsTooLong) {
  Text<4> text;
  EXPECT_TRUE(text.empty());
  EXPECT_TRUE(text.assign("four"));
  EXPECT_FALSE(text.assign("fiver"));
  EXPECT_EQ(text.view(), "four");
  EXPECT_EQ(text.bytes().size(), 4u);
}

TEST(Text, ComparesWhatIsInUseOnly) {
  Text<4> longer;
  Text<4> other;
  ASSERT_TRUE(longer.assign("abcd"));
  ASSERT_TRUE(longer.assign("ab"));
  ASSERT_TRUE(other.assign("ab"));
  EXPECT_EQ(longer, other);
  ASSERT_TRUE(other.assign(""));
  EXPECT_FALSE(longer == other);
}

TEST(PackageId, UsesLowerCaseDigitsAndThreeMarksOnly) {
  EXPECT_EQ(accepted_by(is_valid_package_id), "-." + kDigits + "_" + kLower);
}

TEST(PackageId, BeginsWithLetterOrDigit) {
  EXPECT_TRUE(is_valid_package_id("com.example.kernel"));
  EXPECT_TRUE(is_valid_package_id("9p"));
  for (const char* bad : {"", ".hidden", "-option", "_x", "..", "../a", "A"}) {
    EXPECT_FALSE(is_valid_package_id(bad)) << bad;
  }
}

TEST(PackageId, HasAtMostSixtyFourBytes) {
  EXPECT_TRUE(is_valid_package_id(std::string(64, 'a')));
  EXPECT_FALSE(is_valid_package_id(std::string(65, 'a')));
}

TEST(Version, UsesLettersDigitsAndSixMarksOnly) {
  EXPECT_EQ(accepted_by(is_valid_version), "+-." + kDigits + ":" + kUpper + "_" + kLower + "~");
}

TEST(Version, HasOneToFortyEightBytes) {
  EXPECT_FALSE(is_valid_version(""));
  EXPECT_TRUE(is_valid_version(std::string(48, '1')));
  EXPECT_FALSE(is_valid_version(std::string(49, '1')));
}

TEST(IdentityName, UsesPrintableAsciiOnly) {
  const std::string accepted = accepted_by(is_printable);
  EXPECT_EQ(accepted.size(), 95u);
  EXPECT_EQ(accepted.front(), ' ');
  EXPECT_EQ(accepted.back(), '~');
  EXPECT_FALSE(is_printable(""));
}

}  // namespace
}  // namespace romdelta
