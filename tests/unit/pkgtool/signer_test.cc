#include "pkgtool/signer.h"

#include <gtest/gtest.h>

#include "pkgtool/file.h"
#include "tests/support/bytes.h"
#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

// Commands answer with what a key said beforehand, so that no other program is needed.
class SignerTest : public ::testing::Test {
 protected:
  SignerTest() {
    write_file(directory_.path("raw"), expected_.value);
    write_text(directory_.path("hex"), test::to_hex(expected_.value) + "\n");
    write_text(directory_.path("key"), format_signature(expected_));
  }
  Signature sign(const std::string& command) const {
    return make_command_signer("cd '" + directory_.path("") + "' && " + command, key_.public_key())
        ->sign(digest_);
  }
  std::optional<Error> failure_of(const std::string& command) const {
    return error_of([&] { (void)sign(command); });
  }
  void expect_failure(const std::string& command, const std::string& what) const {
    const auto error = failure_of(command);
    ASSERT_TRUE(error) << command;
    EXPECT_EQ(error->exit(), Exit::key_or_signature) << command;
    EXPECT_EQ(error->what(), what) << command;
  }

  ScratchDirectory directory_;
  SecretKey key_ = generate_key();
  Digest digest_ = digest_of(DigestDomain::image, Bytes{1, 2, 3});
  Signature expected_ = key_.sign(digest_);
};

TEST_F(SignerTest, KeySignsWithItsOwnId) {
  SecretKey copy = parse_secret_key(format_secret_key(key_, ""), "", {});
  const std::unique_ptr<Signer> signer = make_key_signer(std::move(copy));
  EXPECT_EQ(signer->sign(digest_).value, expected_.value);
  EXPECT_EQ(signer->sign(digest_).key_id, key_.id());
  EXPECT_EQ(signer->public_key().value, key_.public_key().value);
}

TEST_F(SignerTest, CommandMayAnswerRawHexOrBase64) {
  for (const std::string command : {"cat raw", "cat hex", "tr a-f A-F < hex", "base64 < raw",
                                    "base64 -w 0 < raw", "echo; cat hex; echo"}) {
    const Signature signature = sign(command);
    EXPECT_EQ(signature.value, expected_.value) << command;
    EXPECT_EQ(signature.key_id, key_.id()) << command;
  }
}

TEST_F(SignerTest, CommandGetsTheDigestAndNothingElse) {
  (void)sign("cat > question && cat raw");
  const MappedFile question(directory_.path("question"));
  EXPECT_EQ(Bytes(question.bytes().begin(), question.bytes().end()),
            Bytes(digest_.value.begin(), digest_.value.end()));
}

TEST_F(SignerTest, CommandThatFailsIsAnError) {
  expect_failure("exit 3", "the signer failed with status 3");
  expect_failure("cat raw; exit 1", "the signer failed with status 1");
  expect_failure("./none 2> /dev/null", "the signer failed with status 127");
  expect_failure("kill -9 $$", "the signer failed with status 137");
}

TEST_F(SignerTest, AnswerThatIsNoSignatureIsAnError) {
  for (const std::string command : {"true", "cat", "echo hello", "head -c 63 raw", "cat raw raw",
                                    "head -c 127 hex", "cat hex hex", "cat key", "cat raw; echo"}) {
    const auto error = failure_of(command);
    ASSERT_TRUE(error) << command;
    EXPECT_EQ(error->exit(), Exit::key_or_signature) << command;
  }
}

TEST_F(SignerTest, AnswerThatDoesNotMatchIsAnError) {
  const std::string what = "the signer's signature does not match the public key";
  expect_failure("head -c 64 /dev/zero", what);
  digest_.value[0] ^= 1;
  expect_failure("cat raw", what);
}

TEST_F(SignerTest, CommandThatDoesNotReadMayStillAnswer) {
  EXPECT_EQ(sign("exec < /dev/null; cat raw").value, expected_.value);
}

TEST_F(SignerTest, CommandThatNeverStopsTalkingIsStopped) {
  ASSERT_TRUE(failure_of("cat /dev/zero"));
}

}  // namespace
}  // namespace romdelta::pkgtool
