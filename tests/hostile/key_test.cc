// Signatures that somebody forged, moved, repeated or made with the wrong key.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/hostile/attack_table.h"
#include "tests/hostile/forgery.h"
#include "tests/hostile/victim.h"
#include "tests/support/manifest_maker.h"

namespace romdelta::test {
namespace {

class Key : public ::testing::Test {
 protected:
  Key() : victim_(full_victim()), file_(victim_.package()) {
    const std::size_t list_bytes = victim_.head().signatures.encoded_bytes();
    signed_part_ = ByteSpan(file_).first(victim_.head().head_bytes - list_bytes);
    payload_ = ByteSpan(file_).subspan(victim_.head().head_bytes);
    digest_ = signed_part_digest(signed_part_);
  }

  // The package with this signature list, whatever it says.
  Bytes with_list(std::uint16_t count, std::uint16_t reserved,
                  const std::vector<Signature>& entries) const {
    const Bytes list = written_by([&](ByteWriter* writer) {
      writer->u16(count);
      writer->u16(reserved);
      for (const Signature& entry : entries) {
        writer->bytes(entry.key_id.value);
        writer->bytes(entry.value);
      }
    });
    return concat({signed_part_, list, payload_});
  }
  Bytes with_signatures(const std::vector<Signature>& entries) const {
    return with_list(static_cast<std::uint16_t>(entries.size()), 0, entries);
  }

  std::string attack(const Bytes& file, Status expected) {
    return victim_.attack(file, {{expected}});
  }

