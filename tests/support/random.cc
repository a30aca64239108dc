#include "tests/support/random.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace romdelta::test {

Random seeded_random() {
  const char* given = std::getenv("ROMDELTA_TEST_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::printf("ROMDELTA_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return Random(seed);
}

std::uint64_t pick(Random* random, std::uint64_t low, std::uint64_t high) {
  return std::uniform_int_distribution<std::uint64_t>(low, high)(*random);
}

Bytes random_bytes(Random* random, std::size_t count) {
  Bytes bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>((*random)());
  return bytes;
}

Bytes make_image(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Bytes image;
  while (image.size() < count) {
    const std::uint64_t kind = pick(&random, 0, 3);
    const std::size_t length = pick(&random, 1, 200);
    if (kind == 0) {
      image.insert(image.end(), length, static_cast<std::uint8_t>(pick(&random, 0, 255)));
    } else if (kind == 1 && image.size() > length) {
      const std::size_t from = pick(&random, 0, image.size() - length);
      const Bytes repeat(image.begin() + static_cast<std::ptrdiff_t>(from),
                         image.begin() + static_cast<std::ptrdiff_t>(from + length));
      append(&image, repeat);
    } else {
      append(&image, random_bytes(&random, length));
    }
  }
  image.resize(count);
  return image;
}

Bytes revise(ByteSpan source, std::size_t count, std::uint64_t seed) {
  Bytes target = make_image(count, seed);
  std::copy_n(source.begin(), std::min(source.size(), count), target.begin());
  Random random(seed);
  for (std::size_t i = 0; i < count / 32 + 1 && count != 0; ++i) {
    target[pick(&random, 0, count - 1)] ^= static_cast<std::uint8_t>(pick(&random, 1, 255));
  }
  return target;
}

}  // namespace romdelta::test
