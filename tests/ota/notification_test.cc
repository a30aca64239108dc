// notification.h: package 0.
#include "samples/ota/notification.h"

#include <gtest/gtest.h>

#include "installer/cli/error.h"

namespace romdelta::ota {
namespace {

const Identity kServer{AuthType::md5, "romdelta.example", "server secret", "nonce"};

Notification sample() { return {UiMode::interaction, true, 0x1A2B, "romdelta.example"}; }

std::string error_of(std::string_view package, const Identity& server) {
  try {
    (void)decode_notification(package, server);
  } catch (const cli::Error& error) {
    return error.what();
  }
  return {};
}

TEST(Notification, ComesBackAsItWas) {
  const std::string package = encode_notification(sample(), kServer);
  EXPECT_EQ(decode_notification(package, kServer), sample());
  EXPECT_EQ(unwrap_push(wrap_push(package)), package);
}

TEST(Notification, HasTheLayoutOfDm12) {
  const std::string package = encode_notification(sample(), kServer);
  // Version 1.1 in 10 bits, interaction, from the server; zeros; session id; length; id.
  EXPECT_EQ(package.substr(16, 8), std::string("\x02\xF8\x00\x00\x00\x1A\x2B\x10", 8));
  EXPECT_EQ(package.substr(24), "romdelta.example");
  // The digest, spelled out.
  const std::string trigger = package.substr(16);
  EXPECT_EQ(package.substr(0, 16),
            md5(base64(md5("romdelta.example:server secret")) + ":nonce:" + base64(md5(trigger))));
}

TEST(Notification, OfAnotherSenderIsRefused) {
  const std::string package = encode_notification(sample(), kServer);
  Identity other = kServer;
  other.secret = "guess";
  EXPECT_NE(error_of(package, other).find("digest"), std::string::npos);
  other = kServer;
  other.nonce = "the next one";
  EXPECT_NE(error_of(package, other).find("digest"), std::string::npos);
  other = kServer;
  other.name = "other.example";
  EXPECT_NE(error_of(package, other).find("server id"), std::string::npos);
}

TEST(Notification, WithAnyByteChangedOrMissingIsRefused) {
  const std::string package = encode_notification(sample(), kServer);
  for (std::size_t i = 0; i < package.size(); ++i) {
    EXPECT_NE(error_of(package.substr(0, i), kServer), "") << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = package;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      EXPECT_NE(error_of(changed, kServer), "") << i;
    }
  }
}

TEST(Notification, MayEndInBytesOfTheVendorThatTheDigestCovers) {
  // As another server would make it: the trigger is longer than its header says.
  std::string trigger = encode_notification(sample(), kServer).substr(16) + "vendor";
  const std::string digest = hmac_digest(kServer.name, kServer.secret, kServer.nonce, trigger);
  EXPECT_EQ(decode_notification(*base64_decoded(digest) + trigger, kServer), sample());
}

TEST(Push, OfAnotherKindIsRefused) {
  for (const std::string& datagram :
       {std::string(), std::string("\x01\x06"), std::string("\x01\x07\x03\xC4\xAF\x87"),
        std::string("\x01\x06\x03\xAE\xAF\x87"), std::string("\x01\x06\x09\xC4\xAF\x87"),
        std::string("\x01\x06\xFF\xC4\xAF\x87"), std::string("\x01\x06\x00\xC4", 4)}) {
    EXPECT_THROW((void)unwrap_push(datagram), cli::Error);
  }
}

TEST(SessionId, IsShortHexadecimal) {
  EXPECT_EQ(session_id_text(0x1), "1");
  EXPECT_EQ(session_id_text(0xABCD), "ABCD");
}

}  // namespace
}  // namespace romdelta::ota
