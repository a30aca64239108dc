#include "tests/property/images.h"

#include <algorithm>
#include <array>
#include <vector>

namespace romdelta::test {
namespace {

constexpr std::size_t kFunctionWords = 60;  // On average.
constexpr std::uint32_t kLoadAddress = 0x0800'0000;

struct Function {
  std::uint64_t seed = 0;
  std::size_t words = 0;
};

std::vector<Function> functions_of(std::size_t count, std::uint64_t program, unsigned release) {
  std::vector<Function> functions(count / (kFunctionWords * 4) + 1);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    Random random(program * 1'000'003 + i);
    functions[i].words = pick(&random, kFunctionWords / 2, kFunctionWords * 3 / 2);
    functions[i].seed = random();
    // One function in sixteen changes with each release.
    if (random() % 16 == release % 16) functions[i].words += 1 + release;
  }
  return functions;
}

void put_word(Bytes* image, std::uint32_t word) {
  for (int i = 0; i < 4; ++i) image->push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}

std::ptrdiff_t signed_size(std::size_t value) { return static_cast<std::ptrdiff_t>(value); }

// A place and a length inside the image, the length at most 1 / share of it.
struct Range {
  std::size_t begin = 0;
  std::size_t count = 0;
};
Range pick_range(const Bytes& image, std::size_t share, Random* random) {
  const std::size_t begin = pick(random, 0, image.size());
  const std::size_t most = std::min(image.size() - begin, image.size() / share + 1);
  return {begin, pick(random, 0, most)};
}

}  // namespace

const char* to_string(Family family) {
  constexpr std::array<const char*, 5> names = {"noise", "zeros", "ones", "periodic", "firmware"};
  return names[static_cast<std::size_t>(family)];
}

Bytes make_family(Family family, std::size_t count, Random* random) {
  switch (family) {
    case Family::noise: return random_bytes(random, count);
    case Family::zeros: return Bytes(count, 0x00);
    case Family::ones: return Bytes(count, 0xff);
    case Family::periodic: {
      const Bytes period = random_bytes(random, pick(random, 1, 300));
      Bytes image(count);
      for (std::size_t i = 0; i < count; ++i) image[i] = period[i % period.size()];
      return image;
    }
    case Family::firmware: {
      Bytes image = link_firmware(count, (*random)(), 0);
      image.resize(count, 0xff);
      return image;
    }
  }
  return {};
}

Bytes link_firmware(std::size_t count, std::uint64_t program, unsigned release) {
  const std::vector<Function> functions = functions_of(count, program, release);
  std::vector<std::uint32_t> addresses;
  std::uint32_t address = kLoadAddress;
  for (const Function& function : functions) {
    addresses.push_back(address);
    address += static_cast<std::uint32_t>(function.words * 4);
  }
  Bytes image;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    Random random(functions[i].seed);
    for (std::size_t word = 0; word < functions[i].words; ++word) {
      const std::uint64_t value = random();
      const std::size_t callee = (value >> 32) % functions.size();
      if (value % 8 == 0) {
        const auto here = static_cast<std::uint32_t>(addresses[i] + word * 4);
        put_word(&image, 0x9400'0000u | ((addresses[callee] - here) >> 2 & 0x03ff'ffffu));
      } else {
        // Few different instructions, as compilers use them.
        put_word(&image, 0xd280'0000u | static_cast<std::uint32_t>(value >> 40 & 0x3ff));
      }
    }
  }
  for (const std::uint32_t entry : addresses) put_word(&image, entry);
  return image;
}

void mutate(Mutation mutation, std::size_t share, Bytes* image, Random* random) {
  const Range range = pick_range(*image, share, random);
  const auto begin = image->begin() + signed_size(range.begin);
  const auto end = begin + signed_size(range.count);
  switch (mutation) {
    case Mutation::insert: {
      const Bytes extra = random_bytes(random, range.count + 1);
      image->insert(begin, extra.begin(), extra.end());
      break;
    }
    case Mutation::remove: image->erase(begin, end); break;
    case Mutation::replace:
      std::generate(begin, end, [&] { return static_cast<std::uint8_t>((*random)()); });
      break;
    case Mutation::move: {
      const Bytes block(begin, end);
      image->erase(begin, end);
      const std::size_t place = pick(random, 0, image->size());
      image->insert(image->begin() + signed_size(place), block.begin(), block.end());
      break;
    }
    case Mutation::flip_bits:
      for (std::size_t i = 0; i < range.count / 16 + 1 && !image->empty(); ++i) {
        (*image)[pick(random, 0, image->size() - 1)] ^=
            static_cast<std::uint8_t>(1u << pick(random, 0, 7));
      }
      break;
    case Mutation::truncate: image->resize(image->size() - range.count); break;
    case Mutation::grow: {
      const Bytes tail = make_family(all_families[pick(random, 0, 3)], range.count + 1, random);
      append(image, tail);
      break;
    }
  }
}

Bytes mutated(const Bytes& image, Random* random, std::string* story) {
  static constexpr const char* kNames[] = {"insert", "remove",   "replace", "move",
                                           "flip",   "truncate", "grow"};
  Bytes result = image;
  const std::uint64_t count = pick(random, 1, 8);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t which = pick(random, 0, std::size(all_mutations) - 1);
    *story += std::string(" ") + kNames[which];
    mutate(all_mutations[which], pick(random, 2, 64), &result, random);
  }
  return result;
}

}  // namespace romdelta::test
