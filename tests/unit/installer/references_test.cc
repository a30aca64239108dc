// The words are what binutils and LLVM assemble; those of Xtensa follow its manual.
#include "installer/reference_finder.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/bytes.h"

namespace romdelta::test {
namespace {

constexpr std::uint64_t kAddress = 0x10000;  // Of the first byte of each image here.
constexpr std::uint64_t kAnchor = 0x20000;

std::vector<Reference> references_of(std::uint32_t rule, ByteSpan image, std::uint64_t base) {
  const MapStep everything = {0, 0};
  AddressMap map;
  map.base = base;
  map.shifts = {&everything, 1};
  std::vector<Reference> found;
  references::visit_all(ImageView(image.data(), 0, image.size()), 0, image.size(), kAddress,
                        kAnchor, rule, map,
                        [&](const Reference& reference) { found.push_back(reference); });
  return found;
}

std::size_t count_of(std::uint32_t rule, std::string_view hex) {
  Bytes image;
  EXPECT_TRUE(from_hex(hex, &image));
  return references_of(rule, image, 0).size();
}

// An image with a reference, where that lies, and what it is when its place and what it refers to
// have moved.
struct Case {
  const char* what;
  std::uint32_t rule;
  const char* image;
  std::size_t offset;
  ReferenceKind kind;
  std::uint64_t place;
  std::uint64_t target;
  std::uint64_t place_by;
  std::uint64_t target_by;
  const char* after;  // Empty: it cannot hold that, and is left alone.
  std::uint64_t base = 0;
};

constexpr std::uint64_t minus(std::uint64_t distance) { return 0 - distance; }

void check(const Case& one) {
  SCOPED_TRACE(one.what);
  Bytes image;
  ASSERT_TRUE(from_hex(one.image, &image));
  const Reference* reference = nullptr;
  const auto all = references_of(one.rule, image, one.base);
  for (const Reference& found : all) {
    if (found.offset == one.offset) reference = &found;
  }
  ASSERT_NE(reference, nullptr);
  EXPECT_EQ(reference->kind, one.kind);
  EXPECT_EQ(reference->target, one.target);
  const ImageView view(image.data(), 0, image.size());
  if (references::is_relative(*reference, view)) {
    EXPECT_EQ(reference->place, one.place);
  }
  const auto made = references::rewritten(*reference, view, reference->place + one.place_by,
                                          reference->target + one.target_by, one.base);
  std::string hex;
  if (made) {
    Bytes bytes;
    for (unsigned i = 0; i < references::size_bytes(one.kind); ++i) {
      bytes.push_back(static_cast<std::uint8_t>(*made >> (8 * i)));
    }
    hex = to_hex(bytes);
  }
  EXPECT_EQ(hex, one.after);
}

using enum ReferenceKind;

TEST(References, HoldWhatArm64InstructionsSay) {
  const Case cases[] = {
      {"bl +0x1000 becomes bl +0xff0", rules::a64, "00040094", 0, a64_branch, 0x10000, 0x11000,
       0x10, 0, "fc030094"},
      {"b -8 becomes b +0x7fffffc", rules::a64, "feffff17", 0, a64_branch, 0x10000, 0xfff8, 0,
       0x8000004, "ffffff15"},
      {"b reaches no further", rules::a64, "feffff17", 0, a64_branch, 0x10000, 0xfff8, 0, 0x8000008,
       ""},
      {"b goes to words", rules::a64, "feffff17", 0, a64_branch, 0x10000, 0xfff8, 0, 2, ""},
      {"adrp x3, 5 pages; add x4, x3, 0x678: one page back", rules::a64, "230000b064e01991", 0,
       a64_page, 0x10000, 0x15678, 0x6000, 0, "e3fffff0"},
      {"the add becomes 0x680", rules::a64, "230000b064e01991", 4, a64_low, 0x10000, 0x15678, 0, 8,
       "64001a91"},
      {"pages are counted from 0, not from the base", rules::a64, "230000b064e01991", 0, a64_page,
       0x10000, 0x14e78, 0, 0x1000, "230000d0", 0x800},
      {"adrp without a partner", rules::a64, "230000b01f2003d5", 0, a64_page, 0x10000, 0x15000,
       0x6000, 0, "e3fffff0"},
      {"adrp reaches 4 GiB", rules::a64, "230000b01f2003d5", 0, a64_page, 0x10000, 0x15000, 0,
       0x100000000, ""},
      {"ldr x5, [x3, 0x678] becomes 0x680", rules::a64, "230000b0653c43f9", 4, a64_low, 0x10000,
       0x15678, 0, 8, "654043f9"},
      {"ldr x5 loads from multiples of 8", rules::a64, "230000b0653c43f9", 4, a64_low, 0x10000,
       0x15678, 0, 4, ""},
      {"ldrb w5, [x3, 0x678] becomes 0x67c", rules::a64, "230000b065e05939", 4, a64_low, 0x10000,
       0x15678, 0, 4, "65f05939"},
      {"ldr q1, [x3, 0x670] becomes 0x680", rules::a64, "230000b0619cc13d", 4, a64_low, 0x10000,
       0x15670, 0, 16, "61a0c13d"},
      {"ldr q1 loads from multiples of 16", rules::a64, "230000b0619cc13d", 4, a64_low, 0x10000,
       0x15670, 0, 8, ""},
      {"str w5, [x3, 0x678], 8 instructions on", rules::a64,
       "230000b01f2003d51f2003d51f2003d51f2003d51f2003d51f2003d51f2003d5657806b9", 32, a64_low,
       0x10000, 0x15678, 0, 4, "657c06b9"},
  };
  for (const Case& one : cases) check(one);
}

TEST(References, NeedThePartnersOfArm64) {
  EXPECT_EQ(count_of(rules::a64, "64e01991"), 0u) << "add alone";
  EXPECT_EQ(count_of(rules::a64, "240000b064e01991"), 1u) << "another register";
  EXPECT_EQ(count_of(rules::a64, "230000b064044091"), 1u) << "add of bits 12 to 23";
  EXPECT_EQ(count_of(rules::a64,
                     "230000b01f2003d51f2003d51f2003d51f2003d51f2003d51f2003d51f2003d51f2003d5"
                     "657806b9"),
            1u)
      << "9 instructions on";
  EXPECT_EQ(count_of(rules::a64, "00000400"), 0u);
  EXPECT_EQ(count_of(rules::a64, "000400"), 0u) << "not a whole word";
}

TEST(References, HoldWhatThumbInstructionsSay) {
  const Case cases[] = {
      {"bl +0x1000 becomes bl +0xff0", rules::thumb, "01f000f8", 0, thumb_branch, 0x10000, 0x11004,
       0x10, 0, "00f0f8ff"},
      {"blx +0x1000 becomes blx +0xff0", rules::thumb, "01f000e8", 0, thumb_branch, 0x10000,
       0x11004, 0x10, 0, "00f0f8ef"},
      {"blx counts from a multiple of 4", rules::thumb, "00bf01f000e8", 2, thumb_branch, 0x10002,
       0x11004, 0x10, 0, "00f0f8ef"},
      {"blx from a place that moved off the multiple of 4", rules::thumb, "01f000e8", 0,
       thumb_branch, 0x10000, 0x11004, 0x12, 0, "00f0f8ef"},
      {"blx goes to words", rules::thumb, "01f000e8", 0, thumb_branch, 0x10000, 0x11004, 0, 2, ""},
      {"b.w +0x1000 becomes b.w -16", rules::thumb, "01f000b8", 0, thumb_branch, 0x10000, 0x11004,
       0, minus(0x1010), "fff7f8bf"},
      {"b.w -16 becomes b.w -20", rules::thumb, "fff7f8bf", 0, thumb_branch, 0x10000, 0xfff4, 4, 0,
       "fff7f6bf"},
      {"b.w reaches 16 MiB", rules::thumb, "01f000b8", 0, thumb_branch, 0x10000, 0x11004, 0,
       0xfff000, ""},
      {"b.w goes to halfwords", rules::thumb, "01f000b8", 0, thumb_branch, 0x10000, 0x11004, 0, 1,
       ""},
      {"movw r3, 0x5678; movt r3, 0x800", rules::thumb, "45f27863c0f60003", 0, thumb_low, 0, 0x5678,
       0, 0x10, "45f28863", 0x08000000},
      {"movw r3 carries", rules::thumb, "4ff6f073c0f60003", 0, thumb_low, 0, 0xfff0, 0, 0x20,
       "40f21003", 0x08000000},
      {"into movt r3", rules::thumb, "4ff6f073c0f60003", 4, thumb_high, 0, 0xfff0, 0, 0x20,
       "c0f60103", 0x08000000},
      {"with a halfword between", rules::thumb, "4ff6f07300bfc0f60003", 6, thumb_high, 0, 0xfff0, 0,
       0x20, "c0f60103", 0x08000000},
  };
  for (const Case& one : cases) check(one);
}

TEST(References, AreOnlyWholeThumbInstructions) {
  EXPECT_EQ(count_of(rules::thumb, "01f00080"), 0u) << "beq.w";
  EXPECT_EQ(count_of(rules::thumb, "45f27863c0f60004"), 0u) << "movt of another register";
  EXPECT_EQ(count_of(rules::thumb, "45f27863"), 0u) << "movw alone";
  // The second half looks like the first of a bl with what follows.
  EXPECT_EQ(count_of(rules::thumb, "01f000f000f8"), 1u);
  EXPECT_EQ(count_of(rules::thumb, "01f000d000f8"), 1u);
  EXPECT_EQ(count_of(rules::thumb, "00f000f000f800f8"), 1u);
}

TEST(References, HoldWhatArmInstructionsSay) {
  const Case cases[] = {
      {"bl +0x1000 becomes bl +0xff0", rules::arm, "000400eb", 0, arm_branch, 0x10000, 0x11008,
       0x10, 0, "fc0300eb"},
      {"b -16 becomes b -20", rules::arm, "fcffffea", 0, arm_branch, 0x10000, 0xfff8, 4, 0,
       "fbffffea"},
      {"b reaches 32 MiB", rules::arm, "fcffffea", 0, arm_branch, 0x10000, 0xfff8, 0, 0x2000010,
       ""},
      {"b goes to words", rules::arm, "fcffffea", 0, arm_branch, 0x10000, 0xfff8, 0, 2, ""},
      {"movw r3, 0x5678; movt r3, 0x800", rules::arm, "783605e3003840e3", 0, arm_low, 0, 0x5678, 0,
       0x10, "883605e3", 0x08000000},
      {"movw r3 carries", rules::arm, "f03f0fe3003840e3", 0, arm_low, 0, 0xfff0, 0, 0x20,
       "103000e3", 0x08000000},
      {"into movt r3", rules::arm, "f03f0fe3003840e3", 4, arm_high, 0, 0xfff0, 0, 0x20, "013840e3",
       0x08000000},
  };
  for (const Case& one : cases) check(one);
  EXPECT_EQ(count_of(rules::arm, "783605e3004840e3"), 0u) << "movt of another register";
}

TEST(References, HoldWhatX86InstructionsSay) {
  const Case cases[] = {
      {"call", rules::x86, "9090e800100000", 3, x86_relative, 0x10003, 0x11007, 0x10, 0,
       "f00f0000"},
      {"jmp", rules::x86, "9090e900100000", 3, x86_relative, 0x10003, 0x11007, 0, 0x10, "10100000"},
      {"je", rules::x86, "900f8400100000", 3, x86_relative, 0x10003, 0x11007, 0x2000, 0,
       "00f0ffff"},
      {"lea 0x1000(%rip), %rax", rules::x86, "488d0500100000", 3, x86_relative, 0x10003, 0x11007,
       0x10, 0, "f00f0000"},
      {"movaps 0x1000(%rip), %xmm1", rules::x86, "0f280d00100000", 3, x86_relative, 0x10003,
       0x11007, 0x10, 0, "f00f0000"},
      {"movzbl 0x1000(%rip), %eax", rules::x86, "0fb60500100000", 3, x86_relative, 0x10003, 0x11007,
       0x10, 0, "f00f0000"},
      {"call *0x1000(%rip)", rules::x86, "90ff1500100000", 3, x86_relative, 0x10003, 0x11007, 0x10,
       0, "f00f0000"},
      {"call reaches 2 GiB", rules::x86, "9090e800100000", 3, x86_relative, 0x10003, 0x11007, 0,
       0x7ffff000, ""},
  };
  for (const Case& one : cases) check(one);
  EXPECT_EQ(count_of(rules::x86, "e800100000"), 0u) << "3 bytes are needed before it";
  EXPECT_EQ(count_of(rules::x86, "9090e8001000"), 0u) << "not whole";
  EXPECT_EQ(count_of(rules::x86, "0f9a0500100000"), 0u) << "no such operand";
  EXPECT_EQ(count_of(rules::x86, "9090e8e800100000"), 1u) << "the first of two that overlap";
}

TEST(References, HoldWhatRiscvInstructionsSay) {
  const Case cases[] = {
      {"jal +0x1000 becomes jal +0xff0", rules::riscv, "ef100000", 0, riscv_branch, 0x10000,
       0x11000, 0x10, 0, "ef00107f"},
      {"jal t0, +0x800 becomes +0x1000", rules::riscv, "ef021000", 0, riscv_branch, 0x10000,
       0x10800, 0, 0x800, "ef120000"},
      {"jal goes to halfwords", rules::riscv, "ef100000", 0, riscv_branch, 0x10000, 0x11000, 0, 1,
       ""},
      {"jal reaches 1 MiB", rules::riscv, "ef100000", 0, riscv_branch, 0x10000, 0x11000, 0, 0xff000,
       ""},
      {"auipc a0, 1; addi a0, a0, 0x678: rounds up", rules::riscv, "1715000013058567", 0,
       riscv_high, 0x10000, 0x11678, 0, 0x188, "17250000"},
      {"its addi becomes -0x800", rules::riscv, "1715000013058567", 4, riscv_low, 0x10000, 0x11678,
       0, 0x188, "13050580"},
      {"sd a1, 0x678(a0) becomes 0x688", rules::riscv, "17150000233cb566", 4, riscv_low, 0x10000,
       0x11678, 0, 0x10, "2334b568"},
      {"ld a1, 0x678(a0), the place moves", rules::riscv, "1715000083358567", 4, riscv_low, 0x10000,
       0x11678, minus(0x10), 0, "83358568"},
      {"lui a0, 0x80005; addi 0x678: rounds up", rules::riscv, "3755008013058567", 0, riscv_high, 0,
       0x5678, 0, 0x190, "37650080", 0x80000000},
      {"its addi becomes -0x7f8", rules::riscv, "3755008013058567", 4, riscv_low, 0, 0x5678, 0,
       0x190, "13058580", 0x80000000},
      {"sd after lui", rules::riscv, "37550080233cb566", 4, riscv_low, 0, 0x5678, 0, 0x190,
       "2334b580", 0x80000000},
      {"a compressed instruction between", rules::riscv, "37550080010013058567", 6, riscv_low, 0,
       0x5678, 0, 0x190, "13058580", 0x80000000},
  };
  for (const Case& one : cases) check(one);
  EXPECT_EQ(count_of(rules::riscv, "6f031000"), 0u) << "jal t1";
  EXPECT_EQ(count_of(rules::riscv, "17150000"), 0u) << "auipc alone";
  EXPECT_EQ(count_of(rules::riscv, "1715000093058667"), 0u) << "addi of another register";
  // Its upper half and what follows look like `lb a0, 0(a0)`, 2 bytes away.
  EXPECT_EQ(count_of(rules::riscv, "1705030005000100"), 0u);
}

TEST(References, HoldWhatXtensaCallsSay) {
  const Case cases[] = {
      {"call0", rules::xtensa, "054000", 0, xtensa_call, 0x10000, 0x10404, 0, 0x40, "054400"},
      {"call8", rules::xtensa, "254000", 0, xtensa_call, 0x10000, 0x10404, 0, 0x40, "254400"},
      {"call0 back", rules::xtensa, "c5ffff", 0, xtensa_call, 0x10000, 0x10000, 4, 0, "85ffff"},
      {"from the multiple of 4 before it", rules::xtensa, "0df005400000", 2, xtensa_call, 0x10002,
       0x10404, 2, 0x44, "054400"},
      {"to words", rules::xtensa, "054000", 0, xtensa_call, 0x10000, 0x10404, 0, 2, ""},
      {"512 KiB far", rules::xtensa, "054000", 0, xtensa_call, 0x10000, 0x10404, 0, 0x80000, ""},
  };
  for (const Case& one : cases) check(one);
  EXPECT_EQ(count_of(rules::xtensa, "000000050000"), 1u) << "an instruction of 3 bytes before it";
  EXPECT_EQ(count_of(rules::xtensa, "000500000000"), 0u) << "in the middle of an instruction";
}

TEST(References, HoldWhatDataSays) {
  const Case cases[] = {
      {"a pointer", rules::absolute32, "0000000078560008", 4, absolute32, 0, 0x5678, 0, 0x10,
       "88560008", 0x08000000},
      {"a pointer of 8 bytes", rules::absolute64, "7856000080ffffff", 0, absolute64, 0, 0x5678, 0,
       minus(0x5679), "ffffffff7fffffff", 0xffffff8000000000},
      {"a distance from itself", rules::relative32, "00000000fcffffff", 4, relative32, 0x10004,
       0x10000, 0x10, 4, "f0ffffff"},
      {"a distance of more than 2 GiB", rules::relative32, "fcffffff", 0, relative32, 0x10000,
       0xfffc, 0, 0x80000004, ""},
      {"a distance from the anchor", rules::anchored32, "00010000", 0, relative32, kAnchor,
       kAnchor + 0x100, 0x20, 0, "e0000000"},
  };
  for (const Case& one : cases) check(one);
  EXPECT_EQ(count_of(rules::absolute32, "000100"), 0u);
  EXPECT_EQ(count_of(rules::absolute64, "00010000"), 0u);
  EXPECT_EQ(count_of(rules::absolute32 | rules::anchored32, "0001000000020000"), 4u);
}

TEST(References, AreLookedForInTheOrderOfTheFormat) {
  const Bytes image = {0x00, 0x04, 0x00, 0x94, 0x00, 0x04, 0x00, 0x94};
  const auto found = references_of(rules::a64 | rules::absolute32 | rules::relative32, image, 0);
  std::vector<ReferenceKind> kinds;
  for (const Reference& one : found) kinds.push_back(one.kind);
  // The words are negative distances to no address.
  EXPECT_EQ(kinds, (std::vector<ReferenceKind>{a64_branch, a64_branch, absolute32, absolute32}));
}

}  // namespace
}  // namespace romdelta::test
