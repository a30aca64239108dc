// Every byte damaged, every truncation, every tail: packages that nobody signed.
#include <gtest/gtest.h>

#include "tests/hostile/attack_table.h"
#include "tests/hostile/victim.h"

namespace romdelta::test {
namespace {

class Damage : public ::testing::TestWithParam<Victim& (*)()> {
 protected:
  Victim& victim() { return GetParam()(); }
};

std::string victim_name(const ::testing::TestParamInfo<Victim& (*)()>& info) {
  static constexpr const char* kNames[] = {"Delta", "Full", "Grouped", "Context", "Map"};
  return kNames[info.index];
}

INSTANTIATE_TEST_SUITE_P(Package, Damage,
                         ::testing::Values(&delta_victim, &full_victim, &grouped_victim,
                                           &context_victim, &map_victim),
                         victim_name);

// Without this the attacks below would prove nothing.
TEST_P(Damage, IsTheOnlyReasonToRefuseThePackage) {
  Status status = Status::internal;
  EXPECT_EQ(victim().install(victim().package(), &status), victim().target());
  EXPECT_EQ(status, Status::ok);
  EXPECT_GE(victim().chunks().size(), 3u);
  EXPECT_LE(victim().package().size(), 4096u);
  EXPECT_FALSE(victim().target_flash().writes().empty());
}

TEST_P(Damage, OfOneBitIsRefusedWhereverItIs) {
  const Attack attack_row("Mender MEN-1412", "a changed bit that no checksum covers");
  Bytes file = victim().package();
  for (std::size_t at = 0; at < file.size(); ++at) {
    const Verdict verdict = victim().verdict_at(at);
    for (unsigned bit = 0; bit < 8; ++bit) {
      file[at] ^= static_cast<std::uint8_t>(1u << bit);
      ASSERT_EQ(victim().attack(file, verdict), "") << "bit " << bit << " of byte " << at;
      file[at] ^= static_cast<std::uint8_t>(1u << bit);
    }
  }
}

TEST_P(Damage, ThatClearsOrSetsAByteIsRefusedWhereverItIs) {
  Bytes file = victim().package();
  for (std::size_t at = 0; at < file.size(); ++at) {
    const std::uint8_t before = file[at];
    for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
      if (value == before) continue;
      file[at] = value;
      ASSERT_EQ(victim().attack(file, victim().verdict_at(at)), "")
          << "byte " << at << " set to " << int{value};
    }
    file[at] = before;
  }
}

// MEN-9055: a size compared with ">" where "!=" was meant.
TEST_P(Damage, ByTruncationIsRefusedWhereverItCuts) {
  const Attack attack_row("truncation", "the file ends early, anywhere");
  const ByteSpan file = victim().package();
  for (std::size_t size = 0; size < file.size(); ++size) {
    Verdict verdict{{Status::truncated}};
    for (const ChunkPlace& chunk : victim().chunks()) {
      if (chunk.begin <= size) verdict.true_until = chunk.target_begin;
    }
    ASSERT_EQ(victim().attack(file.first(size), verdict), "") << size << " bytes are left";
  }
}

// Mender CVE-2025-67903: files of the payload that the manifest does not list were processed.
TEST_P(Damage, ByOneMoreByteIsRefusedWhateverTheByte) {
  const Attack attack_row("Mender CVE-2025-67903", "bytes behind the payload");
  Bytes file = victim().package();
  file.push_back(0);
  const Verdict verdict{{Status::trailing_bytes}, victim().target().size()};
  for (unsigned value = 0; value < 256; ++value) {
    file.back() = static_cast<std::uint8_t>(value);
    ASSERT_EQ(victim().attack(file, verdict), "") << "tail " << value;
  }
}

// AOSP verifyPackage: verifier and installer saw different parts of one file.
TEST_P(Damage, ByATailOfAnySizeIsRefusedEvenWhenTheTailIsAPackage) {
  const Attack attack_row("AOSP verifyPackage", "a second package behind the first");
  const Verdict verdict{{Status::trailing_bytes}, victim().target().size()};
  for (const std::size_t count : {2u, 16u, 97u, 4096u, 70'000u}) {
    EXPECT_EQ(victim().attack(concat({victim().package(), make_image(count, count)}), verdict), "");
    EXPECT_EQ(victim().attack(concat({victim().package(), Bytes(count)}), verdict), "");
  }
  EXPECT_EQ(victim().attack(concat({victim().package(), victim().package()}), verdict), "");
}

TEST_P(Damage, ByAPrefixOfAnySizeIsRefused) {
  for (const std::size_t count : {1u, 8u, 16u, 512u, 4096u}) {
    const Bytes file = concat({Bytes(count), victim().package()});
    EXPECT_EQ(victim().attack(file, {{Status::bad_magic}}), "") << count;
  }
}

TEST_P(Damage, ByAMissingByteIsRefusedWhereverItWas) {
  const ByteSpan file = victim().package();
  for (std::size_t at = 0; at < file.size(); ++at) {
    // What was the next byte takes its place; where both are equal a later one differs.
    std::size_t first_wrong = at;
    while (first_wrong + 1 < file.size() && file[first_wrong] == file[first_wrong + 1]) {
      ++first_wrong;
    }
    Verdict verdict = victim().verdict_at(first_wrong);
    verdict.refused_with.insert(
        verdict.refused_with.end(),
        {Status::bad_header, Status::bad_signature, Status::unknown_key, Status::corrupt_chunk,
         Status::truncated, Status::unsupported_format});
    ASSERT_EQ(victim().attack(concat({file.first(at), file.subspan(at + 1)}), verdict), "")
        << "byte " << at << " is missing";
  }
}

}  // namespace
}  // namespace romdelta::test
