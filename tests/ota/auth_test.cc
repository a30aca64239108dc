// auth.h.
#include "samples/ota/auth.h"

#include <gtest/gtest.h>

namespace romdelta::ota {
namespace {

Identity identity(AuthType type) { return {type, "Bruce2", "OhBehave", "Nonce"}; }

// What the header of a message is answered with, and what its sender makes of that.
struct Exchange {
  int code = 0;
  Prover::Answer answer = Prover::Answer::refused;
};

Exchange exchange(Prover* prover, Verifier* verifier, const std::string& body = "body") {
  Message message;
  prover->sign(&message);
  Command header_status;
  header_status.code = verifier->check(message, body, prover->hmac_header(body), &header_status);
  return {header_status.code, prover->on_status(header_status)};
}

TEST(Md5Digest, IsThatOfTheSpecification) {
  // The example of the OMA DM security chapter.
  EXPECT_EQ(md5_digest("Bruce2", "OhBehave", "Nonce"), "Zz6EivR3yeaaENcRN6lpAQ==");
}

TEST(BasicDigest, IsThatOfTheRecordedSession) {
  EXPECT_EQ(basic_digest("funambol", "funambol"), "ZnVuYW1ib2w6ZnVuYW1ib2w=");
}

TEST(Base64, ComesBackAsItWas) {
  for (const std::string& bytes :
       {std::string(), std::string("a"), std::string("\0\xFF", 2), std::string("abc")}) {
    EXPECT_EQ(base64_decoded(base64(bytes)), bytes);
  }
  EXPECT_EQ(base64_decoded(" YW\nJj "), "abc");
  for (const char* text : {"YWJ", "YW=j", "Y===", "=YWJ", "YW!j"}) {
    EXPECT_EQ(base64_decoded(text), std::nullopt) << text;
  }
}

TEST(Session, WithTheRightSecretIsAcceptedAtOnce) {
  for (const AuthType type : {AuthType::basic, AuthType::md5, AuthType::hmac}) {
    Prover prover(identity(type));
    Verifier verifier(identity(type));
    const int expected = type == AuthType::hmac ? status::ok : status::authenticated;
    EXPECT_EQ(exchange(&prover, &verifier).code, expected) << to_string(type);
    EXPECT_TRUE(verifier.is_authenticated());
  }
}

TEST(Session, WithAnOldNonceIsAcceptedAfterOneChallenge) {
  for (const AuthType type : {AuthType::md5, AuthType::hmac}) {
    Identity stale = identity(type);
    stale.nonce = "of long ago";
    Prover prover(stale);
    Verifier verifier(identity(type));
    const Exchange first = exchange(&prover, &verifier);
    EXPECT_EQ(first.code, status::invalid_credentials);
    EXPECT_EQ(first.answer, Prover::Answer::repeat);
    EXPECT_EQ(exchange(&prover, &verifier).answer, Prover::Answer::accepted);
    EXPECT_EQ(prover.nonce(), verifier.nonce());
  }
}

TEST(Session, WithTheWrongSecretEndsAfterOneChallenge) {
  for (const AuthType type : {AuthType::basic, AuthType::md5, AuthType::hmac}) {
    Identity wrong = identity(type);
    wrong.secret = "Groovy";
    Prover prover(wrong);
    Verifier verifier(identity(type));
    EXPECT_EQ(exchange(&prover, &verifier).answer, Prover::Answer::repeat);
    EXPECT_EQ(exchange(&prover, &verifier).answer, Prover::Answer::refused);
    EXPECT_FALSE(verifier.is_authenticated());
  }
}

TEST(Session, WithoutCredentialsIsAskedForThem) {
  Verifier verifier(identity(AuthType::md5));
  Command header_status;
  EXPECT_EQ(verifier.check(Message{}, "", "", &header_status), status::missing_credentials);
  ASSERT_TRUE(header_status.challenge);
  EXPECT_EQ(header_status.challenge->meta.type, "syncml:auth-md5");
  EXPECT_EQ(base64_decoded(header_status.challenge->meta.next_nonce), verifier.nonce());
}

TEST(Session, SendsNoCredentialsOnceItIsAccepted) {
  Prover prover(identity(AuthType::md5));
  Verifier verifier(identity(AuthType::md5));
  exchange(&prover, &verifier);
  Message message;
  prover.sign(&message);
  EXPECT_FALSE(message.credential);
  Command header_status;
  EXPECT_EQ(verifier.check(message, "", "", &header_status), status::authenticated);
}

TEST(Session, ChangesTheNonceOfTheNextOne) {
  Prover prover(identity(AuthType::md5));
  Verifier verifier(identity(AuthType::md5));
  exchange(&prover, &verifier);
  EXPECT_NE(verifier.nonce(), "Nonce");
  EXPECT_EQ(prover.nonce(), verifier.nonce());
}

TEST(Hmac, ChangesItsNonceWithEveryMessage) {
  Prover prover(identity(AuthType::hmac));
  Verifier verifier(identity(AuthType::hmac));
  std::string before = "Nonce";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(exchange(&prover, &verifier).code, status::ok);
    EXPECT_NE(verifier.nonce(), before);
    before = verifier.nonce();
  }
}

TEST(Hmac, CoversEveryByteOfTheMessage) {
  Prover prover(identity(AuthType::hmac));
  Verifier verifier(identity(AuthType::hmac));
  Command header_status;
  EXPECT_EQ(verifier.check(Message{}, "bodY", prover.hmac_header("body"), &header_status),
            status::invalid_credentials);
}

TEST(Hmac, HeadersOfStrangersAreRefused) {
  for (const char* header : {"x", "=", "mac", "username=\"Bruce2", "algorithm=SHA1, mac=",
                             "algorithm=MD5, username=\"Bruce2\", mac=Zz6EivR3yeaaENcRN6lpAQ=="}) {
    Verifier verifier(identity(AuthType::hmac));
    Command header_status;
    EXPECT_EQ(verifier.check(Message{}, "body", header, &header_status),
              status::invalid_credentials)
        << header;
  }
}

TEST(Secrets, AreComparedWhole) {
  EXPECT_TRUE(equal_secrets("abc", "abc"));
  EXPECT_FALSE(equal_secrets("abc", "ab"));
  EXPECT_FALSE(equal_secrets("abc", "abd"));
  EXPECT_NE(random_bytes(16), random_bytes(16));
}

}  // namespace
}  // namespace romdelta::ota
