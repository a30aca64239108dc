// BLAKE2b with personalisation has no published vectors of ours, so the digests are held against
// libsodium called directly, and libsodium against RFC 7693 appendix A.
#include "format/digest.h"

#include <gtest/gtest.h>
#include <sodium/crypto_generichash_blake2b.h>

#include <cstring>
#include <set>
#include <string>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

std::string hex_of(const Digest& digest) { return to_hex(digest.value); }

std::string sodium_digest(const char* personal, ByteSpan bytes, std::uint64_t index,
                          std::uint64_t level) {
  std::uint8_t salt[16];
  ByteWriter writer(salt);
  writer.u64(index);
  writer.u64(level);
  Bytes digest(32);
  crypto_generichash_blake2b_salt_personal(digest.data(), digest.size(), bytes.data(), bytes.size(),
                                           nullptr, 0, salt,
                                           reinterpret_cast<const unsigned char*>(personal));
  return to_hex(digest);
}

TEST(Digest, RestsOnBlake2bOfRfc7693) {
  const Bytes abc = {'a', 'b', 'c'};
  Bytes digest(64);
  crypto_generichash_blake2b(digest.data(), digest.size(), abc.data(), abc.size(), nullptr, 0);
  EXPECT_EQ(to_hex(digest),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

TEST(Digest, IsBlake2bWithTheDomainAsPersonalisationAndThePlaceAsSalt) {
  const Bytes bytes = make_image(1000, 1);
  EXPECT_EQ(hex_of(digest_of(DigestDomain::image, bytes)),
            sodium_digest("romdelta image 1", bytes, 0, 0));
  EXPECT_EQ(hex_of(digest_of(DigestDomain::manifest, bytes)),
            sodium_digest("romdelta manif 1", bytes, 0, 0));
  EXPECT_EQ(hex_of(digest_of(DigestDomain::tree_node, bytes, 5, 2)),
            sodium_digest("romdelta nodes 1", bytes, 5, 2));
  EXPECT_EQ(hex_of(digest_of(DigestDomain::chunk, bytes, 1u << 31)),
            sodium_digest("romdelta chunk 1", bytes, 1u << 31, 0));
}

TEST(Digest, DiffersForEveryDomainIndexAndLevel) {
  const Bytes bytes = {1, 2, 3};
  std::set<std::string> digests;
  for (const DigestDomain domain : {DigestDomain::image, DigestDomain::manifest,
                                    DigestDomain::tree_node, DigestDomain::chunk}) {
    for (const unsigned index : {0u, 1u, 256u}) {
      for (const unsigned level : {0u, 1u, 2u}) {
        digests.insert(hex_of(digest_of(domain, bytes, index, level)));
      }
    }
  }
  EXPECT_EQ(digests.size(), 4u * 3 * 3);
}

TEST(Digest, IsTheSameInPiecesOfAnySize) {
  const Bytes bytes = make_image(700, 2);
  const Digest whole = digest_of(DigestDomain::image, bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    DigestStream stream(DigestDomain::image);
    stream.update(ByteSpan(bytes).first(cut));
    stream.update(ByteSpan(bytes).subspan(cut));
    ASSERT_EQ(stream.finish(), whole) << cut;
  }
}

TEST(Digest, OfNothingIsNotZero) { EXPECT_NE(digest_of(DigestDomain::image, {}), Digest{}); }

// XXH3-64 of nothing, seed 0: the value of the xxHash sanity check (xxhsum_sanity_check.c, 0.8).
TEST(Checksum, OfNothingIsThePublishedValue) {
  EXPECT_EQ(checksum_of({}).value, 0x2d06800538d394c2u);
  EXPECT_EQ(ChecksumStream().finish().value, 0x2d06800538d394c2u);
}

// The sanity check's buffer: bytes of a 32-bit prime's powers. XXH3-64 of its first 1 byte, seed 0.
TEST(Checksum, OfOneByteIsThePublishedValue) {
  const Bytes bytes = {0x00};
  EXPECT_EQ(checksum_of(bytes).value, 0xc44bdff4074eecdbu);
}

TEST(Checksum, IsTheSameInPiecesOfAnySize) {
  const Bytes bytes = make_image(1500, 3);
  const Checksum whole = checksum_of(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 7) {
    ChecksumStream stream;
    stream.update(ByteSpan(bytes).first(cut));
    stream.update(ByteSpan(bytes).subspan(cut));
    ASSERT_EQ(stream.finish(), whole) << cut;
  }
}

TEST(Checksum, CanBeReadBeforeTheEnd) {
  ChecksumStream stream;
  stream.update(Bytes{1});
  EXPECT_EQ(stream.finish(), checksum_of(Bytes{1}));
  stream.update(Bytes{2});
  EXPECT_EQ(stream.finish(), checksum_of(Bytes{1, 2}));
}

}  // namespace
}  // namespace romdelta::test
