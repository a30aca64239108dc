#include "pkgtool/password.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

// A descriptor that yields `text`.
class TextPipe {
 public:
  explicit TextPipe(const std::string& text) {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    EXPECT_EQ(::close(ends_[1]), 0);
  }
  ~TextPipe() { (void)::close(ends_[0]); }
  TextPipe(const TextPipe&) = delete;
  TextPipe& operator=(const TextPipe&) = delete;
  PasswordSource source() const { return {ends_[0]}; }

 private:
  std::array<int, 2> ends_{};
};

class PasswordTest : public ::testing::Test {
 protected:
  void TearDown() override { (void)::unsetenv("ROMDELTA_PASSWORD"); }
};

TEST_F(PasswordTest, IsTheFirstLineOfTheDescriptor) {
  const TextPipe pipe("correct horse\nbattery\n");
  EXPECT_EQ(ask_password(pipe.source(), "a.key"), "correct horse");
}

TEST_F(PasswordTest, NeedsNoEndOfLine) {
  const TextPipe pipe("correct horse");
  EXPECT_EQ(ask_password(pipe.source(), "a.key"), "correct horse");
}

TEST_F(PasswordTest, ComesFromTheEnvironmentOtherwise) {
  ASSERT_EQ(::setenv("ROMDELTA_PASSWORD", "staple", 1), 0);
  EXPECT_EQ(ask_password({}, "a.key"), "staple");
  EXPECT_EQ(ask_new_password({}), "staple");
}

TEST_F(PasswordTest, DescriptorGoesBeforeEnvironment) {
  ASSERT_EQ(::setenv("ROMDELTA_PASSWORD", "staple", 1), 0);
  const TextPipe pipe("horse\n");
  EXPECT_EQ(ask_new_password(pipe.source()), "horse");
}

TEST_F(PasswordTest, IsNotEmptyBecauseADescriptorIsNotReadable) {
  const TextPipe empty("");
  EXPECT_EQ(exit_of([&] { (void)ask_new_password(empty.source()); }), Exit::key_or_signature);
  EXPECT_EQ(exit_of([] { (void)ask_new_password({987}); }), Exit::key_or_signature);
  EXPECT_EQ(exit_of([] { (void)ask_password({987}, "a.key"); }), Exit::key_or_signature);
}

TEST_F(PasswordTest, LeavesTheRestOfTheDescriptorAlone) {
  const TextPipe pipe("one\ntwo\n");
  EXPECT_EQ(ask_password(pipe.source(), "a.key"), "one");
  EXPECT_EQ(ask_password(pipe.source(), "b.key"), "two");
}

}  // namespace
}  // namespace romdelta::pkgtool
