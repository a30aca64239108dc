#include "format/keyring.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "format/package.h"
#include "tests/support/keyring_maker.h"
#include "tests/support/manifest_maker.h"
#include "tests/support/random.h"

namespace romdelta::test {
namespace {

using Fields = std::vector<ManifestField>;

ByteSpan fields_of(const Bytes& signed_part) {
  return ByteSpan(signed_part).subspan(package_header_bytes);
}

Status parse(ByteSpan fields) {
  Keyring keyring;
  return parse_keyring(fields, &keyring);
}

Status parse_edited(const std::function<void(Fields*)>& edit) {
  const Bytes signed_part = encoded(sample_keyring());
  Fields fields = split_fields(fields_of(signed_part));
  edit(&fields);
  return parse(join_fields(fields));
}

ManifestField& field(Fields* fields, std::uint16_t tag) {
  for (ManifestField& each : *fields) {
    if (each.tag == tag) return each;
  }
  ADD_FAILURE() << "no field " << tag;
  return fields->front();
}

Keyring full_keyring() {
  Keyring keyring = sample_keyring();
  keyring.version = 7;
  keyring.expires_seconds = 1'900'000'000;
  for (std::uint8_t number = 100; number < 164; ++number) {
    EXPECT_TRUE(keyring.revoke(test_key(number).public_key.id));
  }
  for (std::uint8_t number = 30; keyring.roots.count < 8; ++number) {
    EXPECT_TRUE(keyring.roots.insert(key_in_role(number, KeyRole::any)));
  }
  for (std::uint8_t number = 40; keyring.releases.count < 8; ++number) {
    EXPECT_TRUE(keyring.releases.insert(key_in_role(number, KeyRole::release)));
  }
  for (std::uint8_t number = 50; keyring.developments.count < 8; ++number) {
    EXPECT_TRUE(keyring.developments.insert(key_in_role(number, KeyRole::development)));
  }
  for (keyring.reset_count = 0; keyring.reset_count < 16; ++keyring.reset_count) {
    CounterReset& reset = keyring.resets[keyring.reset_count];
    const char last = static_cast<char>('a' + keyring.reset_count);
    EXPECT_TRUE(reset.package_id.assign(std::string(63, 'p') + last));
    reset.counter = keyring.reset_count;
  }
  return keyring;
}

KeyringDocument document_of(const Keyring& keyring, KeyNumbers signers) {
  KeyringDocument document;
  EXPECT_EQ(read_keyring(signed_keyring(keyring, signers), &document), Status::ok);
  return document;
}

TEST(Keyring, ReadsBackEveryValue) {
  Keyring written = sample_keyring();
  written.expires_seconds = 99;
  ASSERT_TRUE(written.revoke(test_key(5).public_key.id));
  ASSERT_TRUE(written.resets[1].package_id.assign("com.example.app"));
  written.resets[1].counter = 8;
  written.reset_count = 2;
  Keyring keyring;
  ASSERT_EQ(parse_keyring(fields_of(encoded(written)), &keyring), Status::ok);
  EXPECT_EQ(keyring.id.view(), "com.example.x1");
  EXPECT_EQ(keyring.version, 1u);
  EXPECT_EQ(keyring.threshold, 2u);
  EXPECT_EQ(keyring.roots.count, 3u);
  EXPECT_EQ(keyring.releases.count, 2u);
  EXPECT_EQ(keyring.releases.entries[0].role, KeyRole::release);
  EXPECT_EQ(keyring.developments.entries[0].role, KeyRole::development);
  EXPECT_TRUE(keyring.is_revoked(test_key(5).public_key.id));
  EXPECT_EQ(keyring.expires_seconds, 99u);
  ASSERT_EQ(keyring.reset_count, 2u);
  EXPECT_TRUE(keyring.resets[0].package_id.empty());
  EXPECT_EQ(keyring.resets[1].counter, 8u);
}

TEST(Keyring, OfTheLargestSizeFitsADevicesBuffer) {
  const Bytes document = signed_keyring(full_keyring(), {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_LE(document.size(), limits::keyring_bytes_max);
  KeyringDocument read;
  ASSERT_EQ(read_keyring(document, &read), Status::ok);
  EXPECT_EQ(encoded(read.keyring), encoded(full_keyring()));
}

TEST(Keyring, ReencodesWhateverItAcceptsAfterDamage) {
  Random random = seeded_random();
  const Bytes good = encoded(full_keyring());
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = good;
    const std::size_t at = pick(&random, package_header_bytes, bytes.size() - 1);
    bytes[at] ^= static_cast<std::uint8_t>(pick(&random, 1, 255));
    Keyring parsed;
    if (parse_keyring(fields_of(bytes), &parsed) != Status::ok) continue;
    // A field that became an unknown, ignorable one is the only thing that may be lost.
    if (split_fields(fields_of(bytes)).back().tag >= 0x8000) continue;
    ++accepted;
    ASSERT_EQ(to_hex(encoded(parsed)), to_hex(bytes)) << at;
  }
  EXPECT_GT(accepted, 1000);
}

TEST(Keyring, IsRefusedAtEveryEarlierEnd) {
  const Bytes document = signed_keyring(sample_keyring(), {1, 2});
  KeyringDocument read;
  for (std::size_t size = 0; size < document.size(); ++size) {
    ASSERT_EQ(read_keyring(ByteSpan(document).first(size), &read), Status::truncated) << size;
  }
  EXPECT_EQ(read_keyring(concat({document, Bytes{0}}), &read), Status::trailing_bytes);
}

TEST(Keyring, IsNoPackageAndAPackageIsNoKeyring) {
  const Bytes document = signed_keyring(sample_keyring(), {1, 2});
  PackageHead head;
  EXPECT_EQ(inspect_head(document, &head), Status::unsupported_format);
  Bytes other = document;
  other[10] = 1;
  KeyringDocument read;
  EXPECT_EQ(read_keyring(other, &read), Status::unsupported_format);
  other[0] = 0;
  EXPECT_EQ(read_keyring(other, &read), Status::bad_magic);
}

TEST(Keyring, NeedsItsRequiredFields) {
  for (const std::uint16_t tag : std::initializer_list<std::uint16_t>{1, 2, 3}) {
    EXPECT_EQ(parse_edited([tag](Fields* f) {
                std::erase_if(*f, [tag](const ManifestField& each) { return each.tag == tag; });
              }),
              Status::malformed_keyring)
        << tag;
  }
}

TEST(Keyring, RefusesFieldsOutOfOrderTwiceOrUnknown) {
  EXPECT_EQ(parse_edited([](Fields* f) { std::swap((*f)[0], (*f)[1]); }),
            Status::malformed_keyring);
  EXPECT_EQ(parse_edited([](Fields* f) { f->insert(f->begin(), (*f)[0]); }),
            Status::malformed_keyring);
  EXPECT_EQ(parse_edited([](Fields* f) { std::swap((*f)[3], (*f)[4]); }),
            Status::malformed_keyring);
  EXPECT_EQ(parse_edited([](Fields* f) {
              f->push_back({0x0100, {1}});
            }),
            Status::unsupported_field);
  EXPECT_EQ(parse_edited([](Fields* f) { f->push_back({0x8100, {1}}); }), Status::ok);
}

TEST(Keyring, RefusesValuesOutOfRange) {
  const auto with = [](std::uint16_t tag, const Bytes& value) {
    return parse_edited([&](Fields* f) { field(f, tag).value = value; });
  };
  EXPECT_EQ(with(1, to_bytes("Upper")), Status::malformed_keyring);
  EXPECT_EQ(with(1, {}), Status::malformed_keyring);
  EXPECT_EQ(with(2, Bytes(8)), Status::malformed_keyring);
  EXPECT_EQ(with(2, Bytes(8, 0xff)), Status::malformed_keyring);
  EXPECT_EQ(with(2, Bytes(7, 1)), Status::malformed_keyring);
  EXPECT_EQ(with(3, {0, 0}), Status::malformed_keyring);
  EXPECT_EQ(with(3, {4, 0}), Status::malformed_keyring);
  EXPECT_EQ(with(3, {3, 0}), Status::ok);
  EXPECT_EQ(with(3, {2}), Status::malformed_keyring);
}

TEST(Keyring, RefusesDefaultsThatHaveToBeLeftOut) {
  const auto append = [](std::uint16_t tag, const Bytes& value) {
    return parse_edited([&](Fields* f) { f->push_back({tag, value}); });
  };
  EXPECT_EQ(append(7, {}), Status::malformed_keyring);
  EXPECT_EQ(append(8, Bytes(8)), Status::malformed_keyring);
  EXPECT_EQ(append(8, Bytes(8, 1)), Status::ok);
  EXPECT_EQ(append(9, Bytes(7)), Status::malformed_keyring);
  EXPECT_EQ(append(9, Bytes(8)), Status::ok);
}

// A key that counts twice would make a threshold of two a threshold of one.
TEST(Keyring, RefusesOneKeyUnderTwoNamesOrInTwoRoles) {
  Keyring keyring = sample_keyring();
  PublicKey alias = test_key(1).public_key;
  alias.id = test_key(99).public_key.id;
  ASSERT_TRUE(keyring.roots.insert(alias));
  EXPECT_EQ(parse(fields_of(encoded(keyring))), Status::malformed_keyring);
  keyring = sample_keyring();
  ASSERT_TRUE(keyring.developments.insert(key_in_role(11, KeyRole::development)));
  EXPECT_EQ(parse(fields_of(encoded(keyring))), Status::malformed_keyring);
  keyring = sample_keyring();
  ASSERT_TRUE(keyring.releases.insert(alias));
  EXPECT_EQ(parse(fields_of(encoded(keyring))), Status::malformed_keyring);
}

TEST(Keyring, RefusesKeysThatItRevokes) {
  for (const std::uint8_t number : {std::uint8_t{1}, std::uint8_t{11}, std::uint8_t{21}}) {
    Keyring keyring = sample_keyring();
    ASSERT_TRUE(keyring.revoke(test_key(number).public_key.id));
    EXPECT_EQ(parse(fields_of(encoded(keyring))), Status::malformed_keyring);
  }
}

TEST(Keyring, StaysUnchangedWhenParsingFails) {
  Keyring keyring = sample_keyring();
  EXPECT_EQ(parse_keyring(Bytes{1}, &keyring), Status::malformed_keyring);
  EXPECT_EQ(encoded(keyring), encoded(sample_keyring()));
}

TEST(KeyringThreshold, CountsDifferentRootKeysThatSigned) {
  const Keyring keyring = sample_keyring();
  EXPECT_EQ(check_threshold(document_of(keyring, {1, 2}), keyring), Status::ok);
  EXPECT_EQ(check_threshold(document_of(keyring, {2, 3}), keyring), Status::ok);
  EXPECT_EQ(check_threshold(document_of(keyring, {1, 2, 3}), keyring), Status::ok);
  EXPECT_EQ(check_threshold(document_of(keyring, {1}), keyring), Status::threshold_missing);
  EXPECT_EQ(check_threshold(document_of(keyring, {}), keyring), Status::threshold_missing);
  EXPECT_EQ(check_threshold(document_of(keyring, {1, 11, 12, 21, 99}), keyring),
            Status::threshold_missing);
}

TEST(KeyringThreshold, RefusesAWrongSignatureBesideEnoughGoodOnes) {
  const Keyring keyring = sample_keyring();
  KeyringDocument document = document_of(keyring, {1, 2, 3});
  document.signatures.entries[1].value[5] ^= 1;
  EXPECT_EQ(check_threshold(document, keyring), Status::bad_signature);
}

TEST(KeyringThreshold, DoesNotCountSignaturesOfAnotherKindOfDocument) {
  const Keyring keyring = sample_keyring();
  KeyringDocument document = document_of(keyring, {});
  const Digest as_manifest = signed_part_digest(encoded(keyring));
  ASSERT_TRUE(document.signatures.insert(sign(test_key(1), as_manifest)));
  EXPECT_EQ(check_threshold(document, keyring), Status::bad_signature);
}

class SuccessorTest : public ::testing::Test {
 protected:
  SuccessorTest() { next_.version = 2; }
  Status judge(KeyNumbers signers) const {
    return check_successor(before_, document_of(next_, signers));
  }
  Keyring before_ = sample_keyring();
  Keyring next_ = sample_keyring();
};

TEST_F(SuccessorTest, NeedsTheThresholdOfBoth) {
  EXPECT_EQ(judge({1, 2}), Status::ok);
  // Root key 3 is lost: 4 comes in its place.
  next_.roots.erase(test_key(3).public_key.id);
  ASSERT_TRUE(next_.roots.insert(key_in_role(4, KeyRole::any)));
  EXPECT_EQ(judge({1, 2}), Status::ok);
  EXPECT_EQ(judge({1, 4}), Status::threshold_missing);
  EXPECT_EQ(judge({1, 3}), Status::threshold_missing);
  EXPECT_EQ(judge({1, 3, 4}), Status::ok);
}

TEST_F(SuccessorTest, OfOtherRootsAltogetherNeedsAllOfThem) {
  next_.roots = {};
  for (const std::uint8_t number : {std::uint8_t{4}, std::uint8_t{5}}) {
    ASSERT_TRUE(next_.roots.insert(key_in_role(number, KeyRole::any)));
  }
  EXPECT_EQ(judge({4, 5}), Status::threshold_missing);
  EXPECT_EQ(judge({1, 2}), Status::threshold_missing);
  EXPECT_EQ(judge({1, 2, 4, 5}), Status::ok);
}

TEST_F(SuccessorTest, IsTheNextVersionOfTheSameLine) {
  next_.version = 1;
  EXPECT_EQ(judge({1, 2}), Status::keyring_rollback);
  next_.version = 3;
  EXPECT_EQ(judge({1, 2}), Status::keyring_gap);
  next_.version = 2;
  ASSERT_TRUE(next_.id.assign("com.example.x2"));
  EXPECT_EQ(judge({1, 2}), Status::wrong_device);
}

TEST_F(SuccessorTest, ForgetsNoRevokedKey) {
  ASSERT_TRUE(before_.revoke(test_key(70).public_key.id));
  EXPECT_EQ(judge({1, 2}), Status::malformed_keyring);
  ASSERT_TRUE(next_.revoke(test_key(70).public_key.id));
  EXPECT_EQ(judge({1, 2}), Status::ok);
}

TEST(KeyringTrust, HasDevelopmentKeysOnDevelopmentDevicesOnly) {
  Keyring keyring = sample_keyring();
  ASSERT_TRUE(keyring.revoke(test_key(70).public_key.id));
  KeyringTrust trust;
  copy_trust(keyring, true, &trust);
  ASSERT_EQ(trust.count, 3u);
  EXPECT_EQ(trust.entries[0].role, KeyRole::release);
  EXPECT_EQ(trust.entries[2].role, KeyRole::revoked);
  EXPECT_EQ(trust.entries[2].id, test_key(70).public_key.id);
  copy_trust(keyring, false, &trust);
  ASSERT_EQ(trust.count, 4u);
  EXPECT_EQ(trust.entries[2].role, KeyRole::development);
}

TEST(KeyList, KeepsKeysInOrderAndLetsThemGo) {
  KeyList list;
  for (const int number : {3, 1, 2}) {
    ASSERT_TRUE(list.insert(test_key(static_cast<std::uint8_t>(number)).public_key));
  }
  EXPECT_FALSE(list.insert(test_key(2).public_key));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(list.entries[i].id, test_key(static_cast<std::uint8_t>(i + 1)).public_key.id);
  }
  EXPECT_TRUE(list.erase(test_key(2).public_key.id));
  EXPECT_FALSE(list.erase(test_key(2).public_key.id));
  ASSERT_EQ(list.count, 2u);
  EXPECT_EQ(list.entries[1].id, test_key(3).public_key.id);
}

}  // namespace
}  // namespace romdelta::test
