#include "format/package.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/manifest_maker.h"
#include "tests/support/package_maker.h"

namespace romdelta::test {
namespace {

Bytes head_signed_by(std::initializer_list<std::uint8_t> numbers) {
  std::vector<TestKey> keys;
  for (const std::uint8_t number : numbers) keys.push_back(test_key(number));
  return make_head(sample_manifest(), keys);
}

Status verify(const Bytes& head, PackageHead* result) {
  const PublicKey key = test_key(1).public_key;
  return verify_head(head, {&key, 1}, result);
}

Status verify(const Bytes& head) {
  PackageHead result;
  return verify(head, &result);
}

// The status of a header with one byte changed.
Status parse_with(std::size_t at, std::uint8_t value) {
  Bytes header = head_signed_by({1});
  header.resize(package_header_bytes);
  header[at] = value;
  PackageHeader parsed;
  return parse_package_header(header, &parsed);
}

TEST(PackageHeader, BeginsWithItsMagic) {
  EXPECT_EQ(parse_with(0, 0x89), Status::ok);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(parse_with(i, 0), Status::bad_magic) << i;
}

TEST(PackageHeader, RefusesOtherVersionsAndKinds) {
  EXPECT_EQ(parse_with(8, 0), Status::unsupported_format);
  EXPECT_EQ(parse_with(8, 2), Status::unsupported_format);
  EXPECT_EQ(parse_with(9, 1), Status::unsupported_format);
  EXPECT_EQ(parse_with(10, 2), Status::unsupported_format);
  EXPECT_EQ(parse_with(11, 1), Status::unsupported_format);
}

TEST(PackageHeader, BoundsTheManifest) {
  const auto with_manifest_bytes = [](std::uint32_t count) {
    Bytes header = head_signed_by({1});
    header.resize(12);
    append(&header, written_by([&](ByteWriter* writer) { writer->u32(count); }));
    PackageHeader parsed;
    return parse_package_header(header, &parsed);
  };
  EXPECT_EQ(with_manifest_bytes(0), Status::bad_header);
  EXPECT_EQ(with_manifest_bytes(1), Status::ok);
  EXPECT_EQ(with_manifest_bytes(limits::manifest_bytes_max), Status::ok);
  EXPECT_EQ(with_manifest_bytes(limits::manifest_bytes_max + 1), Status::bad_header);
  EXPECT_EQ(with_manifest_bytes(~0u), Status::bad_header);
}

TEST(PackageHeader, HasExactlySixteenBytes) {
  const Bytes head = head_signed_by({1});
  PackageHeader parsed;
  EXPECT_EQ(parse_package_header(ByteSpan(head).first(15), &parsed), Status::truncated);
  EXPECT_EQ(parse_package_header(ByteSpan(head).first(17), &parsed), Status::truncated);
}

TEST(HeadBytesNeeded, StepsFromHeaderToSignatureListToHead) {
  const Bytes head = head_signed_by({1, 2});
  const std::size_t list_at = head.size() - 4 - 2 * 72;
  for (std::size_t given = 0; given <= head.size(); ++given) {
    std::size_t needed = 0;
    ASSERT_EQ(head_bytes_needed(ByteSpan(head).first(given), &needed), Status::ok);
    const std::size_t expected = given < 16 ? 16 : given < list_at + 4 ? list_at + 4 : head.size();
    ASSERT_EQ(needed, expected) << given;
  }
}

TEST(HeadBytesNeeded, NeverExceedsTheHeadWindow) {
  const Bytes manifest(limits::manifest_bytes_max);
  Bytes head = head_signed_by({1});
  head.resize(12);
  append(&head, written_by([](ByteWriter* w) { w->u32(limits::manifest_bytes_max); }));
  append(&head, manifest);
  append(&head, Bytes{8, 0, 0, 0});
  std::size_t needed = 0;
  ASSERT_EQ(head_bytes_needed(head, &needed), Status::ok);
  EXPECT_LE(needed, limits::head_bytes_max);
}

TEST(HeadBytesNeeded, RefusesWhatCanBeSeenToBeWrong) {
  Bytes head = head_signed_by({1});
  const std::size_t list_at = head.size() - 4 - 72;
  std::size_t needed = 0;
  head[list_at] = 9;
  EXPECT_EQ(head_bytes_needed(head, &needed), Status::bad_header);
  head[0] = 0;
  EXPECT_EQ(head_bytes_needed(head, &needed), Status::bad_magic);
  EXPECT_EQ(needed, 0u);
}

TEST(PackageHead, IsWhatWasSigned) {
  const Bytes head = head_signed_by({1, 2});
  PackageHead result;
  ASSERT_EQ(verify(head, &result), Status::ok);
  EXPECT_EQ(encoded(result.manifest), encoded(sample_manifest()));
  EXPECT_EQ(result.signatures.count, 2u);
  EXPECT_EQ(result.head_bytes, head.size());
  EXPECT_EQ(result.file_bytes(), head.size() + 2000);
  const ByteSpan signed_part = ByteSpan(head).first(head.size() - 4 - 2 * 72);
  EXPECT_EQ(result.manifest_digest, signed_part_digest(signed_part));
  EXPECT_EQ(result.manifest_digest, digest_of(DigestDomain::manifest, signed_part));
}

TEST(PackageHead, EndsWhereItSaysWhateverFollows) {
  const Bytes head = head_signed_by({1});
  PackageHead result;
  ASSERT_EQ(verify(concat({head, Bytes(100, 0xee)}), &result), Status::ok);
  EXPECT_EQ(result.head_bytes, head.size());
}

TEST(PackageHead, IsTruncatedAtEveryEarlierByte) {
  const Bytes head = head_signed_by({1});
  for (std::size_t size = 0; size < head.size(); ++size) {
    const Bytes cut(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(verify(cut), Status::truncated) << size;
  }
}

TEST(PackageHead, RefusesEveryChangedBit) {
  const Bytes head = head_signed_by({1});
  for (std::size_t i = 0; i < head.size(); ++i) {
    Bytes changed = head;
    changed[i] ^= static_cast<std::uint8_t>(1u << i % 8);
    ASSERT_NE(verify(changed), Status::ok) << i;
  }
}

TEST(PackageHead, IsNotParsedBeforeItsSignatureIsChecked) {
  Manifest manifest = sample_manifest();
  manifest.group_bytes = 0;
  const TestKey stranger = test_key(2);
  EXPECT_EQ(verify(make_head(manifest, {&stranger, 1})), Status::unknown_key);
  const TestKey friendly = test_key(1);
  EXPECT_EQ(verify(make_head(manifest, {&friendly, 1})), Status::malformed_manifest);
}

TEST(PackageHead, NeedsAKeyEvenWhenItIsUnsigned) {
  PackageHead result;
  EXPECT_EQ(verify(head_signed_by({}), &result), Status::unknown_key);
  EXPECT_EQ(verify_head(head_signed_by({1}), {}, &result), Status::no_trusted_key);
  EXPECT_EQ(result.head_bytes, 0u);
}

TEST(InspectHead, ReadsWithoutTrustingAnybody) {
  PackageHead result;
  EXPECT_EQ(inspect_head(head_signed_by({9}), &result), Status::ok);
  EXPECT_EQ(result.manifest.target.bytes, 6000u);
  EXPECT_EQ(inspect_head(head_signed_by({}), &result), Status::ok);
  EXPECT_EQ(result.signatures.count, 0u);
}

TEST(EncodeSignedPart, HasRoomForTheLongestManifest) {
  Manifest manifest = sample_manifest();
  manifest.source_count = manifest.sources.size();
  for (ImageIdentity& source : manifest.sources) {
    ASSERT_TRUE(source.version.assign(std::string(limits::version_bytes_max, 'v')));
  }
  const Bytes longest =
      written_by([&](ByteWriter* writer) { encode_signed_part(manifest, writer); });
  EXPECT_GT(longest.size(), package_header_bytes + 16 * (4 + 8 + 32 + 48));
}

}  // namespace
}  // namespace romdelta::test
