#include "format/signature.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/support/random.h"
#include "tests/support/test_key.h"

namespace romdelta::test {
namespace {

const Digest kSigned = digest_of(DigestDomain::manifest, Bytes{1, 2, 3});

SignatureList list_of(std::initializer_list<std::uint8_t> numbers) {
  SignatureList list;
  for (const std::uint8_t number : numbers) {
    EXPECT_TRUE(list.insert(sign(test_key(number), kSigned)));
  }
  return list;
}

Bytes encoded(const SignatureList& list) {
  return written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); });
}

Status verify(const SignatureList& list, std::initializer_list<std::uint8_t> trusted) {
  std::vector<PublicKey> keys;
  for (const std::uint8_t number : trusted) keys.push_back(test_key(number).public_key);
  return verify_signatures(list, kSigned, keys);
}

TEST(SignatureList, KeepsEntriesInOrderOfKeyIds) {
  const SignatureList list = list_of({3, 1, 2});
  ASSERT_EQ(list.count, 3u);
  for (std::uint8_t i = 0; i < 3; ++i) {
    EXPECT_EQ(list.view()[i].key_id, test_key(static_cast<std::uint8_t>(i + 1)).public_key.id);
  }
}

TEST(SignatureList, RefusesASecondSignatureByOneKey) {
  SignatureList list = list_of({1, 2});
  EXPECT_FALSE(list.insert(sign(test_key(2), kSigned)));
  EXPECT_EQ(list.count, 2u);
}

