#include "pkgtool/key_file.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/pkgtool/support.h"

namespace romdelta::pkgtool {
namespace {

// Deriving a key from a password is slow and takes 1 GiB on purpose: only one test does it. The
// others use unprotected keys.
std::string no_password_here() {
  ADD_FAILURE() << "a password was asked for";
  return {};
}

SecretKey parse(const std::string& text) {
  return parse_secret_key(text, "a.key", no_password_here);
}

Exit parse_exit(const std::string& text) {
  return exit_of([&] { (void)parse(text); });
}

std::string second_line(const std::string& text) {
  const std::size_t begin = text.find('\n') + 1;
  return text.substr(begin, text.find('\n', begin) - begin);
}

bool matches(const Signature& signature, const Digest& digest, const PublicKey& key) {
  SignatureList list;
  return list.insert(signature) && verify_signatures(list, digest, {&key, 1}) == Status::ok;
}

Digest some_digest() { return digest_of(DigestDomain::image, Bytes{1, 2, 3}); }

TEST(KeyFile, SignaturesMatchThePublicKey) {
  const SecretKey key = generate_key();
  EXPECT_TRUE(matches(key.sign(some_digest()), some_digest(), key.public_key()));
  EXPECT_FALSE(matches(key.sign(some_digest()), Digest(), key.public_key()));
  EXPECT_EQ(key.public_key().id, key.id());
}

TEST(KeyFile, KeysDiffer) {
  const SecretKey a = generate_key();
  const SecretKey b = generate_key();
  EXPECT_NE(a.id(), b.id());
  EXPECT_NE(a.public_key().value, b.public_key().value);
}

TEST(KeyFile, SecretKeyRoundTrips) {
  const SecretKey key = generate_key();
  const SecretKey again = parse(format_secret_key(key, ""));
  EXPECT_EQ(again.id(), key.id());
  EXPECT_EQ(again.public_key().value, key.public_key().value);
  EXPECT_EQ(again.sign(some_digest()).value, key.sign(some_digest()).value);
}

TEST(KeyFile, PasswordProtectsTheKey) {
  const SecretKey key = generate_key();
  const std::string text = format_secret_key(key, "correct horse");
  const SecretKey again = parse_secret_key(text, "a.key", [] { return "correct horse"; });
  EXPECT_EQ(again.public_key().value, key.public_key().value);
  const auto error =
      error_of([&] { (void)parse_secret_key(text, "a.key", [] { return "battery staple"; }); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->exit(), Exit::key_or_signature);
  EXPECT_STREQ(error->what(), "the password is wrong");
}

TEST(KeyFile, PublicKeyRoundTrips) {
  const PublicKey key = generate_key().public_key();
  const PublicKey again = parse_public_key(format_public_key(key), "a.pub");
  EXPECT_EQ(again.id, key.id);
  EXPECT_EQ(again.value, key.value);
}

TEST(KeyFile, SignatureRoundTrips) {
  const Signature signature = generate_key().sign(some_digest());
  const Signature again = parse_signature(format_signature(signature), "a.sig");
  EXPECT_EQ(again.key_id, signature.key_id);
  EXPECT_EQ(again.value, signature.value);
}

TEST(KeyFile, IdsArePrintedAsMinisignDoes) {
  KeyId id;
  id.value = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  EXPECT_EQ(to_string(id), "EFCDAB8967452301");
}

// Made by minisign 0.11: minisign -G -W.
TEST(KeyFile, ReadsAPublicKeyOfMinisign) {
  const PublicKey key = parse_public_key(
      "untrusted comment: minisign public key 8D689B7DAA56DEFC\n"
      "RWT83laqfZtojUZEYyhKJX6VocAkk9plJv84R0EGxrihXop/4tz55gm1\n",
      "minisign.pub");
  EXPECT_EQ(to_string(key.id), "8D689B7DAA56DEFC");
}

// `minisign -G -W` leaves the checksum of an unprotected key empty.
TEST(KeyFile, UnprotectedKeyNeedsNoChecksum) {
  const SecretKey key = generate_key();
  Bytes content = cli::decode_key_text(format_secret_key(key, ""), "a.key");
  std::fill(content.end() - 32, content.end(), std::uint8_t{0});
  const SecretKey again = parse(cli::encode_key_text("x", content));
  EXPECT_EQ(again.public_key().value, key.public_key().value);
  for (const std::size_t at : {std::size_t{70}, std::size_t{110}}) {
    Bytes damaged = content;
    damaged[at] ^= 1;
    EXPECT_EQ(parse_exit(cli::encode_key_text("x", damaged)), Exit::key_or_signature);
  }
}

TEST(KeyFile, EndsOfLinesMayBeOfAnyKind) {
  const PublicKey key = generate_key().public_key();
  const std::string line = second_line(format_public_key(key));
  for (const std::string& text :
       {"untrusted comment: x\n" + line, "untrusted comment: x\r\n" + line + "\r\n",
        "untrusted comment: x\n" + line + "\ntrusted comment: more\n"}) {
    EXPECT_EQ(parse_public_key(text, "a.pub").value, key.value);
  }
}

TEST(KeyFile, RefusesTextsThatAreNoKeys) {
  const std::string good = format_secret_key(generate_key(), "");
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("untrusted comment: x"),
        std::string("untrusted comment: x\n"), std::string("untrusted comment: x\n!!!!\n"),
        good.substr(1), good.substr(0, good.size() - 20),
        "untrusted comment: x\n" + second_line(good) + "AAAA\n"}) {
    EXPECT_EQ(parse_exit(text), Exit::key_or_signature) << text;
  }
}

TEST(KeyFile, KindsAreNotMixedUp) {
  const SecretKey key = generate_key();
  const std::string secret_text = format_secret_key(key, "");
  const std::string public_text = format_public_key(key.public_key());
  const std::string signature_text = format_signature(key.sign(some_digest()));
  EXPECT_EQ(parse_exit(public_text), Exit::key_or_signature);
  EXPECT_EQ(parse_exit(signature_text), Exit::key_or_signature);
  for (const std::string& text : {secret_text, signature_text}) {
    EXPECT_EQ(exit_of([&] { (void)parse_public_key(text, ""); }), Exit::key_or_signature);
  }
  for (const std::string& text : {secret_text, public_text}) {
    EXPECT_EQ(exit_of([&] { (void)parse_signature(text, ""); }), Exit::key_or_signature);
  }
}

TEST(KeyFile, NoticesEveryFlippedBit) {
  const std::string text = format_secret_key(generate_key(), "");
  const Bytes content = cli::decode_key_text(text, "a.key");
  constexpr std::size_t salt_and_limits_begin = 6;
  constexpr std::size_t salt_and_limits_end = 6 + 32 + 8 + 8;  // Mean nothing without a password.
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (i >= salt_and_limits_begin && i < salt_and_limits_end) continue;
    Bytes damaged = content;
    damaged[i] ^= 0x10;
    EXPECT_EQ(parse_exit(cli::encode_key_text("damaged", damaged)), Exit::key_or_signature)
        << "byte " << i;
  }
}

TEST(KeyFile, RefusesOtherAlgorithms) {
  const PublicKey key = generate_key().public_key();
  Bytes content = cli::decode_key_text(format_public_key(key), "a.pub");
  content[1] = 'D';
  EXPECT_EQ(exit_of([&] { (void)parse_public_key(cli::encode_key_text("x", content), ""); }),
            Exit::key_or_signature);
}

}  // namespace
}  // namespace romdelta::pkgtool
