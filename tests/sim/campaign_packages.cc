#include "tests/sim/campaign_packages.h"

#include <algorithm>

#include "tests/support/random.h"

namespace romdelta::test {
namespace {

constexpr PackageKind kKinds[] = {
    {"delta", true, 3.4, 3.7, 1, Codec::context},
    {"delta-chunks", true, 5.0, 6.2, 5, Codec::context},
    {"delta-zstd", true, 4.1, 3.3, 3, Codec::zstd},
    {"delta-shrinks", true, 5.0, 1.5, 1, Codec::context},
    {"full", false, 2.0, 3.6, 1, Codec::zstd},
    {"full-chunks", false, 3.5, 5.9, 5, Codec::context},
};

constexpr PackageKind kTinyKinds[] = {
    {"delta", true, 1.5, 1.6, 1, Codec::context},
    {"full", false, 1.0, 1.4, 1, Codec::context},
    {"delta-chunks", true, 1.8, 2.0, 2, Codec::context},
};

std::size_t blocks(double count, const FlashGeometry& flash) {
  return static_cast<std::size_t>(count * flash.erase_block_bytes);
}

// Half of it made from the source, half of it new, so that every codec has to send something.
Bytes target_of(ByteSpan source, std::size_t count) {
  Bytes target = revise(source, count, 2);
  const Bytes fresh = make_image(count, 3);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 512 < 200) target[i] = fresh[i];
  }
  return target;
}

}  // namespace

std::span<const PackageKind> all_package_kinds() { return kKinds; }

std::span<const PackageKind> tiny_package_kinds() { return kTinyKinds; }

CampaignPackage make_campaign_package(const PackageKind& kind,
                                      const pkgtool::SimulatedGeometry& geometry) {
  CampaignPackage result;
  result.source = make_image(blocks(kind.source_blocks, geometry.flash), 1);
  result.target = target_of(result.source, blocks(kind.target_blocks, geometry.flash));
  pkgtool::BuildRequest request;
  request.package_id = "com.example.app";
  if (kind.is_delta) request.source = pkgtool::SourceImage{result.source, "1.0"};
  request.target = result.target;
  request.target_version = "2.0";
  request.full_if_smaller = false;
  request.codec = kind.codec;
  request.encoder.ram_bytes_max = 8 << 20;
  request.encoder.erase_block_bytes = geometry.flash.erase_block_bytes;
  pkgtool::UnsignedPackage package = pkgtool::build_package(request, {});
  if (kind.chunks > 1) {
    // RAM for a part of what one chunk takes.
    const std::uint64_t chunk = std::uint64_t{package.manifest.chunk_stored_bytes_max} +
                                package.manifest.chunk_decoded_bytes_max;
    request.encoder.ram_bytes_max =
        package.manifest.budgets.ram_bytes - chunk + chunk / kind.chunks + 512;
    package = pkgtool::build_package(request, {});
  }
  SignatureList signatures;
  (void)signatures.insert(sign(test_key(1), package.digest()));
  result.manifest = package.manifest;
  result.file = pkgtool::assemble(package, signatures);
  return result;
}

}  // namespace romdelta::test
