// The stages of building a package, in the order of the data flow. Read this first.
//
//   Release -> RomImage -> Cover -> Payload -> Package -> SuperPackage
//
//   product.h     read:    PRODUCT.toml -> Release, an image of each ROM package
//   address_map_builder.h
//                 rebase:  image pair -> AddressMap -> the source, its references rewritten
//   matcher.h     diff:    image pair -> Cover
//   encoder.h     encode:  Cover -> Payload (address map, chunks, and their hash tree)
//   packager.h    package: Payload -> Manifest -> the bytes to be signed
//   signer.h      sign:    manifest digest -> signature, by key file or external command
//   produce.h     all of it for one package, and the proof that the device engine installs it
//
// SuperPackage comes with `pkgtool super`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "format/bytes.h"
#include "installer/cli/error.h"

namespace romdelta::pkgtool {

using Bytes = std::vector<std::uint8_t>;
using cli::Error;
using cli::Exit;

// Told how far a stage is: its name, what is done and what there is to do (any unit). Stages may
// call it from several threads, one call at a time.
using StageProgress =
    std::function<void(const char* stage, std::uint64_t done, std::uint64_t total)>;

}  // namespace romdelta::pkgtool