TEST(SignatureList, RefusesTheNinthSignature) {
  SignatureList list = list_of({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_FALSE(list.insert(sign(test_key(9), kSigned)));
}

TEST(SignatureList, ReadsBackWhatItWrites) {
  const SignatureList list = list_of({2, 7, 9});
  const Bytes bytes = encoded(list);
  EXPECT_EQ(bytes.size(), list.encoded_bytes());
  SignatureList parsed;
  ASSERT_EQ(parse_signature_list(bytes, &parsed), Status::ok);
  EXPECT_EQ(encoded(parsed), bytes);
}

TEST(SignatureList, TakesUpToEightEntries) {
  for (unsigned count = 0; count <= 9; ++count) {
    Bytes header = {static_cast<std::uint8_t>(count), 0, 0, 0};
    std::size_t bytes = 0;
    const bool legal = count <= 8;
    EXPECT_EQ(signature_list_bytes(header, &bytes), legal ? Status::ok : Status::bad_header);
    EXPECT_EQ(bytes, legal ? 4 + count * 72 : 0);
  }
}

TEST(SignatureList, RefusesHugeCountsReservedBitsAndShortHeaders) {
  std::size_t bytes = 0;
  EXPECT_EQ(signature_list_bytes(Bytes{1, 1, 0, 0}, &bytes), Status::bad_header);
  EXPECT_EQ(signature_list_bytes(Bytes{1, 0, 1, 0}, &bytes), Status::bad_header);
  EXPECT_EQ(signature_list_bytes(Bytes{1, 0, 0}, &bytes), Status::bad_header);
  EXPECT_EQ(signature_list_bytes(Bytes{1, 0, 0, 0, 0}, &bytes), Status::bad_header);
}

TEST(SignatureList, RefusesEveryOtherLength) {
  const Bytes whole = encoded(list_of({1, 2}));
  SignatureList parsed;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(parse_signature_list(ByteSpan(whole).first(size), &parsed), Status::bad_header);
  }
  EXPECT_EQ(parse_signature_list(concat({whole, Bytes{0}}), &parsed), Status::bad_header);
  EXPECT_EQ(parsed.count, 0u);
}

TEST(SignatureList, RefusesEntriesOutOfOrderOrTwice) {
  const Bytes one = encoded(list_of({1}));
  const Bytes two = encoded(list_of({2}));
  const ByteSpan first = ByteSpan(one).subspan(4);
  const ByteSpan second = ByteSpan(two).subspan(4);
  const Bytes header = {2, 0, 0, 0};
  SignatureList parsed;
  EXPECT_EQ(parse_signature_list(concat({header, first, second}), &parsed), Status::ok);
  EXPECT_EQ(parse_signature_list(concat({header, second, first}), &parsed), Status::bad_header);
  EXPECT_EQ(parse_signature_list(concat({header, first, first}), &parsed), Status::bad_header);
}

TEST(VerifySignatures, FailsClosedWithoutKeys) {
  EXPECT_EQ(verify(list_of({1}), {}), Status::no_trusted_key);
}

TEST(VerifySignatures, RefusesAPackageThatWaitsForItsSignature) {
  SignatureList list;
  const Bytes bytes = encoded(list);
  ASSERT_EQ(parse_signature_list(bytes, &list), Status::ok);
  EXPECT_EQ(verify(list, {1}), Status::unknown_key);
  EXPECT_EQ(verify(list, {}), Status::no_trusted_key);
}

TEST(VerifySignatures, AcceptsOneTrustedKeyAmongStrangers) {
  EXPECT_EQ(verify(list_of({1, 2, 3}), {2}), Status::ok);
  EXPECT_EQ(verify(list_of({2}), {1, 2, 3}), Status::ok);
}

TEST(VerifySignatures, DoesNotKnowOtherKeys) {
  EXPECT_EQ(verify(list_of({1, 2}), {3}), Status::unknown_key);
}

TEST(VerifySignatures, RefusesAnyChangedBitOfSignatureOrDigest) {
  for (std::size_t bit = 0; bit < Signature::bytes * 8; bit += 5) {
    SignatureList list = list_of({1});
    list.entries[0].value[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_EQ(verify(list, {1}), Status::bad_signature) << bit;
  }
  const PublicKey key = test_key(1).public_key;
  Digest other = kSigned;
  other.value[31] ^= 1;
  EXPECT_EQ(verify_signatures(list_of({1}), other, {&key, 1}), Status::bad_signature);
}

TEST(VerifySignatures, RefusesAWrongSignatureBesideAGoodOne) {
  SignatureList list = list_of({1, 2});
  list.entries[1].value[0] ^= 1;
  EXPECT_EQ(verify(list, {1, 2}), Status::bad_signature);
  EXPECT_EQ(verify(list, {1}), Status::ok);
}

TEST(VerifySignatures, RefusesASignatureUnderAnotherKeysName) {
  Signature forged = sign(test_key(2), kSigned);
  forged.key_id = test_key(1).public_key.id;
  SignatureList list;
  ASSERT_TRUE(list.insert(forged));
  EXPECT_EQ(verify(list, {1, 2}), Status::bad_signature);
}

// Key 1 in one role, key 2 in another.
std::array<PublicKey, 2> keys_in_roles(KeyRole one, KeyRole two) {
  std::array<PublicKey, 2> keys = {test_key(1).public_key, test_key(2).public_key};
  keys[0].role = one;
  keys[1].role = two;
  return keys;
}

TEST(VerifySignatures, TellsInWhichRoleAKeyVouches) {
  const auto keys = keys_in_roles(KeyRole::release, KeyRole::development);
  Vouchers vouchers;
  ASSERT_EQ(verify_signatures(list_of({1}), kSigned, keys, &vouchers), Status::ok);
  EXPECT_EQ(vouchers.count(KeyRole::release), 1u);
  EXPECT_EQ(vouchers.count(KeyRole::development), 0u);
  ASSERT_EQ(verify_signatures(list_of({2, 1}), kSigned, keys, &vouchers), Status::ok);
  EXPECT_EQ(vouchers.count(KeyRole::release), 1u);
  EXPECT_EQ(vouchers.count(KeyRole::development), 1u);
}

TEST(VerifySignatures, LetsAKeyWithoutARoleVouchInAll) {
  const PublicKey key = test_key(1).public_key;
  Vouchers vouchers;
  ASSERT_EQ(verify_signatures(list_of({1}), kSigned, {&key, 1}, &vouchers), Status::ok);
  EXPECT_EQ(vouchers.count(KeyRole::release), 1u);
  EXPECT_EQ(vouchers.count(KeyRole::development), 1u);
}

TEST(VerifySignatures, DoesNotListenToRevokedKeys) {
  const auto keys = keys_in_roles(KeyRole::revoked, KeyRole::release);
  EXPECT_EQ(verify_signatures(list_of({1}), kSigned, keys), Status::key_revoked);
  EXPECT_EQ(verify_signatures(list_of({3}), kSigned, keys), Status::unknown_key);
  EXPECT_EQ(verify_signatures(list_of({1, 2}), kSigned, keys), Status::ok);
  // Whether its signature is right does not matter any more.
  SignatureList wrong = list_of({1, 2});
  wrong.entries[0].value[0] ^= 1;
  EXPECT_EQ(verify_signatures(wrong, kSigned, keys), Status::ok);
  EXPECT_EQ(verify_signatures(list_of({1}), kSigned, TrustedKeys(keys).first(1)),
            Status::no_trusted_key);
}

TEST(Vouchers, AreNamedInOrderAsFarAsThereIsRoom) {
  std::vector<PublicKey> keys;
  for (std::uint8_t number = 1; number <= 5; ++number) {
    keys.push_back(test_key(number).public_key);
  }
  keys.push_back(keys[0]);
  Vouchers vouchers;
  ASSERT_EQ(verify_signatures(list_of({5, 3, 1}), kSigned, keys, &vouchers), Status::ok);
  std::array<KeyId, 4> ids;
  ids.fill(test_key(9).public_key.id);
  vouchers.copy_ids(KeyRole::release, ids);
  EXPECT_EQ(ids, (std::array<KeyId, 4>{keys[0].id, keys[2].id, keys[4].id, {}}));
  std::array<KeyId, 2> few;
  vouchers.copy_ids(KeyRole::release, few);
  EXPECT_EQ(few, (std::array<KeyId, 2>{keys[0].id, keys[2].id}));
}

TEST(KeyRole, HasANameForEveryValue) {
  EXPECT_STREQ(to_string(KeyRole::release), "release");
  EXPECT_STREQ(to_string(KeyRole::development), "development");
  EXPECT_STREQ(to_string(KeyRole::any), "any");
  EXPECT_STREQ(to_string(KeyRole::revoked), "revoked");
  EXPECT_STREQ(to_string(static_cast<KeyRole>(7)), "unknown");
}

}  // namespace
}  // namespace romdelta::test
