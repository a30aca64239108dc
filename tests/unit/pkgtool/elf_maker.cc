#include "tests/unit/pkgtool/elf_maker.h"

namespace romdelta::pkgtool {
namespace {

constexpr std::size_t kProgramHeaders = 0x40;
constexpr std::size_t kSectionHeaders = 0x180;
constexpr std::size_t kNames = 0x380;

class Writer {
 public:
  Writer(Bytes* bytes, bool is_64) : bytes_(*bytes), is_64_(is_64) {}

  void seek(std::size_t offset) { at_ = offset; }
  void number(std::uint64_t value, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      bytes_.at(at_++) = static_cast<std::uint8_t>(value >> (8 * i));
    }
  }
  void word(std::uint64_t value) { number(value, is_64_ ? 8 : 4); }

 private:
  Bytes& bytes_;
  bool is_64_;
  std::size_t at_ = 0;
};

}  // namespace

Bytes make_elf(const ElfPlan& plan) {
  Bytes image(plan.image_bytes);
  Writer writer(&image, plan.is_64);
  writer.number(0x464c457f, 4);
  writer.number(plan.is_64 ? 2 : 1, 1);
  writer.number(1, 1);  // Little-endian.
  writer.number(1, 1);
  writer.seek(16);
  writer.number(2, 2);  // An executable
  writer.number(183, 2);
  writer.number(1, 4);
  writer.word(0);
  writer.word(kProgramHeaders);
  writer.word(kSectionHeaders);
  writer.number(0, 4);
  writer.number(plan.is_64 ? 64 : 52, 2);
  writer.number(plan.is_64 ? 56 : 32, 2);
  writer.number(plan.segments.size(), 2);
  writer.number(plan.is_64 ? 64 : 40, 2);
  writer.number(plan.sections.size() + 2, 2);
  writer.number(plan.sections.size() + 1, 2);

  writer.seek(kProgramHeaders);
  for (const Segment& segment : plan.segments) {
    writer.number(1, 4);
    if (plan.is_64) writer.number(5, 4);
    writer.word(segment.offset);
    writer.word(segment.address);
    writer.word(segment.address);
    writer.word(segment.bytes);
    writer.word(segment.memory_bytes);
    if (!plan.is_64) writer.number(5, 4);
    writer.word(4096);
  }

  // The first header is of no section, the last of the names.
  std::string names(1, '\0');
  writer.seek(kSectionHeaders + (plan.is_64 ? 64 : 40));
  const auto section_header = [&](std::uint64_t type, const Section& section) {
    writer.number(names.size(), 4);
    names += section.name + '\0';
    writer.number(type, 4);
    writer.word(0);
    writer.word(section.address);
    writer.word(section.offset);
    writer.word(section.bytes);
    writer.number(0, 8);
    writer.word(1);
    writer.word(0);
  };
  for (const Section& section : plan.sections) section_header(1, section);
  section_header(3, {".shstrtab", kNames, 0x80, 0});
  writer.seek(kNames);
  for (const char letter : names) writer.number(static_cast<std::uint8_t>(letter), 1);
  return image;
}

}  // namespace romdelta::pkgtool
