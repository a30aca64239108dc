#include "format/super_package.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/support/package_maker.h"
#include "tests/support/super_maker.h"

namespace romdelta::test {
namespace {

Bytes head_signed_by(std::initializer_list<std::uint8_t> numbers) {
  std::vector<TestKey> keys;
  for (const std::uint8_t number : numbers) keys.push_back(test_key(number));
  const RandomSuper super = sample_super();
  return make_super_head(super.facts, super.requirements, super.members, keys);
}

Status verify(const Bytes& head) {
  SuperHead result;
  const PublicKey key = test_key(1).public_key;
  return verify_super_head(head, {&key, 1}, &result);
}

TEST(SuperHead, SaysWhereItsMembersLie) {
  const Bytes bytes = head_signed_by({1});
  SuperHead head;
  const PublicKey key = test_key(1).public_key;
  ASSERT_EQ(verify_super_head(bytes, {&key, 1}, &head), Status::ok);
  EXPECT_EQ(head.head_bytes, bytes.size());
  EXPECT_EQ(head.signed_bytes, bytes.size() - 4 - 72);
  EXPECT_EQ(head.file_bytes(), bytes.size() + 12000);
  EXPECT_EQ(head.manifest_digest,
            super_signed_part_digest(ByteSpan(bytes).first(head.signed_bytes)));
  EXPECT_EQ(super_arena_bytes_needed(head), (head.signed_bytes + 63) / 64 * 64 + 100000);
}

TEST(SuperHead, IsNoPackageAndNoPackageIsOne) {
  const Bytes super = head_signed_by({1});
  PackageHead package;
  EXPECT_EQ(inspect_head(super, &package), Status::unsupported_format);
  SuperHead head;
  EXPECT_EQ(inspect_super_head(make_package(PackagePlan{}).file, &head),
            Status::unsupported_format);
}

TEST(SuperHead, StepsFromHeaderToSignatureListToHead) {
  const Bytes head = head_signed_by({1, 2});
  const std::size_t list_at = head.size() - 4 - 2 * 72;
  for (std::size_t given = 0; given <= head.size(); ++given) {
    std::size_t needed = 0;
    ASSERT_EQ(super_head_bytes_needed(ByteSpan(head).first(given), &needed), Status::ok);
    const std::size_t expected = given < 16 ? 16 : given < list_at + 4 ? list_at + 4 : head.size();
    ASSERT_EQ(needed, expected) << given;
    if (given < head.size()) {
      ASSERT_EQ(verify(to_bytes(ByteSpan(head).first(given))), Status::truncated);
    }
  }
}

TEST(SuperHead, BoundsTheManifest) {
  const auto with_manifest_bytes = [](std::uint32_t count) {
    Bytes head = written_by([&](ByteWriter* writer) {
      encode_document_header(DocumentKind::super_package, count, writer);
    });
    std::size_t needed = 0;
    return super_head_bytes_needed(head, &needed);
  };
  EXPECT_EQ(with_manifest_bytes(0), Status::bad_header);
  EXPECT_EQ(with_manifest_bytes(1), Status::ok);
  EXPECT_EQ(with_manifest_bytes(limits::super_manifest_bytes_max), Status::ok);
  EXPECT_EQ(with_manifest_bytes(limits::super_manifest_bytes_max + 1), Status::bad_header);
  EXPECT_EQ(with_manifest_bytes(~0u), Status::bad_header);
}

TEST(SuperHead, NeedsATrustedSignature) {
  EXPECT_EQ(verify(head_signed_by({1})), Status::ok);
  EXPECT_EQ(verify(head_signed_by({1, 2})), Status::ok);
  EXPECT_EQ(verify(head_signed_by({})), Status::unknown_key);
  EXPECT_EQ(verify(head_signed_by({2})), Status::unknown_key);
  SuperHead head;
  EXPECT_EQ(verify_super_head(head_signed_by({1}), {}, &head), Status::no_trusted_key);
}

TEST(SuperHead, IsRefusedWithAnyBitFlipped) {
  const Bytes good = head_signed_by({1});
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 3) {
    Bytes bytes = good;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_NE(verify(bytes), Status::ok) << bit;
  }
}

TEST(SuperHead, IsNotSignedByASignatureOfAPackage) {
  // The same bytes under another domain are other bytes to sign.
  const Bytes head = head_signed_by({1});
  const ByteSpan signed_part = ByteSpan(head).first(head.size() - 4 - 72);
  SignatureList list;
  ASSERT_TRUE(list.insert(sign(test_key(1), signed_part_digest(signed_part))));
  Bytes forged = to_bytes(signed_part);
  append(&forged, written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); }));
  EXPECT_EQ(verify(forged), Status::bad_signature);
}

TEST(TransactionDigest, DiffersBetweenMembersAndSuperPackages) {
  Digest one;
  Digest two;
  two.value[0] = 1;
  std::set<std::array<std::uint8_t, Digest::bytes>> all = {one.value, two.value};
  for (const Digest& super : {one, two}) {
    for (std::size_t i = 0; i <= limits::super_member_count_max; ++i) {
      EXPECT_TRUE(all.insert(transaction_digest(super, i).value).second) << i;
    }
  }
}

}  // namespace
}  // namespace romdelta::test