  Victim& victim_;
  Bytes file_;
  ByteSpan signed_part_;
  ByteSpan payload_;
  Digest digest_;
  TestKey trusted_ = test_key(1);
  TestKey stranger_ = test_key(2);
};

// Mender hub 6495: "keys missing" became "installing without verification".
TEST_F(Key, OfNobodyMeansNoInstallation) {
  const Attack attack_row("Mender hub 6495", "a device without keys");
  EXPECT_EQ(victim_.attack(file_, {{Status::no_trusted_key}}, {}), "");
}

TEST_F(Key, OfAStrangerIsRefused) {
  const Attack attack_row("Mender hub 6495", "a signature by an unknown key");
  EXPECT_EQ(attack(with_signatures({sign(stranger_, digest_)}), Status::unknown_key), "");
  EXPECT_EQ(victim_.attack(file_, {{Status::unknown_key}}, {&stranger_.public_key, 1}), "");
}

// SWUpdate CVE-2026-109399: trust was taken from what the package brought along.
TEST_F(Key, OfAStrangerIsRefusedAlsoUnderATrustedId) {
  const Attack attack_row("SWUpdate CVE-2026-109399", "a key that the package brings along");
  TestKey forged = stranger_;
  forged.public_key.id = trusted_.public_key.id;
  EXPECT_EQ(attack(with_signatures({sign(forged, digest_)}), Status::bad_signature), "");
  TestKey renamed = trusted_;
  renamed.public_key.id = stranger_.public_key.id;
  EXPECT_EQ(attack(with_signatures({sign(renamed, digest_)}), Status::unknown_key), "");
}

TEST_F(Key, ThatIsTrustedDoesNotExcuseAWrongSignatureBesideIt) {
  const PublicKey keys[] = {trusted_.public_key, stranger_.public_key};
  Signature wrong = sign(stranger_, digest_);
  wrong.value[10] ^= 1;
  EXPECT_EQ(victim_.attack(with_signatures({sign(trusted_, digest_), wrong}),
                           {{Status::bad_signature}}, keys),
            "");
}

TEST_F(Key, OfOneIdThatTwoTrustedKeysHaveMustFitBoth) {
  PublicKey keys[] = {trusted_.public_key, stranger_.public_key};
  keys[1].id = keys[0].id;
  EXPECT_EQ(victim_.attack(file_, {{Status::bad_signature}}, keys), "");
  std::swap(keys[0], keys[1]);
  EXPECT_EQ(victim_.attack(file_, {{Status::bad_signature}}, keys), "");
}

TEST_F(Key, OfAnotherRoleIsRefused) {
  const Attack attack_row("wrong key role", "a development key signs for production, and back");
  PublicKey key = trusted_.public_key;
  key.role = KeyRole::development;
  EXPECT_EQ(victim_.attack(file_, {{Status::wrong_role}}, {&key, 1}), "");
  Forgery forgery(file_);
  forgery.manifest.role = KeyRole::development;
  key.role = KeyRole::release;
  EXPECT_EQ(victim_.attack(forgery.seal(), {{Status::wrong_role}}, {&key, 1}), "");
}

TEST_F(Key, ThatWasRevokedIsRefused) {
  const Attack attack_row("revoked key", "a key that is known and not trusted any more");
  PublicKey keys[] = {trusted_.public_key, stranger_.public_key};
  keys[0].role = KeyRole::revoked;
  EXPECT_EQ(victim_.attack(file_, {{Status::key_revoked}}, keys), "");
  EXPECT_EQ(victim_.attack(file_, {{Status::no_trusted_key}}, {keys, 1}), "");
}

TEST_F(Key, MissingAltogetherIsRefused) {
  const Attack attack_row("Mender hub 6495", "no signature at all");
  EXPECT_EQ(attack(with_signatures({}), Status::unknown_key), "");
}

TEST_F(Key, ListedTwiceOrOutOfOrderIsRefused) {
  const Signature good = sign(trusted_, digest_);
  const Signature other = sign(stranger_, digest_);
  EXPECT_EQ(attack(with_signatures({good, good}), Status::bad_header), "");
  EXPECT_EQ(attack(with_signatures({other, good}), Status::bad_header), "");
  Signature broken = good;
  broken.value.fill(0);
  EXPECT_EQ(attack(with_signatures({broken, good}), Status::bad_header), "");
  EXPECT_EQ(attack(with_signatures({good, broken}), Status::bad_header), "");
  // In order they are fine: an unknown signer does no harm.
  Status status = Status::internal;
  EXPECT_EQ(victim_.install(with_signatures({good, other}), &status), victim_.target());
}

TEST_F(Key, ListWhoseCountOrReservedBytesLieIsRefused) {
  const Attack attack_row("Mender MEN-9055", "a signature list of another size");
  const Signature good = sign(trusted_, digest_);
  EXPECT_EQ(attack(with_list(1, 1, {good}), Status::bad_header), "");
  EXPECT_EQ(attack(with_list(1, 0x8000, {good}), Status::bad_header), "");
  EXPECT_EQ(attack(with_list(0, 0, {good}), Status::unknown_key), "");
  for (const unsigned count : {9u, 0x7fffu, 0x8000u, 0xffffu}) {
    EXPECT_EQ(attack(with_list(static_cast<std::uint16_t>(count), 0, {good}), Status::bad_header),
              "")
        << count;
  }
  std::vector<Signature> nine;
  for (std::uint8_t i = 1; i <= 9; ++i) nine.push_back(sign(test_key(i), digest_));
  EXPECT_EQ(attack(with_signatures(nine), Status::bad_header), "");
}

TEST_F(Key, ThatSignedADigestOfAnotherDomainIsRefused) {
  for (const DigestDomain domain :
       {DigestDomain::image, DigestDomain::tree_node, DigestDomain::chunk}) {
    const Digest digest = digest_of(domain, signed_part_);
    EXPECT_EQ(attack(with_signatures({sign(trusted_, digest)}), Status::bad_signature), "");
  }
  const Digest elsewhere = digest_of(DigestDomain::manifest, signed_part_, 1, 0);
  EXPECT_EQ(attack(with_signatures({sign(trusted_, elsewhere)}), Status::bad_signature), "");
}

// MEN-1412: the header's checksum was written and never verified.
TEST_F(Key, ThatSignedTheManifestWithoutItsHeaderIsRefused) {
  const Digest manifest_only = signed_part_digest(signed_part_.subspan(package_header_bytes));
  EXPECT_EQ(attack(with_signatures({sign(trusted_, manifest_only)}), Status::bad_signature), "");
  const Digest payload_only = signed_part_digest(payload_);
  EXPECT_EQ(attack(with_signatures({sign(trusted_, payload_only)}), Status::bad_signature), "");
  EXPECT_EQ(attack(with_signatures({sign(trusted_, victim_.head().manifest.tree_root)}),
                   Status::bad_signature),
            "");
}

TEST_F(Key, SignatureThatIsTheSameModuloTheGroupOrderIsRefused) {
  // The order of Ed25519's group, little-endian.
  constexpr std::uint8_t kOrder[] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                     0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                     0,    0,    0,    0,    0,    0,    0,    0,
                                     0,    0,    0,    0,    0,    0,    0,    0x10};
  Signature malleated = sign(trusted_, digest_);
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += malleated.value[32 + i] + kOrder[i];
    malleated.value[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_EQ(attack(with_signatures({malleated}), Status::bad_signature), "");
}

TEST_F(Key, SignatureOfSmallOrderIsRefused) {
  Signature forged;
  forged.key_id = trusted_.public_key.id;
  EXPECT_EQ(attack(with_signatures({forged}), Status::bad_signature), "") << "all zero";
  forged.value[0] = 1;
  EXPECT_EQ(attack(with_signatures({forged}), Status::bad_signature), "") << "the neutral element";
  // Under a key of small order every digest would be signed by it.
  PublicKey weak = trusted_.public_key;
  weak.value.fill(0);
  weak.value[0] = 1;
  EXPECT_EQ(victim_.attack(with_signatures({forged}), {{Status::bad_signature}}, {&weak, 1}), "");
}

// MCUboot CVE-2024-32883: a field outside the signed area was read as if it were inside.
TEST_F(Key, DoesNotCoverAFieldAddedBehindTheManifest) {
  const Attack attack_row("MCUboot CVE-2024-32883", "a field outside what is signed");
  const Bytes field = join_fields({{0x8002, Bytes(4, 0x5a)}});
  const ByteSpan rest = ByteSpan(file_).subspan(signed_part_.size());
  Bytes file = concat({signed_part_, field, rest});
  EXPECT_EQ(victim_.attack(file, {{Status::bad_header, Status::unknown_key}}), "");
  const Bytes manifest = concat({signed_part_.subspan(package_header_bytes), field});
  file = concat({with_header(manifest), rest});
  EXPECT_EQ(attack(file, Status::bad_signature), "");
  // With the key's consent it is an unknown field that is not critical: ignored.
  Status status = Status::internal;
  EXPECT_EQ(victim_.install(sign_parts(with_header(manifest), payload_), &status),
            victim_.target());
}

TEST_F(Key, DoesNotExcuseAManifestThatBreaksTheRules) {
  const ByteSpan manifest = signed_part_.subspan(package_header_bytes);
  const std::vector<ManifestField> fields = split_fields(manifest);
  const auto attack_fields = [&](const std::vector<ManifestField>& changed, Status expected) {
    return attack(sign_parts(with_header(join_fields(changed)), payload_), expected);
  };
  Status status = Status::internal;
  ASSERT_EQ(victim_.install(sign_parts(with_header(join_fields(fields)), payload_), &status),
            victim_.target())
      << "the untouched manifest has to be accepted";
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::vector<ManifestField> changed = fields;
    changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), fields[i]);
    EXPECT_EQ(attack_fields(changed, Status::malformed_manifest), "") << "twice: " << i;
    if (i == 0) continue;
    changed = fields;
    std::swap(changed[i - 1], changed[i]);
    EXPECT_EQ(attack_fields(changed, Status::malformed_manifest), "") << "swapped: " << i;
  }
  for (const unsigned tag : {0x0012u, 0x001fu, 0x0100u, 0x7fffu}) {
    std::vector<ManifestField> changed = fields;
    const auto place = std::ranges::find_if(changed, [&](const auto& f) { return f.tag > tag; });
    changed.insert(place, {static_cast<std::uint16_t>(tag), {1}});
    EXPECT_EQ(attack_fields(changed, Status::unsupported_field), "") << tag;
  }
  std::vector<ManifestField> changed = fields;
  changed[1].value = {2};
  EXPECT_EQ(attack_fields(changed, Status::unsupported_layout), "");
  changed = fields;
  changed[2].value = {3};
  EXPECT_EQ(attack_fields(changed, Status::unsupported_codec), "");
  changed = fields;
  changed[0].value = to_bytes("../../etc");
  EXPECT_EQ(attack_fields(changed, Status::malformed_manifest), "");
}

// wolfBoot: sizes were used before they were authentic. 16 bytes are enough to refuse.
TEST_F(Key, IsNotWaitedForWhenTheHeaderAsksForTooMuch) {
  const Attack attack_row("wolfBoot", "a header that asks for too much");
  for (const std::uint32_t bytes : {0u, 3501u, 4096u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
    Bytes file = file_;
    for (std::size_t i = 0; i < 4; ++i) file[12 + i] = static_cast<std::uint8_t>(bytes >> (8 * i));
    EXPECT_EQ(victim_.attack(ByteSpan(file).first(package_header_bytes), {{Status::bad_header}}),
              "")
        << bytes;
  }
}

}  // namespace
}  // namespace romdelta::test
