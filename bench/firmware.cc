#include "bench/firmware.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace romdelta::bench {
namespace {

constexpr std::size_t kWordBytes = 4;
constexpr std::size_t kFunctionWordsMean = 64;
// How often a function changes between two revisions.
constexpr std::uint64_t kEditedOneIn = 48;
constexpr std::uint64_t kAddedOneIn = 160;
constexpr std::uint64_t kRemovedOneIn = 400;

// Shares of an image, in 32nds; what is left is padding.
constexpr std::size_t kCodeShare = 20;
constexpr std::size_t kPointerShare = 3;
constexpr std::size_t kTextShare = 4;
constexpr std::size_t kAssetShare = 3;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return Random(a * 0x9e3779b97f4a7c15 + b).next();
}

struct Function {
  std::uint64_t id = 0;
  unsigned edited = 0;  // The last revision that edited it.
  std::size_t words = 0;
  std::uint64_t address = 0;
};

std::size_t word_count(std::uint64_t id, unsigned edited) {
  Random random(mix(id, 1));
  const std::size_t words = 8 + random.below(2 * kFunctionWordsMean);
  return edited == 0 ? words : words + mix(id, 1000 + edited) % 6;
}

// Where the code ends.
std::uint64_t end_address(const std::vector<Function>& functions) {
  if (functions.empty()) return 0;
  return functions.back().address + functions.back().words * kWordBytes;
}

// The functions of a revision in the order of their addresses.
std::vector<Function> make_functions(std::size_t code_bytes, unsigned revision) {
  std::vector<Function> functions;
  const auto add = [&](std::uint64_t id, unsigned edited) {
    functions.push_back({id, edited, word_count(id, edited), end_address(functions)});
  };
  for (std::uint64_t id = 0; end_address(functions) < code_bytes; ++id) {
    unsigned edited = 0;
    bool removed = false;
    for (unsigned r = 1; r <= revision; ++r) {
      Random fate(mix(id, 2 + r));
      if (fate.one_in(kEditedOneIn)) edited = r;
      if (fate.one_in(kRemovedOneIn)) removed = true;
      if (fate.one_in(kAddedOneIn)) add((id << 8) | std::uint64_t{1} << 60 | r, 0);
    }
    if (!removed) add(id, edited);
  }
  return functions;
}

// Words that compilers emit all the time are drawn more often than rare ones.
std::uint32_t common_word(Random* random) {
  constexpr std::uint64_t vocabulary = 6000;
  const std::uint64_t rank = std::min(random->below(vocabulary), random->below(vocabulary));
  return static_cast<std::uint32_t>(mix(rank, 7)) & 0xf7ffffff;
}

// ARM64's BL and ADRP with the displacement that the layout asks for.
std::uint32_t call_word(std::uint64_t from, std::uint64_t to) {
  return 0x94000000 | (static_cast<std::uint32_t>((to - from) / kWordBytes) & 0x03ffffff);
}
std::uint32_t page_word(std::uint64_t from, std::uint64_t to, std::uint32_t reg) {
  const std::uint64_t pages = (to >> 12) - (from >> 12);
  return 0x90000000 | (static_cast<std::uint32_t>(pages & 3) << 29) |
         ((static_cast<std::uint32_t>(pages >> 2) & 0x7ffff) << 5) | reg;
}

void put_word(Bytes* image, std::uint32_t word) {
  for (unsigned shift = 0; shift < 32; shift += 8) {
    image->push_back(static_cast<std::uint8_t>(word >> shift));
  }
}

void put_code(const std::vector<Function>& functions, std::uint64_t data_address, Bytes* image) {
  for (const Function& function : functions) {
    Random body(mix(function.id, 3));
    Random edits(mix(function.id, 2000 + function.edited));
    for (std::size_t i = 0; i < function.words; ++i) {
      const std::uint64_t at = image->size();
      const std::uint64_t kind = body.below(16);
      const std::uint64_t choice = body.next();
      std::uint32_t word = common_word(&body);
      if (kind < 2) {
        word = call_word(at, functions[choice % functions.size()].address);
      } else if (kind == 2) {
        word = page_word(at, data_address + choice % 0x40000,
                         static_cast<std::uint32_t>(choice >> 60));
      }
      if (function.edited != 0 && edits.one_in(8)) word = common_word(&edits);
      put_word(image, word);
    }
  }
}

void put_pointers(const std::vector<Function>& functions, std::size_t end, Bytes* image) {
  constexpr std::uint64_t base = 0xffff800008000000;
  for (std::size_t i = 0; image->size() < end; ++i) {
    const std::uint64_t value = base + functions[i * 5 % functions.size()].address;
    put_word(image, static_cast<std::uint32_t>(value));
    put_word(image, static_cast<std::uint32_t>(value >> 32));
  }
}

void put_text(std::size_t end, unsigned revision, Bytes* image) {
  static constexpr const char* kSyllables[] = {"in",  "re",  "con", "flash", "err",
                                               "ad",  "com", "mit", "con",   "de",
                                               "ver", "fig", "sec", "up",    "tion"};
  Random random(11);
  for (std::size_t line = 0; image->size() < end; ++line) {
    for (std::size_t n = 2 + random.below(9); n != 0; --n) {
      const std::string_view syllable = kSyllables[random.below(std::size(kSyllables))];
      image->insert(image->end(), syllable.begin(), syllable.end());
      if (random.one_in(3)) image->push_back(' ');
    }
    // The messages that name the release.
    if (line % 512 == 5) image->push_back(static_cast<std::uint8_t>('0' + revision % 10));
    image->push_back(0);
  }
}

}  // namespace

std::uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Bytes make_noise(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  Bytes noise;
  noise.reserve(bytes + kWordBytes);
  while (noise.size() < bytes) put_word(&noise, static_cast<std::uint32_t>(random.next()));
  noise.resize(bytes);
  return noise;
}

Bytes make_firmware(std::size_t bytes, unsigned revision) {
  const std::size_t share = bytes / 32;
  Bytes image;
  image.reserve(bytes + 4 * kFunctionWordsMean * kWordBytes);
  const std::vector<Function> functions = make_functions(share * kCodeShare, revision);
  put_code(functions, end_address(functions), &image);
  put_pointers(functions, image.size() + share * kPointerShare, &image);
  put_text(image.size() + share * kTextShare, revision, &image);
  const Bytes assets = make_noise(share * kAssetShare, 13);
  image.insert(image.end(), assets.begin(), assets.end());
  image.resize(bytes, 0xff);
  return image;
}

}  // namespace romdelta::bench
