// The package of docs/format.md section 12, made from the structures of format/ and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "doc_file.h"
#include "format/package.h"

namespace romdelta::docs_test {

inline constexpr std::string_view example_source = "firmware v1.0.0\n";
inline constexpr std::string_view example_target = "v1.1.0: firmware ok\n";
inline constexpr std::uint32_t example_erase_block_bytes = 4096;

struct ExamplePackage {
  std::vector<std::uint8_t> bytes;
  PublicKey public_key;
  Manifest manifest;
  Digest manifest_digest;
};

ExamplePackage make_example_package();

// What each byte of it is.
std::vector<HexNote> example_package_notes();

// The seed of the example's Ed25519 key: 00 01 02 ... 1f.
std::vector<std::uint8_t> example_key_seed();

inline ByteSpan bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace romdelta::docs_test
