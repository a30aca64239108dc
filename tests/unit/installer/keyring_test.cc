#include "installer/keyring.h"

#include <functional>
#include <memory>

#include "tests/unit/installer/trust_rig.h"

namespace romdelta::test {
namespace {

Keyring next_of(const Keyring& before) {
  Keyring next = before;
  ++next.version;
  next.reset_count = 0;
  return next;
}

class KeyringStoreTest : public ::testing::TestWithParam<FlashGeometry> {
 protected:
  // A device that has the sample keyring.
  static std::unique_ptr<TrustRig> made(const FlashGeometry& geometry, Random* random) {
    auto rig = std::make_unique<TrustRig>(geometry, random);
    KeyringStore store;
    EXPECT_EQ(store.open(rig->device, rig->buffer), Status::no_trusted_key);
    EXPECT_EQ(store.provision(signed_keyring(sample_keyring(), {1, 2})), Status::ok);
    return rig;
  }
  static std::uint64_t version(TrustRig* rig) {
    KeyringStore store;
    EXPECT_EQ(store.open(rig->device, rig->buffer), Status::ok);
    return store.current().keyring.version;
  }
  static Status accept(TrustRig* rig, const Bytes& document) {
    KeyringStore store;
    const Status status = store.open(rig->device, rig->buffer);
    return status == Status::ok ? store.accept(document) : status;
  }
  Status accept(const Bytes& document) { return accept(rig_.get(), document); }
  // Nothing is written.
  void expect_refused(const Bytes& document, Status expected) {
    const std::uint64_t writes = rig_->writes();
    EXPECT_EQ(accept(document), expected);
    EXPECT_EQ(rig_->writes(), writes) << to_string(expected);
  }

