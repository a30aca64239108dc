#include "tests/support/linked_image.h"

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

void append_number(Bytes* to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to->push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

// What a word of a function is.
enum class Kind { plain, call, page, low };
struct Word {
  Kind kind = Kind::plain;
  std::uint32_t bits = 0;
  std::size_t function = 0;  // What it refers to.
};

std::vector<Word> random_function(Random* random, std::size_t function_count) {
  std::vector<Word> words;
  for (std::size_t left = pick(random, 8, 60); left != 0; --left) {
    const std::size_t function = pick(random, 0, function_count - 1);
    switch (pick(random, 0, 6)) {
      case 0:
      case 1: words.push_back({Kind::call, 0x94000000, function}); break;
      case 2: {
        const auto result = static_cast<std::uint32_t>(pick(random, 0, 30));
        words.push_back({Kind::page, 0x90000000 | result, function});
        words.push_back({Kind::low, 0x91000000 | result << 5 | result, function});
        break;
      }
      default:
        // Data processing of registers: no reference of any kind.
        words.push_back(
            {Kind::plain, 0x8b000000 | static_cast<std::uint32_t>(pick(random, 0, 0xffff)), 0});
        break;
    }
  }
  return words;
}

std::uint32_t linked(const Word& word, std::uint64_t place, std::uint64_t target) {
  switch (word.kind) {
    case Kind::call:
      return word.bits | (static_cast<std::uint32_t>((target - place) >> 2) & 0x03ffffff);
    case Kind::page: {
      const auto pages = static_cast<std::uint32_t>((target >> 12) - (place >> 12));
      return word.bits | (pages & 3) << 29 | (pages >> 2 & 0x7ffff) << 5;
    }
    case Kind::low: return word.bits | static_cast<std::uint32_t>(target & 0xfff) << 10;
    default: return word.bits;
  }
}

}  // namespace

Bytes link_image(const LinkPlan& plan) {
  Random random(plan.seed);
  std::vector<std::vector<Word>> functions;
  for (std::size_t i = 0; i < plan.function_count; ++i) {
    functions.push_back(random_function(&random, plan.function_count));
  }
  std::vector<std::uint64_t> addresses;
  std::uint64_t address = plan.base + 8 * functions.size();
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const std::size_t grown = i < plan.grown_words.size() ? plan.grown_words[i] : 0;
    for (std::size_t more = grown; more != 0; --more) {
      functions[i].push_back({Kind::plain, 0xaa000000 | static_cast<std::uint32_t>(more), 0});
    }
    addresses.push_back(address);
    address += 4 * functions[i].size();
  }
  Bytes image;
  for (const std::uint64_t one : addresses) append_number(&image, one, 8);
  for (const std::vector<Word>& function : functions) {
    for (const Word& word : function) {
      append_number(&image, linked(word, plan.base + image.size(), addresses[word.function]), 4);
    }
  }
  return image;
}

}  // namespace romdelta::test
