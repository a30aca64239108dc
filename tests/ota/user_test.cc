// user.h: who decides about an update.
#include "samples/ota/user.h"

#include <gtest/gtest.h>

namespace romdelta::ota {
namespace {

Decision decide(UserMode mode, UiMode ui_mode, const std::string& answer,
                std::uint64_t postpones = 0) {
  DeviceConfig config;
  config.user_mode = mode;
  config.postpones_max = 2;
  config.ask_command = "echo '" + answer + "'";
  return User(config).decide("p", ui_mode, postpones);
}

TEST(User, IsAskedWhenTheNotificationOrTheOwnerWantsThat) {
  for (const UserMode mode : {UserMode::ask, UserMode::server}) {
    for (const UiMode ui_mode : {UiMode::interaction, UiMode::not_specified}) {
      EXPECT_EQ(decide(mode, ui_mode, "accept"), Decision::accept);
      EXPECT_EQ(decide(mode, ui_mode, "decline"), Decision::decline);
      EXPECT_EQ(decide(mode, ui_mode, "postpone"), Decision::postpone);
    }
  }
  EXPECT_EQ(decide(UserMode::ask, UiMode::background, "decline"), Decision::decline);
}

TEST(User, IsNotAskedWhenTheUpdateIsSilentOrForced) {
  EXPECT_EQ(decide(UserMode::server, UiMode::background, "decline"), Decision::accept);
  EXPECT_EQ(decide(UserMode::server, UiMode::informative, "decline"), Decision::accept);
  EXPECT_EQ(decide(UserMode::silent, UiMode::interaction, "decline"), Decision::accept);
  EXPECT_EQ(decide(UserMode::forced, UiMode::interaction, "decline"), Decision::accept);
}

TEST(User, MayPostponeSoOftenAndNoAnswerIsNoConsent) {
  EXPECT_EQ(decide(UserMode::ask, UiMode::interaction, "", 0), Decision::postpone);
  EXPECT_EQ(decide(UserMode::ask, UiMode::interaction, "what?", 1), Decision::postpone);
  EXPECT_EQ(decide(UserMode::ask, UiMode::interaction, "postpone", 2), Decision::decline);
  EXPECT_EQ(decide(UserMode::ask, UiMode::interaction, " accept\n", 2), Decision::accept);
}

TEST(User, AnswersQuestionsOfTheServer) {
  DeviceConfig config;
  config.ask_command = "echo accept";
  EXPECT_TRUE(User(config).show("Now?", true));
  config.ask_command = "echo decline";
  EXPECT_FALSE(User(config).show("Now?", true));
  EXPECT_TRUE(User(config).show("Hello", false));
}

}  // namespace
}  // namespace romdelta::ota