  Random random_ = seeded_random();
  std::unique_ptr<TrustRig> rig_ = made(GetParam(), &random_);
  Keyring next_ = next_of(sample_keyring());
};

TEST_P(KeyringStoreTest, KeepsTheKeyringThatItAccepted) {
  EXPECT_EQ(version(rig_.get()), 1u);
  for (std::uint64_t count = 2; count < 6; ++count) {
    ASSERT_EQ(accept(signed_keyring(next_, {1, 3})), Status::ok);
    EXPECT_EQ(version(rig_.get()), count);
    next_ = next_of(next_);
  }
  EXPECT_EQ(rig_->violations(), 0u);
}

TEST_P(KeyringStoreTest, GivesTheKeysForItsKindOfDevice) {
  KeyringStore store;
  TrustedKeys keys;
  ASSERT_EQ(store.open(rig_->device, rig_->buffer), Status::ok);
  ASSERT_EQ(store.trusted_keys(0, &keys), Status::ok);
  EXPECT_EQ(keys.size(), 2u);
  rig_->device.production = false;
  ASSERT_EQ(store.open(rig_->device, rig_->buffer), Status::ok);
  ASSERT_EQ(store.trusted_keys(0, &keys), Status::ok);
  EXPECT_EQ(keys.size(), 3u);
}

TEST_P(KeyringStoreTest, TakesTheSameKeyringAgainAndWritesNothing) {
  expect_refused(signed_keyring(sample_keyring(), {1, 2}), Status::ok);
  Keyring other = sample_keyring();
  other.releases.erase(test_key(12).public_key.id);
  expect_refused(signed_keyring(other, {1, 2, 3}), Status::keyring_rollback);
}

TEST_P(KeyringStoreTest, RefusesOldVersionsGapsAndOtherLines) {
  ASSERT_EQ(accept(signed_keyring(next_, {1, 2})), Status::ok);
  expect_refused(signed_keyring(sample_keyring(), {1, 2}), Status::keyring_rollback);
  next_.version = 4;
  expect_refused(signed_keyring(next_, {1, 2}), Status::keyring_gap);
  next_.version = 3;
  ASSERT_TRUE(next_.id.assign("com.example.y"));
  expect_refused(signed_keyring(next_, {1, 2}), Status::wrong_device);
}

TEST_P(KeyringStoreTest, RefusesWhatTooFewHaveSigned) {
  expect_refused(signed_keyring(next_, {1}), Status::threshold_missing);
  expect_refused(signed_keyring(next_, {1, 11, 12, 21}), Status::threshold_missing);
  Bytes forged = signed_keyring(next_, {1, 2});
  forged.back() ^= 1;
  expect_refused(forged, Status::bad_signature);
}

TEST_P(KeyringStoreTest, RefusesBytesThatAreNoKeyring) {
  Bytes document = signed_keyring(next_, {1, 2});
  document.push_back(0);
  expect_refused(document, Status::trailing_bytes);
  expect_refused(Bytes(limits::keyring_bytes_max + 1), Status::trailing_bytes);
  expect_refused({}, Status::truncated);
}

// A factory that would take any keyring must at least see that it is whole.
TEST_P(KeyringStoreTest, ProvisionsOnlyWhatItsOwnThresholdHasSigned) {
  KeyringStore store;
  ASSERT_EQ(store.open(rig_->device, rig_->buffer), Status::ok);
  EXPECT_EQ(store.provision(signed_keyring(next_, {1})), Status::threshold_missing);
  EXPECT_EQ(store.current().keyring.version, 1u);
}

TEST_P(KeyringStoreTest, TrustsNobodyBeforeItWasProvisioned) {
  TrustRig blank(GetParam(), &random_);
  KeyringStore store;
  TrustedKeys keys;
  EXPECT_EQ(store.open(blank.device, blank.buffer), Status::no_trusted_key);
  EXPECT_EQ(store.trusted_keys(0, &keys), Status::no_trusted_key);
  EXPECT_EQ(store.accept(signed_keyring(sample_keyring(), {1, 2})), Status::no_trusted_key);
}

TEST_P(KeyringStoreTest, ExpiresOnDevicesThatKnowTheTime) {
  next_.expires_seconds = 1000;
  ASSERT_EQ(accept(signed_keyring(next_, {1, 2})), Status::ok);
  KeyringStore store;
  TrustedKeys keys;
  ASSERT_EQ(store.open(rig_->device, rig_->buffer), Status::ok);
  EXPECT_EQ(store.trusted_keys(0, &keys), Status::ok);
  EXPECT_EQ(store.trusted_keys(999, &keys), Status::ok);
  EXPECT_EQ(store.trusted_keys(1000, &keys), Status::keyring_expired);
  // The next one is taken all the same.
  Keyring third = next_of(next_);
  third.expires_seconds = 0;
  EXPECT_EQ(store.accept(signed_keyring(third, {1, 2})), Status::ok);
  EXPECT_EQ(store.trusted_keys(1000, &keys), Status::ok);
}

// Or a device would be left half-way for good: no other package and no keyring could come.
TEST_P(KeyringStoreTest, DoesNotExpireUnderAnUpdateInPlace) {
  next_.expires_seconds = 1000;
  ASSERT_EQ(accept(signed_keyring(next_, {1, 2})), Status::ok);
  JournalRecord step;
  step.kind = JournalKind::step;
  step.layout = Layout::in_place;
  rig_->note(step);
  KeyringStore store;
  TrustedKeys keys;
  ASSERT_EQ(store.open(rig_->device, rig_->buffer), Status::ok);
  EXPECT_EQ(store.trusted_keys(2000, &keys), Status::ok);
}

TEST_P(KeyringStoreTest, KeepsTheKeyOfAReleaseThatRuns) {
  rig_->put("a", 11);
  rig_->put("f", 0);
  next_.releases.erase(test_key(11).public_key.id);
  const Bytes document = signed_keyring(next_, {1, 2});
  expect_refused(document, Status::key_in_use);
  ASSERT_EQ(rig_->confirm("a"), Status::ok);
  expect_refused(document, Status::key_in_use);
  // A release by the other key is installed: the one before it may have to come back.
  rig_->put("a", 12);
  expect_refused(document, Status::key_in_use);
  ASSERT_EQ(rig_->confirm("a"), Status::ok);
  EXPECT_EQ(accept(document), Status::ok);
}

TEST_P(KeyringStoreTest, KeepsTheKeyAlsoWhenItsNameStays) {
  rig_->put("a", 11);
  ASSERT_EQ(rig_->confirm("a"), Status::ok);
  next_.releases.erase(test_key(11).public_key.id);
  PublicKey other = key_in_role(77, KeyRole::release);
  other.id = test_key(11).public_key.id;
  ASSERT_TRUE(next_.releases.insert(other));
  expect_refused(signed_keyring(next_, {1, 2}), Status::key_in_use);
}

TEST_P(KeyringStoreTest, WaitsForAnUpdateInPlace) {
  JournalRecord step;
  step.kind = JournalKind::step;
  step.layout = Layout::in_place;
  rig_->note(step);
  expect_refused(signed_keyring(next_, {1, 2}), Status::update_pending);
}

TEST_P(KeyringStoreTest, SetsCountersBackOnce) {
  rig_->put("a", 11, {60'000, 50'000, 0}, 60'000);
  rig_->put("b", 11, {3, 0, 0}, 3);
  ASSERT_EQ(rig_->confirm(), Status::ok);
  EXPECT_EQ(rig_->device_counter(), 50'000u);
  next_.reset_count = 3;
  next_.resets[0].counter = 4;
  ASSERT_TRUE(next_.resets[1].package_id.assign("a"));
  next_.resets[1].counter = 6;
  ASSERT_TRUE(next_.resets[2].package_id.assign("b"));
  next_.resets[2].counter = 9;
  ASSERT_EQ(accept(signed_keyring(next_, {1, 2})), Status::ok);
  EXPECT_EQ(rig_->device_counter(), 4u);
  EXPECT_EQ(rig_->record("a").security_counter, 6u);
  EXPECT_EQ(rig_->record("a").release.security_counter, 6u);
  EXPECT_EQ(rig_->record("b").security_counter, 3u);
  // Once: what is confirmed later stays.
  rig_->put("a", 11, {8, 5, 0}, 6);
  ASSERT_EQ(rig_->confirm(), Status::ok);
  EXPECT_EQ(version(rig_.get()), 2u);
  EXPECT_EQ(rig_->record("a").security_counter, 8u);
  EXPECT_EQ(rig_->device_counter(), 5u);
}

// A cut in any write to any of the three regions, however what it left reads afterwards: the
// device has one of the two keyrings, whole, and the next attempts succeed. Then a second cut.
TEST_P(KeyringStoreTest, HasOneOrTheOtherThroughAnyTwoCuts) {
  Keyring next = next_of(sample_keyring());
  ASSERT_TRUE(next.resets[0].package_id.assign("a"));
  next.resets[0].counter = 5;
  next.reset_count = 1;
  const Bytes document = signed_keyring(next, {1, 2});
  const Bytes third = signed_keyring(next_of(next), {1, 2});
  unsigned cuts = 0;
  for (const int part : {0, 1, 2}) {
    for (std::uint64_t first = 0; first < 7; ++first) {
      for (std::uint64_t second = 0; second < 7; ++second) {
        auto rig = made(GetParam(), &random_);
        rig->put("a", 11, {9, 0, 0}, 9);
        ASSERT_EQ(rig->confirm(), Status::ok);
        UnstableFlash* flash =
            std::array{&rig->keyring, &rig->journal, &rig->inventory}[static_cast<unsigned>(part)];
        for (const std::uint64_t writes : {first, second}) {
          flash->cut_after(writes);
          (void)accept(rig.get(), document);
          cuts += flash->is_cut() ? 1 : 0;
          rig->restart();
          KeyringStore store;
          ASSERT_EQ(store.look(rig->device, rig->buffer), Status::ok) << first << " " << second;
          const std::uint64_t seen = store.current().keyring.version;
          ASSERT_TRUE(seen == 1 || seen == 2) << seen;
        }
        ASSERT_EQ(accept(rig.get(), document), Status::ok) << part << first << second;
        for (const auto mood : {UnstableFlash::Mood::old, UnstableFlash::Mood::latest}) {
          rig->set_mood(mood);
          ASSERT_EQ(version(rig.get()), 2u) << part << first << second;
          ASSERT_EQ(rig->record("a").security_counter, 5u);
        }
        // What lies in the other half does not matter to the next one.
        rig->set_mood(UnstableFlash::Mood::any);
        ASSERT_EQ(accept(rig.get(), third), Status::ok);
        ASSERT_EQ(version(rig.get()), 3u);
        ASSERT_EQ(rig->violations(), 0u);
      }
    }
  }
  EXPECT_GT(cuts, 25u);
}

INSTANTIATE_TEST_SUITE_P(Geometries, KeyringStoreTest, ::testing::ValuesIn(trust_geometries),
                         [](const auto& suite) { return geometry_name(suite.param); });

}  // namespace
}  // namespace romdelta::test
